"""Churn and repurchase."""

from collections.abc import Sequence

from benchmarks.quality.customers import JUDGED_BY, TREES
from benchmarks.quality.markdown import NOTHING, answer, interval, number, table
from benchmarks.quality.sections.shared import Result, left_out, methods_of, title_of
from benchmarks.quality.verdicts import (
    CALIBRATION_LIMITS,
    TITLES,
    against,
    best_of,
    calibrated,
    excess,
    means,
    value,
)


def section(data: Result) -> str:
    """Return the section on churn and repurchase."""
    lines = data["lines"]
    rivals = list(dict.fromkeys(name for line in lines for name in line["rivals"]))
    own = [name for name in methods_of(lines) if name not in rivals]
    text = [
        "## Churn and repurchase",
        "Repurchase: an order within so many days, of everybody who ever ordered. Churn: no order within so many "
        "days, of those who ordered lately. Each line has its own days, fixed before. Our own methods that compete: "
        f"{', '.join(f'`{name}`' for name in own) or 'none'}.",
        left_out((line["title"], line) for line in lines),
        _not_judged(lines),
        "### AUC",
        "In brackets the published AUC of the same method; for churn the better of BG/NBD and Pareto/NBD was published "
        f"and stands beside both. `{TREES.name}` is a part of our blend that was published too: it counts as a rival "
        "here, and validation cannot choose it.",
        _auc_table(lines, rivals),
        "### Foresell minus each rival, AUC",
        _paired_table(lines, rivals),
        *(part for metric in JUDGED_BY[1:] for part in _loss_section(lines, rivals, metric)),
        "### Pooled over complete-journey, and means over all lines",
        "Pooled: the mean over the lines of Foresell minus the rival; a bootstrap draw has a customer equally often "
        "in every line. Means: over the judged lines.",
        _pooled_table(data),
        "### Our own methods, AUC",
        _own_table(lines, own),
        _calibration_section(lines, rivals),
    ]
    return "\n\n".join(part for part in text if part)


def _not_judged(lines: Sequence[Result]) -> str:
    told = [line["title"] for line in lines if not line["judged"]]
    if not told:
        return ""
    return (
        f"Reported, not judged: {'; '.join(told)}. Its published figure comes from a second run, made after the test "
        "window had been seen. The history is too short for a validation window: our first method stands there, chosen "
        "by nothing."
    )


def _paired_table(lines: Sequence[Result], rivals: Sequence[str]) -> str:
    def cell(line: Result, name: str) -> str:
        return interval(against(line, name, "auc"), sign=True) if name in line["rivals"] else NOTHING

    rows = [
        (title_of(line), best_of(line, line["rivals"], "auc"), *(cell(line, name) for name in rivals)) for line in lines
    ]
    return table(("line", "best rival", *rivals), rows)


def _own_table(lines: Sequence[Result], own: Sequence[str]) -> str:
    def cell(line: Result, name: str) -> str:
        return number(value(line, name, "auc")) if name in line["methods"] else NOTHING

    return table(
        ("line", "chosen", *own),
        [(title_of(line), line["chosen"], *(cell(line, name) for name in own)) for line in lines],
    )


def _auc_table(lines: Sequence[Result], rivals: Sequence[str]) -> str:
    rows = []
    for line in lines:
        published = {name: each["auc"] for each in line["published"] for name in each["methods"]}
        cells = [
            number(value(line, name, "auc")) + (f" ({number(published[name])})" if name in published else "")
            if name in line["methods"]
            else NOTHING
            for name in rivals
        ]
        customers, published_customers = line["customers"], line["published_customers"]
        differs = "" if customers == published_customers else f" (published {published_customers:,})"
        share = f"{customers:,}{differs}, {line['happened']:.1%}"
        rows.append(
            (title_of(line), share, line["chosen"], interval(line["methods"][line["chosen"]]["figures"]["auc"]), *cells)
        )
    return table(("line", "customers, share it happened to", "chosen", "Foresell", *rivals), rows)


def _loss_section(lines: Sequence[Result], rivals: Sequence[str], metric: str) -> tuple[str, str]:
    rows = [
        (title_of(line), interval(line["methods"][line["chosen"]]["figures"][metric]),
         *(number(value(line, name, metric)) if name in line["methods"] else NOTHING for name in rivals),
         interval(against(line, best_of(line, line["rivals"], metric), metric), sign=True))
        for line in lines
    ]  # fmt: skip
    return f"### {TITLES[metric]} (lower is better)", table(
        ("line", "Foresell", *rivals, "Foresell minus the best rival"), rows
    )


def _pooled_table(data: Result) -> str:
    pooled = data["pooled"]["paired"]
    names = dict.fromkeys(name for line in data["lines"] for name in line["rivals"])
    mean = {metric: means(data, metric) for metric in JUDGED_BY}
    rows = []
    for name in names:
        cells = [interval(pooled[name][metric], sign=True) if name in pooled else NOTHING for metric in JUDGED_BY]
        both = [
            f"{number(ours)} / {number(theirs)}"
            for ours, theirs in (mean[metric].get(name, (None, None)) for metric in JUDGED_BY)
        ]
        rows.append((name, *cells, *both))
    return table(
        ("rival", *(f"pooled, {TITLES[metric]}" for metric in JUDGED_BY),
         *(f"mean, {TITLES[metric]}: Foresell / rival" for metric in JUDGED_BY)),
        rows,
    )  # fmt: skip


def _calibration_section(lines: Sequence[Result], rivals: Sequence[str]) -> str:
    rows = []
    for line in lines:
        chosen = line["chosen"]
        found = line["methods"][chosen]
        rows.append(
            (title_of(line), interval(found["figures"]["calibration_error"]), number(found["floor"]),
             number(excess(line, chosen), sign=True), number(CALIBRATION_LIMITS[line["source"]]),
             answer(calibrated(line)) if line["judged"] else answer(None),
             *(number(excess(line, name), sign=True) if name in line["methods"] else NOTHING for name in rivals))
        )  # fmt: skip
    head = (
        "line",
        "Foresell's error",
        "floor",
        "above the floor",
        "limit",
        "within",
        *(f"{name}, above its floor" for name in rivals),
    )
    return (
        "### Calibration\n\nThe error is the mean gap between predicted and observed share in ten bins of equal "
        "size. Its floor is what a perfectly calibrated model with the same probabilities shows by chance, "
        "simulated.\n\n" + table(head, rows)
    )
