"""Lookalike."""

from collections.abc import Sequence

from benchmarks.quality.lookalike import PUBLISHED_ALONE
from benchmarks.quality.markdown import interval, number, table
from benchmarks.quality.sections.shared import Result, as_figure
from benchmarks.quality.verdicts import (
    lookalike_lines,
)


def section(data: Result) -> str:
    """Return the section on lookalike."""
    lines = lookalike_lines(data)
    rivals = list(lines[0][0]["beside"])
    rows = []
    for ours, *others in lines:
        by_name = {each["method"]: each for each in others}
        differences = [interval(as_figure(ours["beside"][name]), sign=True) for name in rivals]
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


def _curves(lines: Sequence[Sequence[Result]]) -> str:
    shares = [f"{share:.0%}" for share in lines[0][0]["curve"]["shares"]]
    rows = []
    for ours, *_ in lines:
        curve = ours["curve"]
        pairs = [f"{number(e)} / {number(t)}" for e, t in zip(curve["expected"], curve["true"], strict=True)]
        rows.append((ours["line"], *pairs, number(curve["largest_gap"])))
    return table(("queries", *shares, "largest gap"), rows)
