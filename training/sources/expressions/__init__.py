"""Expressions over a source's columns: derived columns and conditions of the configuration."""

from training.sources.expressions.language import Expression, column, parse

__all__ = ["Expression", "column", "parse"]
