"""Markdown: numbers with three decimals, intervals, tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NOTHING = "-"

Figure = Mapping[str, float | None]


def number(value: float | None, *, sign: bool = False, decimals: int = 3) -> str:
    """Return a figure with three decimals and no zero before the point; what is not there is a dash."""
    if value is None:
        return NOTHING
    # nothing is -0
    rounded = round(value, decimals) + 0.0
    text = f"{rounded:+.{decimals}f}" if sign else f"{rounded:.{decimals}f}"
    return text.replace("0.", ".", 1) if text.lstrip("+-").startswith("0.") else text


def interval(figure: Figure, *, sign: bool = False) -> str:
    """Return a figure with its interval."""
    low, high = (number(figure[end], sign=sign) for end in ("low", "high"))
    return f"{number(figure['value'], sign=sign)} [{low}, {high}]"


def days(value: float | None, *, decimals: int = 1) -> str:
    """Return days with one decimal."""
    return NOTHING if value is None else f"{value:.{decimals}f}"


def day_interval(figure: Figure) -> str:
    """Return days with two decimals and their interval."""
    value, low, high = (days(figure[each], decimals=2) for each in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def answer(met: bool | None) -> str:
    """Return a verdict in a word."""
    return {True: "yes", False: "**no**", None: "reported"}[met]


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; cells that hold a bar would break it and get another sign."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "/") for cell in line) + " |" for line in lines)
