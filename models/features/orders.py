"""When and how much a customer orders: recency, frequency, spend, rhythm, trend, tenure."""

from collections.abc import Callable

import ibis
from ibis.expr import types as ir

from models.features.arithmetic import FLOAT, count, deviation, ratio, total
from models.features.definition import NEVER, NO_ORDER, Definition, Expression, define
from models.settings import FeatureSettings

WINDOWS_DAYS = (7, 14, 30, 60, 90, 180)
TOO_FEW = "fewer than {} orders"


def definitions(settings: FeatureSettings) -> tuple[Definition, ...]:  # noqa: ARG001
    """List the features of the order days, in catalogue order.

    Parameters
    ----------
    settings : FeatureSettings
        Not used; every source is called alike.
    """
    return (*_recency(), *_frequency(), *_spend(), *_rhythm(), *_trend(), *_tenure())


def within(h: ir.Table, newest: int, oldest: int | None = None) -> ir.BooleanValue:
    """Tell which days have an age of ``newest`` to ``oldest`` days (None = without end); ages start at 1."""
    inside = h.age >= newest
    return inside if oldest is None else inside & (h.age <= oldest)


def orders(h: ir.Table, newest: int = 1, oldest: int | None = None) -> ir.IntegerScalar:
    """Count the orders of an age."""
    return count(h, h.is_order & within(h, newest, oldest))


def spend(h: ir.Table, newest: int = 1, oldest: int | None = None) -> ir.FloatingScalar:
    """Add up the money of an age: 0 without a line, null where no line has an amount."""
    inside = within(h, newest, oldest)
    return ibis.ifelse(count(h, inside) == 0, 0.0, h.amount.sum(where=inside).cast(FLOAT))


def _recency() -> tuple[Definition, ...]:
    def back(name: str, word: str, least: int) -> Definition:
        return define(
            f"recency_{word}_days",
            "days",
            TOO_FEW.format(least),
            "recency",
            f"Days since the {word} last order.",
            # an earlier neighbour never lies later for an earlier order, so the latest one belongs to the last order
            lambda h: h.now.max() - h[name].max(where=h.is_order),
        )

    return (
        define("recency_days", "days", NO_ORDER, "recency", "Days since the last order.", _recency_days),
        back("second", "2nd", 2),
        back("third", "3rd", 3),
        back("fifth", "5th", 5),
    )


def _recency_days(h: ir.Table) -> ir.IntegerScalar:
    return h.age.min(where=h.is_order)


def _frequency() -> tuple[Definition, ...]:
    def windowed(days: int) -> Definition:
        text = f"Orders in the last {days} days."
        return define(f"orders_{days}d", "orders", NEVER, "frequency", text, lambda h: orders(h, 1, days))

    return (
        define("orders", "orders", NEVER, "frequency", "All orders: days with a line that is not a return.", orders),
        *(windowed(days) for days in WINDOWS_DAYS),
        define(
            "orders_per_30d",
            "orders",
            NO_ORDER,
            "frequency",
            "Orders in 30 days on average since the first order.",
            lambda h: ratio(orders(h) * 30, h.age.max(where=h.is_order)),
        ),
    )


def _spend() -> tuple[Definition, ...]:
    unknown = "there are lines, but none has an amount"

    def windowed(days: int) -> Definition:
        text = f"Money spent in the last {days} days, less returns."
        return define(f"spend_{days}d", "money", unknown, "spend", text, lambda h: spend(h, 1, days))

    text = "All money spent, less returns."
    return define("spend", "money", unknown, "spend", text, spend), *(windowed(days) for days in WINDOWS_DAYS)


def _gap_sum(h: ir.Table) -> ir.IntegerScalar:
    return total(h.gap)


def _gap_mean(h: ir.Table) -> ir.FloatingScalar:
    return ratio(_gap_sum(h), h.gap.count())


def _gap_last(h: ir.Table) -> ir.IntegerScalar:
    return h.day.max(where=h.is_order) - h.second.max(where=h.is_order)


def _gap_deviation(h: ir.Table) -> ir.FloatingScalar:
    return deviation(h.gap.count(), _gap_sum(h), total(h.gap * h.gap))


def _rhythm() -> tuple[Definition, ...]:
    def days(name: str, text: str, expression: Expression, least: int = 2) -> Definition:
        return define(f"gap_{name}_days", "days", TOO_FEW.format(least), "rhythm", text, expression)

    def of_recency(name: str, bottom: Expression) -> Definition:
        text = f"Days since the last order over the {name} days between orders."
        return define(
            f"recency_to_gap_{name}",
            "ratio",
            TOO_FEW.format(2),
            "rhythm",
            text,
            lambda h: ratio(_recency_days(h), bottom(h)),
        )

    return (
        days("mean", "Mean days between orders.", _gap_mean),
        days("median", "Median days between orders.", lambda h: h.gap.median()),
        days("deviation", "Standard deviation of the days between orders.", _gap_deviation, 3),
        days("last", "Days between the last two orders.", _gap_last),
        days("longest", "Longest time between two orders.", lambda h: h.gap.max()),
        define(
            "gap_variation",
            "ratio",
            TOO_FEW.format(3),
            "rhythm",
            "Standard deviation over mean of the days between orders.",
            lambda h: ratio(_gap_deviation(h), _gap_mean(h)),
        ),
        of_recency("mean", _gap_mean),
        of_recency("median", lambda h: h.gap.median()),
        of_recency("longest", lambda h: h.gap.max()),
    )


def _trend() -> tuple[Definition, ...]:
    def of(name: str, measure: Callable[..., ir.NumericScalar], recent: int, oldest: int) -> Definition:
        times = (oldest - recent) // recent
        text = f"{name.capitalize()} of the last {recent} days over the usual in the {oldest - recent} days before."
        return define(
            f"{name}_trend_{recent}d",
            "ratio",
            f"no {name} in the {oldest - recent} days before",
            "trend",
            text,
            lambda h: ratio(measure(h, 1, recent).cast(FLOAT) * float(times), measure(h, recent + 1, oldest)),
        )

    return (
        of("orders", orders, 30, 90),
        of("orders", orders, 90, 180),
        of("spend", spend, 30, 90),
        of("spend", spend, 90, 180),
    )


def _tenure() -> tuple[Definition, ...]:
    return (
        define(
            "tenure_days",
            "days",
            NO_ORDER,
            "tenure",
            "Days since the first order.",
            lambda h: h.age.max(where=h.is_order),
        ),
    )
