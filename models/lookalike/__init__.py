"""Lookalike: who resembles the customers of a list."""

from models.lookalike.prediction import Lookalike, LookalikeSettings

__all__ = ["Lookalike", "LookalikeSettings"]
