"""Where the data ends: the last day whose order lines are all there."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from statistics import median

import ibis
import ibis.expr.types as ir

from models import columns as col
from training.month_stamps import month_stamps
from training.thin_tail import thin_tail

COMPARED_DAYS = 28
COMPARED_WEEKS = 8
FEWEST_WEEKDAYS = 4
INCOMPLETE_BELOW = 0.5
DAY = timedelta(days=1)
# a shorter history has no usual month, and nobody takes a few days around its turn for half a month
FEWEST_MONTH_DAYS, TURN_DAYS = 45, 3


def last_complete_day(lines: ir.Table, *, today: date) -> tuple[date, tuple[str, ...]]:
    """Find the last day that can count as closed.

    The data's final day counts, unless

    - it is the day of the run or later: then yesterday;
    - orders are dated by month: then the end of the last month that is over and has its orders (``month_stamps``);
    - the last days or weeks have far fewer customers than usual (``thin_tail``): then the day before them;
    - it is evidently cut off: it has times of day and fewer than half the lines of the usual day, which is the median
      of the same weekday in the eight weeks before, or where that has data less than four times, the median day with
      data among the 28 days before. Then the day before it, whether or not anybody ordered on it.

    Parameters
    ----------
    lines : ir.Table
        Kept order lines, at least one.
    today : date
        The day of the run, in the configured zone.

    Returns
    -------
    tuple of (date, tuple of str)
        The last complete day, and notes for people: where that is not the data's final day, and where it lies in the
        middle of a month.
    """
    counts = _lines_by_day(lines)
    stamps = month_stamps(counts, today=today)
    if stamps:
        return stamps
    final = max(counts)
    last, notes = final, list[str]()
    if final >= today:
        last = today - DAY
        notes.append(f"{final} was not over at the intake of {today}: days count until {last}.")
    tail = thin_tail(lines, counts, last=last)
    if tail:
        last = tail.first - DAY
        notes.append(tail.note)
    elif last == final:
        usual = _usual(counts, final)
        if usual and counts[final] < INCOMPLETE_BELOW * usual[0] and _is_timed(lines, final):
            last = final - DAY
            notes.append(
                f"{final} is incomplete ({counts[final]:,} order lines, the median of {usual[1]} is {usual[0]:,.0f}): "
                f"days count until {last}."
            )
    return last, (*notes, *_middle_of_month(min(counts), last))


def _lines_by_day(lines: ir.Table) -> dict[date, int]:
    rows = lines.group_by(col.ORDER_DAY).agg(lines=lines.count()).to_pyarrow().to_pylist()
    return {row[col.ORDER_DAY]: row["lines"] for row in rows}


def _is_timed(lines: ir.Table, day: date) -> bool:
    on_day = lines.filter(lines[col.ORDER_DAY] == ibis.literal(day))
    return bool((on_day[col.ORDERED_AT] != on_day[col.ORDER_DAY].cast("timestamp")).any().to_pyarrow().as_py())


def _usual(counts: Mapping[date, int], final: date) -> tuple[float, str] | None:
    """Return how many lines a day like the final one has, and which days say so."""
    weekdays = [counts.get(final - timedelta(weeks=week), 0) for week in range(1, COMPARED_WEEKS + 1)]
    if sum(count > 0 for count in weekdays) >= FEWEST_WEEKDAYS:
        return median(weekdays), f"its weekday in the {COMPARED_WEEKS} weeks before"
    days = [counts[day] for age in range(1, COMPARED_DAYS + 1) if (day := final - timedelta(days=age)) in counts]
    return (median(days), f"the {COMPARED_DAYS} days before") if days else None


def _middle_of_month(first: date, last: date) -> tuple[str, ...]:
    left = monthrange(last.year, last.month)[1] - last.day
    if (last - first).days < FEWEST_MONTH_DAYS or left <= TURN_DAYS or last.day <= TURN_DAYS:
        return ()
    return (f"The data end on {last}, in the middle of a month: no label window reaches beyond that day.",)
