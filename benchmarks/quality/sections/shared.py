"""What several sections of the page say alike."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Result = Mapping[str, Any]


NOT_JUDGED = " (reported, not judged)"
MODE_TITLES = {
    "next_basket": "next basket",
    "new": "bought for the first time",
    "repeat": "bought again",
    "basket": "one item of a basket by the others",
}


def entries(results: Mapping[str, Result], part: str, key: str) -> Sequence[Result]:
    """Return the entries of a part under a key; none where the part was not run."""
    found: Sequence[Result] = results[part]["data"][key] if part in results else ()
    return found


def methods_of(entries: Sequence[Result]) -> list[str]:
    """Return every method of the entries, in the order in which they come."""
    return list(dict.fromkeys(name for entry in entries for name in entry["methods"]))


def title_of(line: Result) -> str:
    """Return a line's title, and whether it is judged."""
    return str(line["title"]) + ("" if line["judged"] else NOT_JUDGED)


def left_out(titled: Iterable[tuple[str, Result]]) -> str:
    """Say which methods did not converge, and where; empty = all did."""
    told = dict.fromkeys(f"{title}: {name} ({why})" for title, each in titled for name, why in each["left_out"].items())
    return f"Not converged and left out: {'; '.join(told)}." if told else ""


def as_figure(beside: Result) -> dict[str, float]:
    """Return the difference to another method as a figure with its interval."""
    return {"value": beside["difference"], "low": beside["low"], "high": beside["high"]}
