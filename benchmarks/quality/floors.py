"""Floors that a run must not fall through: a crippled rival would make us look good, a crippled method us bad."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.quality.markdown import number
from benchmarks.quality.products import TWO_STAGES
from benchmarks.quality.verdicts import REPRODUCED_WITHIN, ndcg, value

FELL_BY, DAYS_WITHIN = 0.01, 0.1
RECORDED = Path(__file__).parent / "recorded.json"


@dataclass(frozen=True)
class Reproduced:
    """A published figure beside ours of the same method.

    Parameters
    ----------
    where, method : str
        The split, and the method.
    measured : float, optional
        Ours; None = the method is gone or did not converge.
    published : float
        What it reached elsewhere on the same split.
    tolerance : float
        By how much two figures may differ that agree.
    higher_is_better : bool
        No for an error.
    """

    where: str
    method: str
    measured: float | None
    published: float
    tolerance: float = REPRODUCED_WITHIN
    higher_is_better: bool = True

    @property
    def kept(self) -> bool:
        """Say whether ours is not weaker; a stronger one makes it harder for us."""
        if self.measured is None:
            return False
        short = self.published - self.measured
        return (short if self.higher_is_better else -short) <= self.tolerance

    @property
    def within(self) -> bool:
        """Say whether the two figures agree."""
        return self.measured is not None and abs(self.measured - self.published) <= self.tolerance


def failures(results: Mapping[str, Any], recorded: Mapping[str, float]) -> list[str]:
    """Return a line for each floor that a run fell through."""
    failed = [_told(each) for each in reproduced(results) if not each.kept]
    for key, found in own_figures(results).items():
        floor = recorded.get(key)
        if floor is not None and found < floor - FELL_BY:
            failed.append(f"{key}: Foresell {number(found)}, recorded {number(floor)}: more than {FELL_BY} below")
    return failed


def _told(each: Reproduced) -> str:
    return (
        f"{each.where}: {each.method} {number(each.measured)}, published {number(each.published)}: "
        f"more than {each.tolerance} {'below' if each.higher_is_better else 'above'}, the comparison is not fair"
    )


def reproduced(results: Mapping[str, Any]) -> Iterator[Reproduced]:
    """Yield every published figure of a method that is ours too."""
    for line in _data(results, "customers", "lines"):
        for published in line["published"]:
            measured = [value(line, name, "auc") for name in published["methods"] if name in line["methods"]]
            yield Reproduced(line["title"], published["title"], max(measured, default=None), published["auc"])
    if "dates" in results:
        yield from _dates(results["dates"]["data"])
    for row in _data(results, "products", "rows"):
        for name, figure in row["published"].items():
            if name != TWO_STAGES:
                found = ndcg(row, name) if name in row["methods"] else None
                yield Reproduced(f"{row['items']}, {row['mode']}", name, found, figure)
    for row in _data(results, "lookalike", "rows"):
        if row["published"] is not None and not row["ours"]:
            yield Reproduced(f"lookalike, {row['line']}", row["method"], row["auc"], row["published"])


def _dates(data: Mapping[str, Any]) -> Iterator[Reproduced]:
    for name, published in data["published"].items():
        found = data["methods"].get(name)
        error, index = (found[metric]["value"] if found else None for metric in ("error_days", "c_index"))
        yield Reproduced("next order, C-index", name, index, published["c_index"])
        yield Reproduced(
            "next order, mean error in days", name, error, published["error_days"], DAYS_WITHIN, higher_is_better=False
        )


def own_figures(results: Mapping[str, Any]) -> dict[str, float]:
    """Return Foresell's figures by what they are of; all of them higher the better."""
    lines = {
        f"{line['title']}: AUC": value(line, line["chosen"], "auc") for line in _data(results, "customers", "lines")
    }
    rows = {
        f"{row['items']}, {row['mode']}, {row['test']}: NDCG@10": ndcg(row, row["chosen"])
        for row in _data(results, "products", "rows")
    }
    queries = {
        f"lookalike, {row['line']}: AUC": row["auc"] for row in _data(results, "lookalike", "rows") if row["ours"]
    }
    return lines | rows | queries


def recorded() -> dict[str, float]:
    """Return Foresell's figures of the last complete run that was kept."""
    found: dict[str, float] = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.is_file() else {}
    return found


def record(results: Mapping[str, Any]) -> None:
    """Keep Foresell's figures, in place of earlier ones of the same splits."""
    kept = recorded() | {key: round(found, 4) for key, found in own_figures(results).items()}
    RECORDED.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _data(results: Mapping[str, Any], part: str, key: str) -> list[Any]:
    found: list[Any] = results[part]["data"][key] if part in results else []
    return found
