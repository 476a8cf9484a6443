"""How counts, shares and lists are written in sentences."""

from collections.abc import Sequence
from pathlib import Path

from models.settings import Settings


def listed(parts: Sequence[object]) -> str:
    """Write a list in words: ``a, b and c``; the parts must not be empty."""
    *rest, last = (str(part) for part in parts)
    return f"{', '.join(rest)} and {last}" if rest else last


def counted(number: int, one: str, many: str) -> str:
    """Write a number and what it counts."""
    return f"{number:,} {one if number == 1 else many}"


def percentage(part: int, whole: int) -> str:
    """Write a part above zero in percent, with one decimal."""
    share = 100 * part / whole
    return f"{share:.1f} %" if share >= 0.1 else "< 0.1 %"


def place_of(file: Path, settings: Settings) -> str:
    """Return a path as a person finds it: from the workspace on where it lies inside."""
    return file.relative_to(settings.workspace).as_posix() if file.is_relative_to(settings.workspace) else str(file)
