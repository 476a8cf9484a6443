"""A thin tail: last days or weeks with far fewer customers than usual, as when only some of the shops delivered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

import ibis
import ibis.expr.types as ir

from models import columns as col

LONGEST_DAYS, SHORTEST_DAYS = 45, 3
WEEK = 7
COMPARED_WEEKS = 8
THIN_BELOW = 0.5
# a decline over weeks has thinned the week before already; a missing delivery begins from one day to the next
WHOLE_FROM = 0.75
# fewer customers a day than this fall to a half by chance
FEWEST_CUSTOMERS = 10
YEAR = timedelta(weeks=52)  # weekdays stay where they are
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Tail:
    """Days at the end of a history that do not count.

    Parameters
    ----------
    first, last : date
        The first and the last of them.
    customers, usual : float
        How many customers ordered on the mean day of the tail, and how many were to be expected.
    """

    first: date
    last: date
    customers: float
    usual: float

    @property
    def note(self) -> str:
        """What people are told."""
        return (
            f"{self.first} to {self.last} are incomplete ({self.customers:,.0f} customers a day, the same weekdays of "
            f"the {COMPARED_WEEKS} weeks before had {self.usual:,.0f}): days count until {self.first - _DAY}."
        )


def thin_tail(lines: ir.Table, counts: Mapping[date, int], *, last: date) -> Tail | None:
    """Find the longest run of 3 to 45 days up to ``last`` that is thin.

    Thin is a run whose first day and whose every week (every day, where it is shorter than a week) has fewer than half
    the customers of the same weekdays' medians in the eight weeks before it. It must begin from one day to the next,
    with at least ten customers a day before it. Three things look like it and are not: the same fall a year before,
    the days around New Year, and the end of a time in which new customers came, after which those who return are as
    many as ever.

    Parameters
    ----------
    lines : ir.Table
        Kept order lines.
    counts : mapping of date to int
        Order lines of each day that has any: what is cheap to know. Customers are counted where these fall.
    last : date
        The last day that may count.
    """
    first = min(counts)
    if not _found(counts, last, first, fewest=0):
        return None
    reach = timedelta(days=LONGEST_DAYS) + timedelta(weeks=COMPARED_WEEKS)
    tail = _found(_customers(lines, last - reach, last), last, first)
    if tail is None or _is_new_year(tail):
        return None
    return None if _as_last_year(lines, tail, first) or _returning_as_ever(lines, tail, first) else tail


def _found(customers: Mapping[date, int], last: date, first: date, *, fewest: float = FEWEST_CUSTOMERS) -> Tail | None:
    for length in range(LONGEST_DAYS, SHORTEST_DAYS - 1, -1):
        start = last - timedelta(days=length - 1)
        if start - timedelta(weeks=COMPARED_WEEKS) < first:
            continue
        usual = _usual(customers, start)
        days = [start + timedelta(days=day) for day in range(length)]
        expected = [usual[day.weekday()] for day in days]
        actual = [customers.get(day, 0) for day in days]
        if sum(expected) / length < max(fewest, 1) or not _thin(actual, expected):
            continue
        week = [customers.get(start - timedelta(days=day), 0) for day in range(1, WEEK + 1)]
        if sum(week) >= WHOLE_FROM * sum(usual):
            return Tail(start, last, sum(actual) / length, sum(expected) / length)
    return None


def _usual(customers: Mapping[date, int], start: date) -> list[float]:
    """Return the median of each weekday in the weeks before ``start``, Monday first."""
    by_weekday: list[list[int]] = [[] for _ in range(WEEK)]
    for age in range(1, WEEK * COMPARED_WEEKS + 1):
        day = start - timedelta(days=age)
        by_weekday[day.weekday()].append(customers.get(day, 0))
    return [median(each) for each in by_weekday]


def _thin(actual: list[int], expected: list[float]) -> bool:
    if not actual[0] < THIN_BELOW * expected[0]:
        return False
    if len(actual) < WEEK:
        return all(a < THIN_BELOW * e for a, e in zip(actual, expected, strict=True) if e)
    return all(
        sum(actual[at : at + WEEK]) < THIN_BELOW * sum(expected[at : at + WEEK]) for at in range(len(actual) - WEEK + 1)
    )


def _customers(lines: ir.Table, first: date, last: date) -> dict[date, int]:
    day = lines[col.ORDER_DAY]
    within = lines.filter((day >= ibis.literal(first)) & (day <= ibis.literal(last)))
    rows = within.group_by(col.ORDER_DAY).agg(customers=within[col.CUSTOMER_ID].nunique()).to_pyarrow().to_pylist()
    return {row[col.ORDER_DAY]: row["customers"] for row in rows}


def _is_new_year(tail: Tail) -> bool:
    christmas = date(tail.last.year - (tail.last.month < WEEK), 12, 23)
    overlaps = tail.first <= christmas + timedelta(weeks=2) and tail.last >= christmas
    return overlaps and (tail.last - tail.first).days < 2 * WEEK


def _as_last_year(lines: ir.Table, tail: Tail, first: date) -> bool:
    start, last = tail.first - YEAR, tail.last - YEAR
    base = start - timedelta(weeks=COMPARED_WEEKS)
    if base < first:
        return False
    then = _customers(lines, base, last)
    usual = _usual(then, start)
    days = [start + timedelta(days=day) for day in range((last - start).days + 1)]
    expected, actual = sum(usual[day.weekday()] for day in days), sum(then.get(day, 0) for day in days)
    # three quarters of last year's share: the same fall, within what two years differ
    return bool(expected) and tail.customers / tail.usual >= WHOLE_FROM * actual / expected


def _returning_as_ever(lines: ir.Table, tail: Tail, first: date) -> bool:
    """Tell whether those who had ordered before are not fewer: then new customers alone have stopped coming."""
    began = lines.group_by(col.CUSTOMER_ID).agg(began=lines[col.ORDER_DAY].min())
    dated = lines.inner_join(began, col.CUSTOMER_ID)
    returning = dated.filter(dated[col.ORDER_DAY] > dated["began"])
    base = tail.first - timedelta(weeks=COMPARED_WEEKS)
    customers = _customers(returning, max(base, first), tail.last)
    usual = _usual(customers, tail.first)
    days = [tail.first + timedelta(days=day) for day in range((tail.last - tail.first).days + 1)]
    expected, actual = sum(usual[day.weekday()] for day in days), sum(customers.get(day, 0) for day in days)
    return expected / len(days) >= FEWEST_CUSTOMERS and actual >= THIN_BELOW * expected
