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


def day_figures(engine: Engine) -> dict[date, DayFigures]:
    """Compute what each day with an order line holds, rising.

    Parameters
    ----------
    engine : Engine
        The kept tables.
    """
    lines = engine.tables[col.ORDER_LINES]
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


def drift(then: Days, now: Days) -> Iterator[str]:
    """Tell what is no longer as it was: a history that was rewritten, and new days unlike any before.

    Parameters
    ----------
    then : mapping of date to DayFigures
        What a champion learnt from, not empty.
    now : mapping of date to DayFigures
        What a challenger learnt from.
    """
    first, last = min(then), max(then)
    old = {day: held for day, held in now.items() if day <= last}
    new = {day: held for day, held in now.items() if day > last}
    if any(day >= first for day in old):
        # a history whose beginning was left out is no less true
        kept = {day: held for day, held in then.items() if day >= min(old)}
        yield from _rewritten(kept, old, cut=min(old) > first)
    if new:
        yield from _unusual(then, new)


def _rewritten(then: Days, now: Days, *, cut: bool) -> Iterator[str]:
    days = sorted(then.keys() | {day for day in now if day >= min(then)})
    shares = {}
    for name, figure in _FINAL.items():
        # where the beginning is gone, the orders before the first ones are gone with it
        if not (cut and name == _GAPS):
            was, is_now = _of_each(then, days, figure), _of_each(now, days, figure)
            shares[name] = sum(map(abs, _differences(was, is_now).values())) / max(sum(was.values()), 1)
    worst = max(shares, key=lambda name: shares[name])
    if shares[worst] > REWRITTEN_FROM:
        was, is_now = _of_each(then, days, _FINAL[worst]), _of_each(now, days, _FINAL[worst])
        differs = _differences(was, is_now)
        most = sorted(differs, key=lambda day: (-abs(differs[day]), day))[:SHOWN_DAYS]
        named = ", ".join(f"{day} ({is_now[day]:,.0f}, before {was[day]:,.0f})" for day in most)
        yield (
            f"{worst} of {len(differs):,} of the {len(days):,} days from {days[0]} to {days[-1]} changed, by "
            f"{shares[worst]:.1%} of all (at most {REWRITTEN_FROM:.0%} may), most on {named}"
        )


def _of_each(held: Days, days: list[date], figure: Callable[[DayFigures], float]) -> dict[date, float]:
    return {day: figure(held[day]) if day in held else 0 for day in days}


def _differences(was: Mapping[date, float], now: Mapping[date, float]) -> dict[date, float]:
    return {day: now[day] - was[day] for day in was if now[day] != was[day]}


def _unusual(then: Days, new: Days) -> Iterator[str]:
    span = f"of the order lines from {min(new)} to {max(new)}"
    blocks = list(_blocks(then))
    for what, figure in _SHARES.items():
        usual, share = max(_per_line(block, figure) for block in blocks), _per_line(new, figure)
        if share > UNUSUAL_FROM * usual and share - usual > UNUSUAL_SHARE:
            worst = max(new, key=lambda day: (figure(new[day]), day))
            yield f"{share:.1%} {span} {what} on their day, at most {usual:.1%} did before; most on {worst}"
    money = max(_per_line(block, lambda day: day.money) for block in blocks)
    now = _per_line(new, lambda day: day.money)
    if now > UNUSUAL_FROM * money > 0:
        worst = max(new, key=lambda day: (new[day].money, day))
        yield f"the mean amount {span} is {now:,.2f}, at most {money:,.2f} before; most on {worst}"
    busiest = max(max(held.lines for held in block.values()) / _mean(block) for block in blocks)
    worst = max(new, key=lambda day: (new[day].lines, day))
    # against the days of before: one day alone is its own mean
    if new[worst].lines > UNUSUAL_FROM * busiest * _mean(blocks[0]):
        yield (
            f"{new[worst].lines:,} order lines are of {worst}, a mean day before had {_mean(blocks[0]):,.0f} and the "
            f"busiest {busiest:.1f} times that"
        )


def _blocks(days: Days) -> Iterator[Days]:
    """Yield stretches of four weeks, counted back from the newest day; the oldest may be shorter."""
    end = max(days)
    while end >= min(days):
        if held := {day: figures for day, figures in days.items() if end - BLOCK < day <= end}:
            yield held
        end -= BLOCK


def _per_line(days: Days, figure: Callable[[DayFigures], float]) -> float:
    return sum(map(figure, days.values())) / sum(held.lines for held in days.values())


def _mean(days: Days) -> float:
    return sum(held.lines for held in days.values()) / len(days)
