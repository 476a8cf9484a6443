"""What each day of the order lines held, and what is told when that is no longer what a champion learnt from.

A model that is fitted on spoilt tables is validated on them too, and may look as good as ever. What was final when the
champion was made should be the same today, and what came since should look like what came before.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta

import ibis
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from models import columns as col
from models.engines import Engine
from models.orders import order_days

REWRITTEN_FROM = 0.02
"""Share of a figure's sum over the days that may differ from what a champion learnt from: returns, corrections."""
UNUSUAL_FROM = 3.0
"""So many times the highest four weeks before is unusual."""
UNUSUAL_SHARE = 0.05
"""And a share must have grown by so much."""
BLOCK = timedelta(weeks=4)
DAY = timedelta(days=1)
SHOWN_DAYS = 3


class DayFigures(BaseModel):
    """What the kept order lines of one day hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lines: int
    customers: int
    products: int = Field(description="0 = no line names one.")
    money: float = Field(description="Sum of the amounts without their signs; 0 = no amounts.")
    gaps: int = Field(description="Sum of the days since each customer's order before; a first order adds none.")
    repeated: int = Field(description="Lines that repeat another one of the day exactly.")
    most_customer: int = Field(description="Lines of the customer who has most.")
    most_product: int = Field(description="Lines of the product that has most; 0 = no line names one.")


Days = Mapping[date, DayFigures]
_DAYS = TypeAdapter(dict[date, DayFigures])

_GAPS = "days since each customer's order before"
_FINAL: Mapping[str, Callable[[DayFigures], float]] = {
    "lines": lambda day: day.lines,
    "customers": lambda day: day.customers,
    "products": lambda day: day.products,
    "amounts": lambda day: day.money,
    "lines of the product that has most": lambda day: day.most_product,
    _GAPS: lambda day: day.gaps,
}
_SHARES: Mapping[str, Callable[[DayFigures], float]] = {
    "repeat another line exactly": lambda day: day.repeated,
    "are one customer's": lambda day: day.most_customer,
    "are one product's": lambda day: day.most_product,
}


def day_figures(engine: Engine, *, before: date) -> dict[date, DayFigures]:
    """Compute what each day with an order line holds, rising.

    Parameters
    ----------
    engine : Engine
        The kept tables.
    before : date
        Lines of this day and later ones are not counted: they may still be arriving.
    """
    lines = engine.tables[col.ORDER_LINES]
    lines = lines.filter(lines[col.ORDER_DAY] < before)
    day, among = col.ORDER_DAY, ibis.window(group_by=col.CUSTOMER_ID, order_by=col.ORDER_DAY)
    counted = lines.group_by(day).agg(
        lines=lines.count(),
        customers=lines[col.CUSTOMER_ID].nunique(),
        products=lines[col.PRODUCT_ID].nunique(),
        money=lines[col.AMOUNT].abs().sum().fill_null(0).cast("float64"),
    )
    orders = order_days(lines)
    orders = orders.mutate(gap=orders[day].delta(orders[day].lag(1).over(among), unit="day"))
    parts = [orders.group_by(day).agg(gaps=orders["gap"].sum().fill_null(0).cast("int64"))]
    distinct = lines.distinct()
    parts.append(distinct.group_by(day).agg(different=distinct.count()))
    for name, column in (("most_customer", col.CUSTOMER_ID), ("most_product", col.PRODUCT_ID)):
        each = lines.filter(lines[column].notnull()).group_by([day, column]).agg(n=ibis._.count())
        parts.append(each.group_by(day).agg(**{name: each["n"].max()}))
    for part in parts:
        counted = counted.left_join(part, day).drop(f"{day}_right")
    rows = counted.order_by(day).to_pyarrow().to_pylist()
    found = {}
    for row in rows:
        values = {name: value or 0 for name, value in row.items() if name != day}
        values["repeated"] = values["lines"] - values.pop("different")
        found[row[day]] = DayFigures(**values)
    return found


def to_json(days: Days) -> bytes:
    """Return the figures as a file of a run."""
    return _DAYS.dump_json(dict(days))


def from_json(content: bytes) -> dict[date, DayFigures]:
    """Return what ``to_json`` wrote."""
    return _DAYS.validate_json(content)


def drift(then: Days, now: Days, *, forgotten: int = 0) -> Iterator[str]:
    """Tell what is no longer as it was: a history that was rewritten, and new days unlike any before.

    Parameters
    ----------
    then : mapping of date to DayFigures
        What a champion learnt from, not empty.
    now : mapping of date to DayFigures
        What a challenger learnt from.
    forgotten : int
        Ids that were forgotten since then: a day may hold less than it did for want of so many customers.
    """
    first, last = min(then), max(then)
    old = {day: held for day, held in now.items() if day <= last}
    new = {day: held for day, held in now.items() if day > last}
    if old:
        # a history whose beginning was left out is no less true
        kept = {day: held for day, held in then.items() if day >= min(old)}
        yield from _rewritten(kept, old, moved=min(old) != first, forgotten=forgotten)
    if new:
        yield from _unusual(then, new)


def _rewritten(then: Days, now: Days, *, moved: bool, forgotten: int) -> Iterator[str]:
    days = sorted(then.keys() | {day for day in now if day >= min(then)})
    customers = _differences(then, now, days, lambda day: day.customers)
    # whoever is taken out takes away from each figure, and adds to none
    may_fall = {day for day in days if forgotten and -forgotten <= customers.get(day, 0) <= 0}
    differs, shares = {}, {}
    for name, figure in _FINAL.items():
        # where the beginning moved, the orders before the first ones are gone, or are known only now
        if not (moved and name == _GAPS):
            each = _differences(then, now, days, figure)
            differs[name] = {day: by for day, by in each.items() if by > 0 or day not in may_fall}
            shares[name] = sum(map(abs, differs[name].values())) / max(sum(map(figure, then.values())), 1)
    worst = max(shares, key=lambda name: shares[name])
    if shares[worst] > REWRITTEN_FROM:
        by_day, figure = differs[worst], _FINAL[worst]
        most = sorted(by_day, key=lambda day: (-abs(by_day[day]), day))[:SHOWN_DAYS]
        named = ", ".join(f"{day} ({_of(now, day, figure):,.0f}, before {_of(then, day, figure):,.0f})" for day in most)
        yield (
            f"{worst} of {len(by_day):,} of the {len(days):,} days from {days[0]} to {days[-1]} changed, by "
            f"{shares[worst]:.1%} of all (at most {REWRITTEN_FROM:.0%} may), most on {named}"
        )


def _of(days: Days, day: date, figure: Callable[[DayFigures], float]) -> float:
    return figure(days[day]) if day in days else 0


def _differences(then: Days, now: Days, days: list[date], figure: Callable[[DayFigures], float]) -> dict[date, float]:
    by_day = {day: _of(now, day, figure) - _of(then, day, figure) for day in days}
    return {day: by for day, by in by_day.items() if by}


def _unusual(then: Days, new: Days) -> Iterator[str]:
    for what, figure in _SHARES.items():
        for span, share, usual, worst in _first_above(then, new, figure, least=UNUSUAL_SHARE):
            yield f"{share:.1%} {span} {what} on their day, at most {usual:.1%} did before; most on {worst}"
    for span, mean, usual, worst in _first_above(then, new, lambda day: day.money, least=0):
        yield f"the mean amount {span} is {mean:,.2f}, at most {usual:,.2f} before; most on {worst}"
    blocks = list(_blocks(then))
    busiest = max(max(held.lines for held in block.values()) / _mean(block) for block in blocks)
    most = max(held.lines for held in then.values())
    worst = max(new, key=lambda day: (new[day].lines, day))
    # a season may begin from a trough, and a shop that grew may have a busy day as it always had
    if new[worst].lines > UNUSUAL_FROM * max(most, busiest * _mean(blocks[0])):
        yield (
            f"{new[worst].lines:,} order lines are of {worst}, no day before had more than {most:,}, a mean one of the "
            f"newest weeks {_mean(blocks[0]):,.0f} and the busiest {busiest:.1f} times its weeks' mean"
        )


def _first_above(
    then: Days, new: Days, figure: Callable[[DayFigures], float], *, least: float
) -> Iterator[tuple[str, float, float, date]]:
    """Yield the span, rate, usual rate and worst new day of the first four weeks that are unusual, if any are."""
    newest = _per_line(next(_blocks(then)), figure)
    for block, before in _judged(then, new):
        usual = max(_per_line(known, figure) for known in _blocks(before))
        limit, rate = max(UNUSUAL_FROM * usual, usual + least), _per_line(block, figure)
        # what the champion's own newest weeks exceed was meant when it was promoted
        if rate > limit >= newest and limit > 0:
            worst = max(block.keys() & new.keys(), key=lambda day: (figure(new[day]), day))
            yield f"of the order lines from {min(block)} to {max(block)}", rate, usual, worst
            return


def _judged(then: Days, new: Days) -> Iterator[tuple[Days, Days]]:
    """Yield the new days by four weeks, each with the known days before it.

    A newest stretch that is shorter takes in days before it, which are then not what it is compared with: few days vary
    more than four weeks do, and what comes a few days at a time would become usual before it is seen.
    """
    everything = {**then, **new}
    start, end = max(then) + DAY, max(new)
    while start <= end:
        begin = min(start, end - BLOCK + DAY)
        before = {day: held for day, held in then.items() if day < begin}
        block = {day: held for day, held in everything.items() if begin <= day < begin + BLOCK}
        if any(day >= start for day in block):
            yield block, before if before and begin - BLOCK >= min(then) else then
        start += BLOCK


def _blocks(days: Days) -> Iterator[Days]:
    """Yield stretches of four weeks, counted back from the newest day; an oldest shorter one only if it is alone."""
    end = max(days)
    while end >= min(days):
        whole = end - BLOCK + DAY >= min(days)
        held = {day: figures for day, figures in days.items() if end - BLOCK < day <= end}
        if held and (whole or end == max(days)):
            yield held
        end -= BLOCK


def _per_line(days: Days, figure: Callable[[DayFigures], float]) -> float:
    return sum(map(figure, days.values())) / sum(held.lines for held in days.values())


def _mean(days: Days) -> float:
    return sum(held.lines for held in days.values()) / len(days)
