"""What is promised of the predictions, and whether the measured figures keep it: computed, never written by hand."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.quality.customers import JUDGED_BY
from benchmarks.quality.markdown import day_interval, interval, number
from benchmarks.quality.products import NEW, NEXT_BASKET

Result = Mapping[str, Any]

TITLES = {"auc": "AUC", "log_loss": "Log loss", "brier": "Brier score"}
FOUR_NUMBERS = "rfm_logistic"
REPRODUCED_WITHIN = 0.01
CALIBRATION_LIMITS = {"complete-journey": 0.015, "cdnow": 0.015, "ta-feng": 0.03}
ERROR_DAYS, C_INDEX, COVERAGE = 9.0, 0.75, (0.76, 0.84)
PROCESS = "bg_nbd"
RANKING_MARGIN = 0.005
LOOKALIKE_MARGIN, CURVE_GAP, SPEND_RANK = 0.005, 0.05, "spend_rank"
BASKET_RIVALS = ("item_knn", "most_popular")


@dataclass(frozen=True)
class Verdict:
    """One promise: what, the figure, and whether it is kept (None = reported, not judged)."""

    what: str
    figure: str
    met: bool | None


def verdicts(results: Mapping[str, Result]) -> list[Verdict]:
    """Return the verdicts on whatever has been measured."""
    found: list[Verdict] = []
    for part, judge in JUDGES.items():
        if part in results:
            found += judge(results[part]["data"])
    return found


# -- churn and repurchase


def higher_is_better(metric: str) -> bool:
    """Say whether a higher figure is the better one."""
    return metric == "auc"


def value(entry: Result, method: str, metric: str) -> float:
    """Return the figure of a method."""
    found: float = entry["methods"][method]["figures"][metric]["value"]
    return found


def best_of(entry: Result, names: Sequence[str], metric: str) -> str:
    """Return which of some methods has the best figure."""
    return (max if higher_is_better(metric) else min)(names, key=lambda name: value(entry, name, metric))


def against(entry: Result, other: str, metric: str) -> Result:
    """Return Foresell minus another method; 0 where the other one is what serves."""
    if other == entry["chosen"]:
        return {"value": 0.0, "low": 0.0, "high": 0.0}
    found: Result = entry["paired"][other][metric]
    return found


def lost(difference: Result, metric: str) -> bool:
    """Say whether the whole interval is on the wrong side of 0."""
    return bool(difference["high"] < 0 if higher_is_better(metric) else difference["low"] > 0)


def led(difference: Result, metric: str) -> bool:
    """Say whether the whole interval is on the right side of 0."""
    return bool(difference["low"] > 0 if higher_is_better(metric) else difference["high"] < 0)


def judged_lines(data: Result) -> list[Result]:
    """Return the lines whose figures count."""
    return [line for line in data["lines"] if line["judged"]]


def _customers(data: Result) -> Iterator[Verdict]:
    for metric in JUDGED_BY:
        yield _no_line_lost(data, metric)
        if data["pooled"]["paired"]:
            yield _pooled(data, metric)
        yield _mean(data, metric)
    yield _calibrated(data)


def _no_line_lost(data: Result, metric: str) -> Verdict:
    lines = judged_lines(data)
    behind = [
        f"{line['title']}: {interval(difference, sign=True)} against {best}"
        for line in lines
        for best in [best_of(line, line["rivals"], metric)]
        for difference in [against(line, best, metric)]
        if lost(difference, metric)
    ]
    what = (
        f"{TITLES[metric]}: on no line is the whole interval of Foresell minus the line's best rival on the wrong side"
    )
    return Verdict(
        what,
        f"{len(lines) - len(behind)} of {len(lines)} judged lines" + "".join(f"; {each}" for each in behind),
        not behind,
    )


def _pooled(data: Result, metric: str) -> Verdict:
    pooled = data["pooled"]
    where = f"the {pooled['lines']} lines of {pooled['source']}"
    what = f"{TITLES[metric]}: Foresell minus the regression on four numbers, pooled over {where}"
    if FOUR_NUMBERS not in pooled["paired"]:
        return Verdict(what, f"{FOUR_NUMBERS} was not measured on all of them", False)
    found = pooled["paired"][FOUR_NUMBERS][metric]
    return Verdict(what, interval(found, sign=True), led(found, metric))


def means(data: Result, metric: str) -> dict[str, tuple[float, float]]:
    """Return rival -> (Foresell's mean, its mean) over the judged lines that have the rival."""
    lines = judged_lines(data)
    names = dict.fromkeys(name for line in lines for name in line["rivals"])
    found = {}
    for name in names:
        those = [line for line in lines if name in line["rivals"]]
        ours = [value(line, line["chosen"], metric) for line in those]
        found[name] = float(np.mean(ours)), float(np.mean([value(line, name, metric) for line in those]))
    return found


def _mean(data: Result, metric: str) -> Verdict:
    found = means(data, metric)
    gain = {name: (ours - theirs) * (1 if higher_is_better(metric) else -1) for name, (ours, theirs) in found.items()}
    nearest = min(gain, key=lambda name: gain[name])
    ours, theirs = found[nearest]
    what = f"{TITLES[metric]}: the mean over lines is better than that of the best single rival"
    lines = judged_lines(data)
    those = sum(nearest in line["rivals"] for line in lines)
    where = "" if those == len(lines) else f", on the {those} of {len(lines)} lines that have it"
    figure = f"{number(ours, decimals=4)}, {nearest} {number(theirs, decimals=4)}{where}"
    return Verdict(what, figure, gain[nearest] > 0)


def excess(line: Result, method: str) -> float:
    """Return by how much a calibration error is above what chance alone would show."""
    return value(line, method, "calibration_error") - float(line["methods"][method]["floor"])


def calibrated(line: Result) -> bool:
    """Say whether Foresell's calibration error is within the limit of the line's history."""
    return excess(line, line["chosen"]) <= CALIBRATION_LIMITS[line["source"]]


def _calibrated(data: Result) -> Verdict:
    lines = judged_lines(data)
    over = [
        f"{line['title']}: {number(excess(line, line['chosen']), sign=True)}" for line in lines if not calibrated(line)
    ]
    what = "Calibration error above its floor: at most .015 on complete-journey and cdnow, .03 on ta-feng"
    return Verdict(
        what, f"{len(lines) - len(over)} of {len(lines)} judged lines" + "".join(f"; {each}" for each in over), not over
    )


# -- the day of the next order


def _dates(data: Result) -> Iterator[Verdict]:
    found = data["methods"][data["chosen"]]
    error, covered = found["error_days"], found["range_coverage"]
    yield Verdict(
        f"Next order, {data['cut_at']} days in sight: mean error at most {ERROR_DAYS:.1f} days",
        day_interval(error),
        error["value"] <= ERROR_DAYS,
    )
    index = found["c_index"]
    yield Verdict("Next order: C-index at least .75", interval(index), index["value"] >= C_INDEX)
    low, high = COVERAGE
    yield Verdict("Next order: the 80 % range covers 76 to 84 %", interval(covered), low <= covered["value"] <= high)
    widths = {name: data["methods"][name]["range_width_days"] for name in (PROCESS,) if name in data["methods"]}
    beside = "".join(f"; {name} {day_interval(width)}" for name, width in widths.items())
    width = day_interval(found["range_width_days"])
    yield Verdict("Next order: mean width of the 80 % range, days", f"{width}{beside}", None)


# -- products


def ndcg(row: Result, method: str) -> float:
    """Return the NDCG of a method's lists."""
    return value(row, method, "ndcg_10")


def handed_to(row: Result) -> str | None:
    """Return which single generator or rival serves a mode; None = our own ranking does."""
    if row["chosen"] in row["rivals"]:
        chosen: str = row["chosen"]
        return chosen
    # a number of trees, or the name of what serves in their place; a mode without either is ranked as any
    found = row["choices"].get(row["mode"], row["choices"].get("any"))
    return found if isinstance(found, str) else None


def best_other(row: Result) -> str:
    """Return the best of the methods that did not serve."""
    others: list[str] = [name for name in row["methods"] if name != row["chosen"]]
    return max(others, key=lambda name: ndcg(row, name))


def keeps_up(row: Result) -> bool:
    """Say whether Foresell is above the best other method, or handed the mode over and is not below it."""
    difference = row["paired"][best_other(row)]["ndcg_10"]
    return bool(difference["value"] > 0 or (handed_to(row) is not None and difference["high"] >= 0))


def _products(data: Result) -> Iterator[Verdict]:
    judged = [row for row in data["rows"] if row["mode"] in (NEXT_BASKET, NEW)]
    behind = [_behind(row) for row in judged if not keeps_up(row)]
    surely = sum(row["paired"][best_other(row)]["ndcg_10"]["low"] > 0 for row in judged)
    yield Verdict(
        "NDCG@10 of the next basket and of new products: above the best generator or rival, or handed over to one that "
        "is not surely behind",
        f"{len(judged) - len(behind)} of {len(judged)}, {surely} by the whole interval"
        + "".join(f"; {each}" for each in behind),
        not behind,
    )
    published = [row for row in judged if row["published"]]
    low = [row for row in published if ndcg(row, row["chosen"]) < max(row["published"].values()) - RANKING_MARGIN]
    yield Verdict(
        "NDCG@10 at the published cutoffs: within .005 of the best published figure of every column",
        f"{len(published) - len(low)} of {len(published)}" + "".join(f"; {_below(row)}" for row in low),
        not low,
    )
    new = [row for row in published if row["mode"] == NEW]
    if new:
        ours = float(np.mean([ndcg(row, row["chosen"]) for row in new]))
        best = float(np.mean([max(row["published"].values()) for row in new]))
        what = f"NDCG@10 of new products, mean of the {len(new)} published columns: above the mean of the best ones"
        yield Verdict(what, f"{number(ours, decimals=4)}, published {number(best, decimals=4)}", ours > best)
    yield _baskets([row for row in data["rows"] if row["mode"] == "basket"])


def _baskets(rows: Sequence[Result]) -> Verdict:
    told, met = [], True
    for name in BASKET_RIVALS:
        leads = [against(row, name, "ndcg_10") for row in rows if name in row["methods"]]
        # the least certain lead: one that is larger may be less certain
        least = min(leads, key=lambda lead: lead["low"]) if leads and len(leads) == len(rows) else None
        told.append(f"least lead on {name} {interval(least, sign=True)}" if least else f"{name} was not measured")
        met = met and least is not None and least["low"] > 0
    return Verdict("One item of a basket by the others: above item-kNN and popularity", "; ".join(told), met)


def _behind(row: Result) -> str:
    best = best_other(row)
    difference = interval(row["paired"][best]["ndcg_10"], sign=True)
    return f"{row['items']}, {row['mode']}, {row['test']}: {difference} against {best}"


def _below(row: Result) -> str:
    best = max(row["published"], key=lambda name: row["published"][name])
    return f"{row['items']}, {row['mode']}: {number(ndcg(row, row['chosen']))}, {best} {number(row['published'][best])}"


# -- lookalike


def lookalike_lines(data: Result) -> list[list[Result]]:
    """Return the rows of each line, ours first."""
    lines: dict[str, list[Result]] = {}
    for row in data["rows"]:
        lines.setdefault(row["line"], []).append(row)
    return [sorted(rows, key=lambda row: not row["ours"]) for rows in lines.values()]


def _lookalike(data: Result) -> Iterator[Verdict]:
    ours = [rows[0] for rows in lookalike_lines(data)]
    published = [row for row in ours if row["published_plain"] is not None]
    low = [row for row in published if row["auc"] < row["published_plain"] - LOOKALIKE_MARGIN]
    told = "".join(f"; {row['line']}: {number(row['auc'])}, {number(row['published_plain'])}" for row in low)
    yield Verdict(
        "Lookalike: on no line more than .005 below the published regression",
        f"{len(published) - len(low)} of {len(published)} lines{told}",
        not low,
    )
    mean = float(np.mean([row["auc"] for row in published]))
    theirs = float(np.mean([row["published_plain"] for row in published]))
    yield Verdict(
        "Lookalike: the mean of the lines above that of the published regression",
        f"{number(mean)}, published {number(theirs)}",
        mean > theirs,
    )
    least = min(
        (row["beside"][SPEND_RANK] | {"line": row["line"]} for row in ours), key=lambda each: each["difference"]
    )
    gain = {"value": least["difference"], "low": least["low"], "high": least["high"]}
    yield Verdict("Lookalike: least gain over the spend rank", f"{interval(gain, sign=True)}, {least['line']}", None)
    gap = _curve_gap(ours)
    yield Verdict(
        "Lookalike: expected recall within .05 of the true one, averaged over the queries",
        number(gap),
        gap <= CURVE_GAP,
    )
    widest = max(ours, key=lambda row: row["curve"]["largest_gap"])
    figure = f"{number(widest['curve']['largest_gap'])}, {widest['line']}"
    yield Verdict("Lookalike: largest gap between expected and true recall on any one line", figure, None)


def _curve_gap(rows: Sequence[Result]) -> float:
    queries = [len(row["queries"]) for row in rows]
    mean = {
        key: np.average([row["curve"][key] for row in rows], axis=0, weights=queries) for key in ("expected", "true")
    }
    return float(np.abs(mean["expected"] - mean["true"]).max())


# -- time


def _training(data: Result) -> Iterator[Verdict]:
    minutes, limit = data["seconds"] / 60, data["limit_seconds"] / 60
    yield Verdict(
        f"Training all four on complete-journey with all rivals: at most {limit:.0f} minutes on 2 cores",
        f"{minutes:.1f} minutes",
        minutes <= limit,
    )


JUDGES = {
    "customers": _customers,
    "dates": _dates,
    "products": _products,
    "lookalike": _lookalike,
    "training": _training,
}
