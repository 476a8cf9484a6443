"""Whether the day or the month stands first in dates such as 3/4/2024, by what the values allow."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

MIXED = 0.005
"""Below this share a second way of writing is dirt."""
_DENSE = 0.5  # share of the days between the first and the last that have orders
_IN_ORDER = 0.99  # share of the rows that are not earlier than the one before


@dataclass(frozen=True)
class DayOrder:
    """Which ways of writing to take.

    Parameters
    ----------
    order : tuple of str
        The ways, that which goes first where two read a value.
    note : str
        Why; empty = nothing to say.
    instead : tuple of str
        The ways of the other reading where it is as good; empty = there is no question.
    """

    order: tuple[str, ...]
    note: str = ""
    instead: tuple[str, ...] = ()


def day_order(read: pd.DataFrame, ways: Sequence[str], values: "pd.Series[str]") -> DayOrder:
    """Settle the reading for each sign between day and month apart.

    Parameters
    ----------
    read : DataFrame
        Value -> the time that each way makes of it, NaT where it does not fit.
    ways : sequence of str
        Its columns.
    values : Series of str
        The column, in the order of the file.
    """
    order, instead, notes, asked = list[str](), list[str](), list[str](), False
    for sign in (*"/-.", ""):
        family = [way for way in ways if _sign(way) == sign]
        one = _family(read, family, values, sign) if sign else DayOrder(tuple(family))
        order += one.order
        instead += one.instead or one.order
        notes += [one.note] if one.note else []
        asked = asked or bool(one.instead)
    return DayOrder(tuple(order), "; ".join(notes), tuple(instead) if asked else ())


def _sign(way: str) -> str:
    found = re.match(r"%[dm]([-/.])%[dm]", way)
    return found[1] if found else ""


def _family(read: pd.DataFrame, ways: Sequence[str], values: "pd.Series[str]", sign: str) -> DayOrder:
    days = tuple(way for way in ways if way.startswith("%d"))
    months = tuple(way for way in ways if way.startswith("%m"))
    if not days or not months:
        return DayOrder(tuple(ways))
    by_day, by_month = read[list(days)].bfill(axis=1).iloc[:, 0], read[list(months)].bfill(axis=1).iloc[:, 0]
    only_day, only_month = by_day.notna() & by_month.isna(), by_month.notna() & by_day.isna()
    if only_day.any() and only_month.any():
        weights = values.value_counts().reindex(read.index)
        day, month = float(weights[only_day].sum()), float(weights[only_month].sum())
        both = (*days, *months) if day >= month else (*months, *days)
        if min(day, month) < MIXED * float(weights.sum()):
            return DayOrder(days, "day first") if day >= month else DayOrder(months, "month first")
        return DayOrder(both, "day first and month first are mixed", (*both[len(days) :], *both[: len(days)]))
    if only_day.any():
        return DayOrder(days, f"day first: {only_day[only_day].index[0]}")
    if only_month.any():
        return DayOrder(months, f"month first: {only_month[only_month].index[0]}")
    if sign == ".":
        return DayOrder(days, "day first: nobody writes the month before a full stop")
    return _by_order(values.map(by_day).dropna(), values.map(by_month).dropna(), days, months)


def _by_order(
    by_day: "pd.Series[pd.Timestamp]",
    by_month: "pd.Series[pd.Timestamp]",
    days: tuple[str, ...],
    months: tuple[str, ...],
) -> DayOrder:
    """Tell the reading by what the file's rows look like under it: in order, or without gaps."""
    if by_day.nunique() >= 3:
        rising = (_in_order(by_day), _in_order(by_month))
        if max(rising) > _IN_ORDER and min(rising) < max(rising) - 0.0005:
            why = "only so are the rows in the order of time"
            return (
                DayOrder(days, f"day first: {why}")
                if rising[0] > rising[1]
                else DayOrder(months, f"month first: {why}")
            )
        dense = (_density(by_day), _density(by_month))
        if max(dense) > _DENSE and min(dense) < max(dense) / 3:
            why = "otherwise only a few days of each month would have orders"
            return (
                DayOrder(days, f"day first: {why}") if dense[0] > dense[1] else DayOrder(months, f"month first: {why}")
            )
    return DayOrder(days, "no day is beyond 12", months)


def _in_order(times: "pd.Series[pd.Timestamp]") -> float:
    steps = times.diff().iloc[1:]
    return float(max((steps >= pd.Timedelta(0)).mean(), (steps <= pd.Timedelta(0)).mean()))


def _density(times: "pd.Series[pd.Timestamp]") -> float:
    return float(times.dt.normalize().nunique() / ((times.max() - times.min()).days + 1))
