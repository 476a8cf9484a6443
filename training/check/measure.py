"""Measures a history in the engine: only aggregates come out of it, however many customers there are."""

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import accumulate

import ibis
import ibis.expr.types as ir

from models import columns as col
from models.contracts import SCHEMAS
from models.engines import Engine
from models.orders import is_return, paid
from training.check.calendar import days_between, holes, months, weekdays
from training.check.history import Assortment, Bin, History, Period, Spend, Step, histogram, quantile
from training.check.order_counts import COUNT, Orders, dicts
from training.intake_report import IntakeReport

MOST_PERIODS = 400
SPEND_PERCENTS = (5, 25, 50, 75, 90, 95, 99)
TOP_PERCENTS = (1, 10, 50)
ORDER_EDGES = (1, 2, 5, 10, 20, 50, 100)
CAME_PERCENT = 99
# what programs and people write where there is no id; 0 may be somebody's
NO_NAMES = ("null", "nan", "none", "na", "n/a", "nil", "undefined", "unknown", "anonymous", "guest", "-", "?", "(null)")
_LEADS = {1: 2, 2: 5, 5: 10}


def measure(engine: Engine, orders: Orders, report: IntakeReport) -> History:
    """Measure the kept tables.

    Parameters
    ----------
    engine : Engine
        Holds them.
    orders : Orders
        Its orders.
    report : IntakeReport
        Says which columns the source has.
    """
    lines = engine.tables[col.ORDER_LINES]
    by_day, new = orders.by_day()
    counts = orders.per_customer()
    closed = holes(by_day)
    by_month, years = months(by_day, closed)
    step = _step(by_day)
    absent = report.tables[col.ORDER_LINES].absent
    return History(
        first=min(by_day, default=None),
        last=max(by_day, default=None),
        latest_day_of_month=max((day.day for day in by_day), default=0),
        customers=sum(counts.values()),
        orders=sum(by_day.values()),
        returns=int(is_return(lines).sum().to_pyarrow().as_py() or 0),
        step=step,
        over_time=_over_time(by_day, new, orders.customers_in(step), step),
        most_came_by=_day_of(new, CAME_PERCENT) if by_day else None,
        orders_per_customer=histogram(counts, ORDER_EDGES),
        gaps=orders.gaps(),
        spend=None if col.AMOUNT in absent else _spend(lines),
        assortment=None if col.PRODUCT_ID in absent else _assortment(lines),
        missing=_missing(engine, report),
        nameless=_nameless(lines),
        shared_order_ids=0 if col.ORDER_ID in absent else _shared_order_ids(lines),
        weekdays=weekdays(by_day, closed),
        months=by_month,
        years=years,
        holes=closed,
    )


def _step(by_day: Mapping[date, int]) -> Step:
    days = (max(by_day) - min(by_day)).days + 1 if by_day else 0
    if days <= MOST_PERIODS:
        return "day"
    return "week" if days <= 7 * MOST_PERIODS else "month"


def _period(day: date, step: Step) -> date:
    if step == "day":
        return day
    return day - timedelta(days=day.weekday()) if step == "week" else day.replace(day=1)


def _over_time(
    by_day: Mapping[date, int], new: Mapping[date, int], customers: Mapping[date, int], step: Step
) -> tuple[Period, ...]:
    sums: dict[date, list[int]] = {}
    for day in days_between(min(by_day), max(by_day)) if by_day else []:
        counted = sums.setdefault(_period(day, step), [0, 0])
        counted[0] += by_day.get(day, 0)
        counted[1] += new.get(day, 0)
    return tuple(
        Period(first=first, orders=orders, customers=customers.get(first, 0), new_customers=came)
        for first, (orders, came) in sums.items()
    )


def _day_of(counts: Mapping[date, int], percent: int) -> date:
    return date.fromordinal(quantile({day.toordinal(): count for day, count in counts.items()}, percent))


def _spend(lines: ir.Table) -> Spend | None:
    each = lines.group_by(col.CUSTOMER_ID).agg(spend=paid(lines).sum())
    each = each.filter(each.spend.notnull()).mutate(spend=each.spend.cast("float64"))
    row = dicts(each.agg(**{f"q{percent}": each.spend.quantile(percent / 100) for percent in SPEND_PERCENTS}))[0]
    if row[f"q{SPEND_PERCENTS[0]}"] is None:
        return None
    positive = each.filter(each.spend > 0)
    power = positive.spend.log10().floor().cast("int64")
    # 1, 2, 5, 10, 20, 50, ...: the figures of coins and notes
    figure = positive.spend / ibis.literal(10.0) ** power
    lead = ibis.cases((figure >= 5, 5), (figure >= 2, 2), else_=1)
    bars = positive.select(power=power, lead=lead).group_by("power", "lead").agg(**{COUNT: ibis._.count()})
    counts = {(row["power"], row["lead"]): row[COUNT] for row in dicts(bars)}
    nothing = dicts(each.agg(**{COUNT: (each.spend <= 0).sum()}))[0][COUNT]
    return Spend(
        quantiles={percent: row[f"q{percent}"] for percent in SPEND_PERCENTS},
        histogram=(Bin(title="0 or less", count=nothing), *_money_bins(counts)),
    )


def _money_bins(counts: Mapping[tuple[int, int], int]) -> list[Bin]:
    if not counts:
        return []
    steps = [(power, lead) for power in range(min(counts)[0], max(counts)[0] + 1) for lead in _LEADS]
    return [
        Bin(title=f"{_money(power, lead)} to {_money(power, _LEADS[lead])}", count=counts.get((power, lead), 0))
        for power, lead in steps
        if min(counts) <= (power, lead) <= max(counts)
    ]


def _money(power: int, lead: int) -> str:
    return f"{lead * 10.0**power:,g}" if power < 6 else f"{lead * 10.0**power:.0e}"


def _assortment(lines: ir.Table) -> Assortment | None:
    sold = lines.filter(lines[col.PRODUCT_ID].notnull() & ~is_return(lines))
    each = sold.group_by(col.PRODUCT_ID).agg(lines=sold.count())
    # products that sold as often are alike here: what is counted is how many there are of each kind
    rows = dicts(each.group_by("lines").agg(**{COUNT: each.count()}))
    if not rows:
        return None
    ranked = sorted(((row["lines"], row[COUNT]) for row in rows), reverse=True)
    products, total = sum(count for _, count in ranked), sum(each * count for each, count in ranked)
    reached = list(accumulate(ranked, lambda sums, row: (sums[0] + row[1], sums[1] + row[0] * row[1]), initial=(0, 0)))
    points = [max(1, -(-products * percent // 100)) for percent in range(1, 101)]
    curve = dict.fromkeys(points, 0.0)
    for point in curve:
        at = next(index for index, (count, _) in enumerate(reached) if count >= point) - 1
        curve[point] = (reached[at][1] + (point - reached[at][0]) * ranked[at][0]) / total
    return Assortment(
        products=products,
        lines=total,
        top={percent: curve[points[percent - 1]] for percent in TOP_PERCENTS},
        curve=tuple((point / products, share) for point, share in curve.items()),
    )


def _missing(engine: Engine, report: IntakeReport) -> dict[str, dict[str, float]]:
    found = {}
    for name, table in engine.tables.items():
        kept, absent = report.tables[name].kept, report.tables[name].absent
        columns = [each for each in table.columns if each not in absent and SCHEMAS[name].get(each) != "date"]
        if kept:
            row = dicts(table.agg(**{each: table[each].isnull().sum() for each in columns}))[0]
            found[name] = {each: row[each] / kept for each in columns}
    return found


def _nameless(lines: ir.Table) -> dict[str, int]:
    found = lines.filter(lines[col.CUSTOMER_ID].strip().lower().isin(NO_NAMES))
    counted = found.group_by(col.CUSTOMER_ID).agg(**{col.LINES: found.count()}).order_by(col.CUSTOMER_ID)
    return {row[col.CUSTOMER_ID]: row[col.LINES] for row in dicts(counted)}


def _shared_order_ids(lines: ir.Table) -> int:
    named = lines.filter(lines[col.ORDER_ID].notnull())
    each = named.group_by(col.ORDER_ID).agg(shared=named[col.CUSTOMER_ID].min() != named[col.CUSTOMER_ID].max())
    return int(each.filter(each.shared).count().to_pyarrow().as_py())
