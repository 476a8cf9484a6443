"""Next-best-product."""

from collections.abc import Sequence

from benchmarks.quality.markdown import NOTHING, interval, number, table
from benchmarks.quality.products import MODES, TWO_STAGES
from benchmarks.quality.sections.shared import MODE_TITLES, Result, left_out, methods_of
from benchmarks.quality.verdicts import (
    best_other,
    handed_to,
    keeps_up,
    ndcg,
)
from models.next_best_product.learning import MAX_MEASURED


def section(data: Result) -> str:
    """Return the section on next-best-product."""
    text = [
        "## Next-best-product",
        "NDCG of the first ten, as served, of customers with an order in the last 90 days and something to find. "
        "Next basket: all items of the first order day in the window. First time: items of the window never bought "
        "before. Basket: one drawn item of that day is hidden, the others are given. *Handed over* names the single "
        "method that validation let serve in place of our ranking. In brackets the published figure of the newest "
        f"cutoff; that of Foresell is the better of the published rankers ({TWO_STAGES}). Published figures of "
        f"ta-feng are of 2,500 customers that were drawn, ours of at most {MAX_MEASURED:,}.",
        left_out((f"{row['items']}, {row['test']}", row) for row in data["rows"]),
    ]
    for mode in MODES:
        rows = [row for row in data["rows"] if row["mode"] == mode]
        if rows:
            text += [f"### {MODE_TITLES[mode][0].upper()}{MODE_TITLES[mode][1:]}", _ranking_table(rows)]
    return "\n\n".join(part for part in text if part)


def _ranking_table(rows: Sequence[Result]) -> str:
    names = methods_of(rows)
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
