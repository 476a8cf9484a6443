"""The page of the measured quality, made from the results that there are."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.quality.customers import JUDGED_BY, TREES
from benchmarks.quality.dates import PUBLISHED_MODELS
from benchmarks.quality.floors import Reproduced, reproduced
from benchmarks.quality.legend import legend
from benchmarks.quality.lookalike import PUBLISHED_ALONE
from benchmarks.quality.markdown import NOTHING, answer, day_interval, days, interval, number, table
from benchmarks.quality.products import MODES, TWO_STAGES
from benchmarks.quality.verdicts import (
    CALIBRATION_LIMITS,
    TITLES,
    Verdict,
    against,
    best_of,
    best_other,
    calibrated,
    excess,
    handed_to,
    higher_is_better,
    keeps_up,
    lookalike_lines,
    lost,
    means,
    ndcg,
    value,
    verdicts,
)
from models.next_best_product.learning import MAX_MEASURED

Result = Mapping[str, Any]

CHOICE_TEST = "tests/faults/test_poisoned_test_window.py"

INTRO = """# Quality: Foresell beside simple and published methods

Written by `make bench-quality`; every figure and every verdict on this page is computed. Three retailers' orders:
`complete-journey` (a grocer, 2,469 households, 2017; `cj` below), `cdnow` (music by mail, 23,570 customers, 1997 and
1998) and `ta-feng` (a supermarket, 32,266 members, four months to February 2001). Each method sees what was known
before a day, the test cutoff, and is measured on what came after it. **Foresell** is what would serve: the method that
validation on earlier windows chose, which may be a rival. The test window takes no part in the choice.

An interval is the 95 % bootstrap interval over customers; a difference is paired, over the same draws of the same
customers, and is Foresell minus the other. AUC, C-index, NDCG and recall lie between 0 and 1, the higher the better;
log loss, Brier score, calibration error and an error in days are the better the lower. *Published* figures are this
project's own reference measurements of simple and published methods on the same splits, made before and apart from the
code that is measured here, with their own features and fits."""

NOT_JUDGED = " (reported, not judged)"
MODE_TITLES = {
    "next_basket": "next basket",
    "new": "bought for the first time",
    "repeat": "bought again",
    "basket": "one item of a basket by the others",
}


def render(results: Mapping[str, Result], *, images: Mapping[str, str]) -> str:
    """Return the page as Markdown.

    Parameters
    ----------
    results : mapping of str to mapping
        Part -> stamp and data; parts that were not run are left out of the page.
    images : mapping of str to str
        Prediction -> the path of its plot from the page.
    """
    sections = [INTRO, _when(results), _verdicts(verdicts(results)), _not_leading(results), _legend(results)]
    writers = {
        "customers": _customers,
        "calibration": lambda data: _months(data, images),
        "dates": _dates,
        "products": _products,
        "cost": _cost,
        "lookalike": _lookalike,
        "training": _training,
    }
    sections += [write(results[part]["data"]) for part, write in writers.items() if part in results]
    missing = [part for part in writers if part not in results]
    sections += [_reproduced(list(reproduced(results))), _measured_on(results, missing)]
    return "\n\n".join(section for section in sections if section) + "\n"


def _when(results: Mapping[str, Result]) -> str:
    stamps = [result["stamp"] for result in results.values()]
    if not stamps:
        return ""
    told = {key: ", ".join(sorted({stamp[key] for stamp in stamps})) for key in ("date", "commit")}
    cores = max(stamp["cores"] for stamp in stamps)
    return f"Measured {told['date']} at commit {told['commit']} on {cores} cores; the last section has each part's."


def _legend(results: Mapping[str, Result]) -> str:
    entries = [*_entries(results, "customers", "lines"), *_entries(results, "products", "rows")]
    found = legend([*_methods(entries), *(row["method"] for row in _entries(results, "lookalike", "rows"))])
    return f"## The methods\n\n{found}" if found else ""


def _entries(results: Mapping[str, Result], part: str, key: str) -> Sequence[Result]:
    found: Sequence[Result] = results[part]["data"][key] if part in results else ()
    return found


def _verdicts(found: Sequence[Verdict]) -> str:
    rows = [(each.what, each.figure, answer(each.met)) for each in found]
    rows.append(("The choice of the method never saw the test window", f"`{CHOICE_TEST}`", "by that test"))
    return "## Verdicts\n\n" + table(("promised", "measured", "kept"), rows)


# -- where we do not lead


def _not_leading(results: Mapping[str, Result]) -> str:
    told = [*_lines_behind(results), *_dates_behind(results), *_products_behind(results), *_lookalike_behind(results)]
    if not told:
        return ""
    return "## Where Foresell does not lead\n\nA rival's figure is better here, by chance or not.\n\n" + table(
        ("where", "figure", "Foresell", "the best rival", "difference"), told
    )


def _lines_behind(results: Mapping[str, Result]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for line in _entries(results, "customers", "lines"):
        for metric in JUDGED_BY:
            best = best_of(line, line["rivals"], metric)
            ours, theirs = value(line, line["chosen"], metric), value(line, best, metric)
            if (theirs > ours) if higher_is_better(metric) else (theirs < ours):
                difference = against(line, best, metric)
                mark = " (whole interval)" if lost(difference, metric) else ""
                rows.append(
                    (_title(line), TITLES[metric], f"{line['chosen']} {number(ours)}", f"{best} {number(theirs)}",
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
    for row in _entries(results, "products", "rows"):
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
                 f"{best['method']} {number(best['auc'])}", interval(_as_figure(difference), sign=True) + mark)
            )  # fmt: skip
    return rows


# -- churn and repurchase


def _methods(entries: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(name for entry in entries for name in entry["methods"]))


def _customers(data: Result) -> str:
    lines = data["lines"]
    rivals = list(dict.fromkeys(name for line in lines for name in line["rivals"]))
    own = [name for name in _methods(lines) if name not in rivals]
    text = [
        "## Churn and repurchase",
        "Repurchase: an order within so many days, of everybody who ever ordered. Churn: no order within so many "
        "days, of those who ordered lately. Each line has its own days, fixed before. Our own methods that compete: "
        f"{', '.join(f'`{name}`' for name in own) or 'none'}.",
        _left_out((line["title"], line) for line in lines),
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


def _title(line: Result) -> str:
    return str(line["title"]) + ("" if line["judged"] else NOT_JUDGED)


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
        (_title(line), best_of(line, line["rivals"], "auc"), *(cell(line, name) for name in rivals)) for line in lines
    ]
    return table(("line", "best rival", *rivals), rows)


def _own_table(lines: Sequence[Result], own: Sequence[str]) -> str:
    def cell(line: Result, name: str) -> str:
        return number(value(line, name, "auc")) if name in line["methods"] else NOTHING

    return table(
        ("line", "chosen", *own),
        [(_title(line), line["chosen"], *(cell(line, name) for name in own)) for line in lines],
    )


def _left_out(titled: Iterable[tuple[str, Result]]) -> str:
    told = dict.fromkeys(f"{title}: {name} ({why})" for title, each in titled for name, why in each["left_out"].items())
    return f"Not converged and left out: {'; '.join(told)}." if told else ""


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
            (_title(line), share, line["chosen"], interval(line["methods"][line["chosen"]]["figures"]["auc"]), *cells)
        )
    return table(("line", "customers, share it happened to", "chosen", "Foresell", *rivals), rows)


def _loss_section(lines: Sequence[Result], rivals: Sequence[str], metric: str) -> tuple[str, str]:
    rows = [
        (_title(line), interval(line["methods"][line["chosen"]]["figures"][metric]),
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
            (_title(line), interval(found["figures"]["calibration_error"]), number(found["floor"]),
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


# -- months


def _months(data: Result, images: Mapping[str, str]) -> str:
    text = [
        "## Month by month",
        f"The sample's last months: everything is fitted and chosen anew at each cutoff, {data['horizon']} days "
        "ahead; error / floor is the calibration error of ten bins and what chance alone would show.",
    ]
    every = [(f"{name}, {month['test']}", month) for name, months in data["predictions"].items() for month in months]
    text += [told for told in [_left_out(every)] if told]
    for name, months in data["predictions"].items():
        rivals = [rival for rival in months[-1]["rivals"] if all(rival in month["methods"] for month in months)]
        text.append(f"### {name[0].upper()}{name[1:]} within {data['horizon']} days")
        if name in images:
            text.append(f"![AUC and calibration error above its floor by month: {name}]({images[name]})")
        rows = [
            (
                month["test"],
                month["chosen"],
                _month_cell(month, month["chosen"]),
                *(_month_cell(month, rival) for rival in rivals),
            )
            for month in months
        ]
        text.append(table(("cutoff", "chosen", "Foresell: AUC, error / floor", *rivals), rows))
    return "\n\n".join(text)


def _month_cell(month: Result, method: str) -> str:
    found = month["methods"][method]
    return f"{number(found['auc'])}, {number(found['calibration_error'])} / {number(found['floor'])}"


# -- dates


def _dates(data: Result) -> str:
    rows = []
    for name in sorted(
        data["methods"], key=lambda name: (name != data["chosen"], data["methods"][name]["error_days"]["value"])
    ):
        found, published = data["methods"][name], data["published"].get(name)
        title = f"**{name}** (Foresell)" if name == data["chosen"] else name
        error = day_interval(found["error_days"])
        has_range = found["range_width_days"]["value"] > 0
        rows.append(
            (title, error, number(found["c_index"]["value"]),
             number(found["range_coverage"]["value"]) if has_range else NOTHING,
             days(found["range_width_days"]["value"]) if has_range else NOTHING,
             f"{days(published['error_days'])} / {number(published['c_index'])}" if published else NOTHING)
        )  # fmt: skip
    models = "; ".join(f"{name} {days(error)} / {number(index)}" for name, (error, index) in PUBLISHED_MODELS.items())
    left_out = _left_out([("Next order", data)])
    return (
        f"## The day of the next order\n\ncomplete-journey, {data['test']}, {data['customers']:,} customers; "
        f"{data['cut_at']} days in sight, later orders and the answer *not expected* count as that day "
        f"({data['not_expected']:.1%} are not expected). Coverage is that of the 80 % range, by the randomised "
        "probability integral transform: days are whole numbers. A constant, and the customer's last order plus own "
        f"mean gap, have no range. Published models that are not fitted here, error / C-index: {models}.\n\n"
        + (f"{left_out}\n\n" if left_out else "")
        + table(
            ("method", "mean error, days", "C-index", "coverage", "mean width, days", "published error / C-index"), rows
        )
    )


# -- products


def _products(data: Result) -> str:
    text = [
        "## Next-best-product",
        "NDCG of the first ten, as served, of customers with an order in the last 90 days and something to find. "
        "Next basket: all items of the first order day in the window. First time: items of the window never bought "
        "before. Basket: one drawn item of that day is hidden, the others are given. *Handed over* names the single "
        "method that validation let serve in place of our ranking. In brackets the published figure of the newest "
        f"cutoff; that of Foresell is the better of the published rankers ({TWO_STAGES}). Published figures of "
        f"ta-feng are of 2,500 customers that were drawn, ours of at most {MAX_MEASURED:,}.",
        _left_out((f"{row['items']}, {row['test']}", row) for row in data["rows"]),
    ]
    for mode in MODES:
        rows = [row for row in data["rows"] if row["mode"] == mode]
        if rows:
            text += [f"### {MODE_TITLES[mode][0].upper()}{MODE_TITLES[mode][1:]}", _ranking_table(rows)]
    return "\n\n".join(part for part in text if part)


def _ranking_table(rows: Sequence[Result]) -> str:
    names = _methods(rows)
    others = [name for name in names if any(name in row["rivals"] for row in rows)]
    cells = []
    for row in rows:
        best = best_other(row)
        ours = row["methods"][row["chosen"]]["figures"]
        two_stages = f" ({number(row['published'][TWO_STAGES])})" if TWO_STAGES in row["published"] else ""
        cells.append(
            (row["items"], row["test"], f"{row['customers']:,}", interval(ours["ndcg_10"]) + two_stages,
             handed_to(row) or "",
             f"{interval(row['paired'][best]['ndcg_10'], sign=True)} {best}{'' if keeps_up(row) else ' **behind**'}",
             *(_ranked_cell(row, name) for name in others),
             number(ours["coverage"]["value"]), number(ours["fallback_share"]["value"]))
        )  # fmt: skip
    head = (
        "items",
        "cutoff",
        "customers",
        "Foresell",
        "handed over",
        "minus the best other method",
        *others,
        "coverage",
        "fallbacks",
    )
    return table(head, cells)


def _ranked_cell(row: Result, name: str) -> str:
    if name not in row["methods"]:
        return NOTHING
    published = row["published"].get(name)
    return number(ndcg(row, name)) + (f" ({number(published)})" if published is not None else "")


def _cost(data: Result) -> str:
    rows = [(name, *(f"{found[key]:.1f}" for key in data["calls"])) for name, found in data["methods"].items()]
    return (
        f"### What a call costs\n\nProcessor milliseconds of one answer, {data['customers']:,} invented customers in "
        f"the store, {data['items']:,} items; fitted on {data['fitted_on']:,} customers.\n\n"
        + table(("method", *data["calls"]), rows)
    )


# -- lookalike


def _lookalike(data: Result) -> str:
    lines = lookalike_lines(data)
    rivals = list(lines[0][0]["beside"])
    rows = []
    for ours, *others in lines:
        by_name = {each["method"]: each for each in others}
        differences = [interval(_as_figure(ours["beside"][name]), sign=True) for name in rivals]
        figures = [_published_beside(by_name[name]) for name in rivals]
        rows.append((ours["line"], len(ours["queries"]), _published_beside(ours), *figures, *differences))
    head = ("queries", "how many", "Foresell", *rivals, *(f"minus {name}" for name in rivals))
    text = [
        "## Lookalike",
        "A query hides some of those who will buy (redeem a coupon, spend most) among the customers and gives the "
        "others as seeds. AUC of the ranking of those who are not seeds, mean over the queries, with intervals over "
        f"queries and customers. Foresell is `{lines[0][0]['method']}`. In brackets the published figure. "
        "`plain_logistic` is the published regression on the seeds, fitted here for comparison; it is not served.",
        _published_alone([ours["line"] for ours, *_ in lines]),
        table(head, rows),
        "### The recall that is promised",
        "An answer says what share of those who are sought is among so many best, by cross-validation on the seeds "
        "alone. Beside it what came true, mean over the queries: expected / true.",
        _curves(lines),
    ]
    return "\n\n".join(part for part in text if part)


def _published_alone(lines: Sequence[str]) -> str:
    told = [
        f"{title} {', '.join(f'{number(figure)} ({line})' for line, figure in found.items())}"
        for title, figures in PUBLISHED_ALONE.items()
        if (found := {line: figure for line, figure in figures.items() if line in lines})
    ]
    return f"Published AUCs of methods that are not fitted here: {'; '.join(told)}." if told else ""


def _published_beside(row: Result) -> str:
    published = f" ({number(row['published'])})" if row["published"] is not None else ""
    return number(row["auc"]) + published


def _as_figure(beside: Result) -> dict[str, float]:
    return {"value": beside["difference"], "low": beside["low"], "high": beside["high"]}


def _curves(lines: Sequence[Sequence[Result]]) -> str:
    shares = [f"{share:.0%}" for share in lines[0][0]["curve"]["shares"]]
    rows = []
    for ours, *_ in lines:
        curve = ours["curve"]
        pairs = [f"{number(e)} / {number(t)}" for e, t in zip(curve["expected"], curve["true"], strict=True)]
        rows.append((ours["line"], *pairs, number(curve["largest_gap"])))
    return table(("queries", *shares, "largest gap"), rows)


# -- time


def _training(data: Result) -> str:
    return (
        "## Training time\n\n`foresell train` on the sample, four predictions with all methods, intervals, plots "
        f"and cards; intake apart: {data['seconds'] / 60:.1f} minutes, {data['processor_seconds'] / 60:.1f} of "
        "processor time."
    )


# -- what was reproduced, and where


def _reproduced(found: Sequence[Reproduced]) -> str:
    if not found:
        return ""
    rows = [
        (each.where, each.method, number(each.measured), number(each.published),
         "yes" if each.within else "ours is better" if each.kept else "**no**")
        for each in found
    ]  # fmt: skip
    agree, kept = sum(each.within for each in found), sum(each.kept for each in found)
    return (
        f"## Published figures, reproduced\n\nOf {len(found)} published figures of methods that are here too, "
        f"{agree} agree within .01 (days: .1) and {kept - agree} are better than that here, which makes the "
        f"comparison harder for Foresell; {len(found) - kept} are worse, or the method is missing.\n\n"
        + table(("where", "method", "here", "published", "reproduced"), rows)
    )


def _measured_on(results: Mapping[str, Result], missing: Sequence[str]) -> str:
    rows = []
    for part, result in results.items():
        stamp = result["stamp"]
        versions = ", ".join(f"{name} {version}" for name, version in stamp["versions"].items())
        minutes = [f"{stamp[key] / 60:.1f}" for key in ("seconds", "processor_seconds")]
        machine = f"{stamp['cores']} cores, {stamp['architecture']}"
        rows.append((part, stamp["date"], stamp["commit"], *minutes, machine, stamp["load"], versions))
    head = ("part", "date", "commit", "minutes", "of processor time", "machine", "load", "versions")
    return (
        "## Measured on\n\nA commit with + had changes that were not committed. Load is how many processes wanted "
        "to run when the part ended: above the number of cores, times are too long.\n\n"
        + table(head, rows)
        + (f"\n\nNot measured yet: {', '.join(missing)}." if missing else "")
    )
