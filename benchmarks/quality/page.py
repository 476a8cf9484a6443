"""The page of the measured quality, made from the results that there are."""

from collections.abc import Mapping, Sequence

from benchmarks.quality.floors import Reproduced, reproduced
from benchmarks.quality.legend import legend
from benchmarks.quality.markdown import answer, number, table
from benchmarks.quality.sections import behind, cost, customers, dates, lookalike, months, products
from benchmarks.quality.sections.shared import Result, entries, methods_of
from benchmarks.quality.verdicts import Verdict, verdicts

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


def render(results: Mapping[str, Result], *, images: Mapping[str, str]) -> str:
    """Return the page as Markdown.

    Parameters
    ----------
    results : mapping of str to mapping
        Part -> stamp and data; parts that were not run are left out of the page.
    images : mapping of str to str
        Prediction -> the path of its plot from the page.
    """
    sections = [INTRO, _when(results), _verdicts(verdicts(results)), behind.section(results), _legend(results)]
    writers = {
        "customers": customers.section,
        "calibration": lambda data: months.section(data, images),
        "dates": dates.section,
        "products": products.section,
        "cost": cost.section,
        "lookalike": lookalike.section,
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
    measured = [*entries(results, "customers", "lines"), *entries(results, "products", "rows")]
    found = legend([*methods_of(measured), *(row["method"] for row in entries(results, "lookalike", "rows"))])
    return f"## The methods\n\n{found}" if found else ""


def _verdicts(found: Sequence[Verdict]) -> str:
    rows = [(each.what, each.figure, answer(each.met)) for each in found]
    rows.append(("The choice of the method never saw the test window", f"`{CHOICE_TEST}`", "by that test"))
    return "## Verdicts\n\n" + table(("promised", "measured", "kept"), rows)


def _training(data: Result) -> str:
    return (
        "## Training time\n\n`foresell train` on the sample, four predictions with all methods, intervals, plots "
        f"and cards; intake apart: {data['seconds'] / 60:.1f} minutes, {data['processor_seconds'] / 60:.1f} of "
        "processor time."
    )


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
