"""What the days of a history say: holes, weekdays and months."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from statistics import fmean, median

from training.check.history import Hole

DAY = timedelta(days=1)
WEEK = 7
COMPARED_WEEKS = 8
# closed for a day or two is a holiday
SHORTEST_HOLE_DAYS = 3
# fewer than so many orders stay out by chance
FEWEST_MISSED = 20
FEWEST_WEEKS = 8
WHOLE_YEAR = 12
# of a month that counts as whole
FEWEST_MONTH_DAYS = 24

Orders = Mapping[date, int]


def holes(orders: Orders) -> tuple[Hole, ...]:
    """Find the runs of three days or more without an order in which the usual days bring twenty or more in all.

    Usual is the median of the same weekday in the eight weeks before and after the run, so that weekly closing days are
    no holes, and neither are the days of a shop with an order now and then.

    Parameters
    ----------
    orders : mapping of date to int
        Orders of each day that has any.
    """
    days = sorted(orders)
    found = []
    for before, after in pairwise(days):
        if (after - before).days > SHORTEST_HOLE_DAYS:
            found.append(_hole(orders, before + DAY, after - DAY, within=(days[0], days[-1])))
    return tuple(hole for hole in found if hole is not None)


def _hole(orders: Orders, first: date, last: date, *, within: tuple[date, date]) -> Hole | None:
    reach = timedelta(weeks=COMPARED_WEEKS)
    around = [*days_between(max(within[0], first - reach), first - DAY)]
    around += days_between(last + DAY, min(within[1], last + reach))
    usual = {
        weekday: median([orders.get(day, 0) for day in around if day.weekday() == weekday] or [0])
        for weekday in range(WEEK)
    }
    open_days = [day for day in days_between(first, last) if usual[day.weekday()]]
    missed = sum(usual[day.weekday()] for day in open_days)
    if missed < FEWEST_MISSED or (open_days[-1] - open_days[0]).days + 1 < SHORTEST_HOLE_DAYS:
        return None
    return Hole(first=open_days[0], last=open_days[-1], missed=missed)


def weekdays(orders: Orders, closed: Sequence[Hole]) -> tuple[float, ...]:
    """Return the orders of the mean Monday, Tuesday, ... outside holes; nothing below eight weeks."""
    days = _open_days(orders, closed)
    if len(days) < WEEK * FEWEST_WEEKS:
        return ()
    return tuple(
        fmean([orders.get(day, 0) for day in days if day.weekday() == number] or [0]) for number in range(WEEK)
    )


def months(orders: Orders, closed: Sequence[Hole]) -> tuple[dict[int, float], bool]:
    """Compare the calendar months by their orders a day, outside holes.

    Returns
    -------
    tuple of (dict of int to float, bool)
        Month 1..12 -> how many times the usual orders a day it has, empty below twelve whole months; and whether usual
        is the mean of the twelve months around each (two years or more), so that growth is out of it, rather than the
        mean of all.
    """
    rates = _monthly_rates(orders, closed)
    if len(rates) < WHOLE_YEAR:
        return {}, False
    values = [rate for _, rate in rates]
    if len(rates) < 2 * WHOLE_YEAR:
        mean = fmean(values)
        return _by_month([(month, rate / mean) for (month, rate) in rates if mean]), False
    half = WHOLE_YEAR // 2
    ratios = []
    for at in range(half, len(rates) - half):
        # the month itself, five on either side, and half of the sixth ones: a year around it
        mean = (sum(values[at - half + 1 : at + half]) + (values[at - half] + values[at + half]) / 2) / WHOLE_YEAR
        if mean:
            ratios.append((rates[at][0], values[at] / mean))
    return _by_month(ratios), True


def _by_month(ratios: Sequence[tuple[date, float]]) -> dict[int, float]:
    by_month = defaultdict[int, list[float]](list)
    for month, ratio in ratios:
        by_month[month.month].append(ratio)
    return {month: fmean(by_month[month]) for month in sorted(by_month)}


def _monthly_rates(orders: Orders, closed: Sequence[Hole]) -> list[tuple[date, float]]:
    """Return the orders a day of each month that is there as good as whole."""
    days = defaultdict[date, list[int]](list)
    for day in _open_days(orders, closed):
        days[day.replace(day=1)].append(orders.get(day, 0))
    return [(month, fmean(each)) for month, each in sorted(days.items()) if len(each) >= FEWEST_MONTH_DAYS]


def _open_days(orders: Orders, closed: Sequence[Hole]) -> list[date]:
    if not orders:
        return []
    shut = {day for hole in closed for day in days_between(hole.first, hole.last)}
    return [day for day in days_between(min(orders), max(orders)) if day not in shut]


def days_between(first: date, last: date) -> list[date]:
    """Return every day from one to another, both included."""
    return [first + DAY * age for age in range((last - first).days + 1)]
