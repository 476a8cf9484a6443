"""Histories whose orders are dated by month: all of a month's orders bear one day of it."""

from calendar import monthrange
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta
from statistics import median

STAMPED_SHARE = 0.95
FEWEST_MONTHS = 3
COMPARED_MONTHS = 12
INCOMPLETE_BELOW = 0.5


def month_stamps(counts: Mapping[date, int], *, today: date) -> tuple[date, tuple[str, ...]] | None:
    """Find the last complete day where nearly all order lines bear the first, the last or another same day of a month.

    The last month counts when it is over and has at least half the lines of the median month before it; otherwise the
    history ends with the month before.

    Parameters
    ----------
    counts : mapping of date to int
        Order lines of each day that has any.
    today : date
        The day of the run.

    Returns
    -------
    tuple of (date, tuple of str), or None
        The last day of the last month that counts, and a note for people; None where orders are dated by day.
    """
    stamp = _stamp(counts)
    if not stamp:
        return None
    months = Counter[date]()
    for day, lines in counts.items():
        months[day.replace(day=1)] += lines
    final, *before = sorted(months, reverse=True)
    usual = median(months[month] for month in before[:COMPARED_MONTHS])
    last, why = _end(final), ""
    if last >= today:
        why = f" {final:%Y-%m} was not over at the intake of {today}."
    elif months[final] < INCOMPLETE_BELOW * usual:
        why = f" {final:%Y-%m} is incomplete ({months[final]:,} order lines, the median month has {usual:,.0f})."
    if why:
        last = final - timedelta(days=1)
    note = (
        f"Orders are dated by month (nearly all on its {stamp} day), so an order's day is not known:{why} days count "
        f"until {last}, and horizons below 60 days say little."
    )
    return last, (note,)


def _stamp(counts: Mapping[date, int]) -> str | None:
    """Name the day that the orders of a month bear; None = they bear more than one."""
    if len({(day.year, day.month) for day in counts}) < FEWEST_MONTHS:
        return None
    numbers, lasts = Counter[int](), 0
    for day, lines in counts.items():
        numbers[day.day] += lines
        lasts += lines * (day == _end(day))
    number, most = numbers.most_common(1)[0]
    enough = STAMPED_SHARE * sum(counts.values())
    if lasts >= enough:
        return "last"
    return None if most < enough else "first" if number == 1 else f"{number}th"


def _end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])
