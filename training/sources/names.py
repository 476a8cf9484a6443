"""A source's column names: which one is meant, and what messages say of them."""

from collections.abc import Sequence
from difflib import get_close_matches

_SHOWN = 30  # column names that a message lists at most


def found(name: str, names: Sequence[str]) -> str | None:
    """Return the column of exactly this name, else the only one that differs in case alone, else None."""
    if name in names:
        return name
    alike = [other for other in names if other.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def closest(name: str, names: Sequence[str]) -> str:
    """Ask, in parentheses, whether the name that is most like ``name`` was meant; empty where none is like it."""
    lowered = {other.lower(): other for other in names}
    close = get_close_matches(name.lower(), lowered, n=1)
    return f" (did you mean {lowered[close[0]]!r}?)" if close else ""


def listed(names: Sequence[str]) -> str:
    """List the first names, and count the others."""
    more = f", ... and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + more
