"""Where a rival is ahead, of whatever was measured."""

from collections.abc import Mapping

from benchmarks.quality.customers import JUDGED_BY
from benchmarks.quality.markdown import interval, number, table
from benchmarks.quality.sections.shared import MODE_TITLES, Result, as_figure, entries, title_of
from benchmarks.quality.verdicts import (
    TITLES,
    against,
    best_of,
    best_other,
    higher_is_better,
    lookalike_lines,
    lost,
    ndcg,
    value,
)


def section(results: Mapping[str, Result]) -> str:
    """Return where a rival is ahead, by chance or not; empty = nowhere."""
    told = [*_lines_behind(results), *_dates_behind(results), *_products_behind(results), *_lookalike_behind(results)]
    if not told:
        return ""
    return "## Where Foresell does not lead\n\nA rival's figure is better here, by chance or not.\n\n" + table(
        ("where", "figure", "Foresell", "the best rival", "difference"), told
    )


def _lines_behind(results: Mapping[str, Result]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for line in entries(results, "customers", "lines"):
        for metric in JUDGED_BY:
            best = best_of(line, line["rivals"], metric)
            ours, theirs = value(line, line["chosen"], metric), value(line, best, metric)
            if (theirs > ours) if higher_is_better(metric) else (theirs < ours):
                difference = against(line, best, metric)
                mark = " (whole interval)" if lost(difference, metric) else ""
                rows.append(
                    (title_of(line), TITLES[metric], f"{line['chosen']} {number(ours)}", f"{best} {number(theirs)}",
                     interval(difference, sign=True) + mark)
                )  # fmt: skip
    return rows


def _dates_behind(results: Mapping[str, Result]) -> list[tuple[str, ...]]:
    if "dates" not in results:
        return []
    data = results["dates"]["data"]
    errors = {name: each["error_days"]["value"] for name, each in data["methods"].items()}
    best = min(data["rivals"], key=lambda name: errors[name])
    ours = errors[data["chosen"]]
    if errors[best] >= ours:
        return []
    difference = interval(data["paired"][best]["error_days"], sign=True)
    return [("next order", "error, days", f"{data['chosen']} {ours:.2f}", f"{best} {errors[best]:.2f}", difference)]


def _products_behind(results: Mapping[str, Result]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for row in entries(results, "products", "rows"):
        best = best_other(row)
        difference = row["paired"][best]["ndcg_10"]
        if difference["value"] < 0:
            mark = " (whole interval)" if difference["high"] < 0 else ""
            rows.append(
                (f"{row['items']}, {MODE_TITLES[row['mode']]}, {row['test']}", "NDCG@10",
                 f"{row['chosen']} {number(ndcg(row, row['chosen']))}", f"{best} {number(ndcg(row, best))}",
                 interval(difference, sign=True) + mark)
            )  # fmt: skip
    return rows


def _lookalike_behind(results: Mapping[str, Result]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for ours, *others in lookalike_lines(results["lookalike"]["data"]) if "lookalike" in results else ():
        best = max(others, key=lambda row: row["auc"])
        if best["auc"] > ours["auc"]:
            difference = ours["beside"][best["method"]]
            mark = " (whole interval)" if difference["high"] < 0 else ""
            rows.append(
                (f"lookalike, {ours['line']}", "AUC", f"{ours['method']} {number(ours['auc'])}",
                 f"{best['method']} {number(best['auc'])}", interval(as_figure(difference), sign=True) + mark)
            )  # fmt: skip
    return rows
