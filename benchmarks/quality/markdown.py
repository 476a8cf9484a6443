"""Markdown: numbers with three decimals, intervals, tables."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NOTHING = "-"

Figure = Mapping[str, float | None]


def number(value: float | None, *, sign: bool = False) -> str:
    """Return a figure with three decimals and no zero before the point; what is not there is a dash."""
    if value is None:
        return NOTHING
    text = f"{value:+.3f}" if sign else f"{value:.3f}"
    # nothing is -0
    text = text.replace("-0.000", "+0.000" if sign else "0.000")
    return text.replace("0.", ".", 1) if text.lstrip("+-").startswith("0.") else text


def interval(figure: Figure, *, sign: bool = False) -> str:
    """Return a figure with its interval."""
    low, high = (number(figure[end], sign=sign) for end in ("low", "high"))
    return f"{number(figure['value'], sign=sign)} [{low}, {high}]"


def days(value: float | None) -> str:
    """Return days with one decimal."""
    return NOTHING if value is None else f"{value:.1f}"


def day_interval(figure: Figure) -> str:
    """Return days with their interval."""
    return f"{days(figure['value'])} [{days(figure['low'])}, {days(figure['high'])}]"


def answer(met: bool | None) -> str:
    """Return a verdict in a word."""
    return {True: "yes", False: "**no**", None: "reported"}[met]


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table; cells that hold a bar would break it and get another sign."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "/") for cell in line) + " |" for line in lines)
