"""``foresell init``: reads a sample of a shop's files or database and writes a commented ``foresell.toml``."""

from training.initialise.initialise import Initialised, initialise

__all__ = ["Initialised", "initialise"]
