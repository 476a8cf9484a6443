"""Where the data ends: the last day whose order lines are all there."""

from datetime import date, timedelta
from statistics import median

import ibis
import ibis.expr.types as ir

from models import columns as col

COMPARED_DAYS = 28
INCOMPLETE_BELOW = 0.5


def last_complete_day(lines: ir.Table, *, today: date) -> tuple[date, str | None]:
    """Find the last day that can count as closed.

    The data's final day counts, unless it is the day of the run or later, or it is evidently cut off: it has times of
    day and fewer than half the lines of the median day with data among the 28 days before. Then the day before it is
    the last complete one, whether or not anybody ordered on it.

    Parameters
    ----------
    lines : ir.Table
        Kept order lines, at least one.
    today : date
        The day of the run, in the configured zone.

    Returns
    -------
    tuple of (date, str or None)
        The last complete day, and a note for people where that is not the data's final day.
    """
    final: date = lines[col.ORDER_DAY].max().to_pyarrow().as_py()
    recent = lines.filter(lines[col.ORDER_DAY] >= ibis.literal(final - timedelta(days=COMPARED_DAYS)))
    has_time = recent[col.ORDERED_AT] != recent[col.ORDER_DAY].cast("timestamp")
    days = recent.group_by(col.ORDER_DAY).agg(lines=recent.count(), timed=has_time.any()).to_pyarrow().to_pylist()
    counts = {day[col.ORDER_DAY]: day["lines"] for day in days}
    timed = any(day["timed"] for day in days if day[col.ORDER_DAY] == final)
    on_final = counts.pop(final)
    before = final - timedelta(days=1)
    if final >= today:
        return before, f"{final} was not over at the intake of {today}: days count until {before}."
    if timed and counts and on_final < INCOMPLETE_BELOW * median(counts.values()):
        return before, (
            f"{final} is incomplete ({on_final:,} order lines, the median of the {COMPARED_DAYS} days before is "
            f"{median(counts.values()):,.0f}): days count until {before}."
        )
    return final, None
