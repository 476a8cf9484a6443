"""What an order looks like: its size, time, discounts, assortment, repeats and returns."""

from ibis.expr import types as ir

from models.features.arithmetic import FLOAT, count, is_weekend, ratio, total
from models.features.definition import NEVER, NO_ORDER, Definition, Expression, define
from models.features.orders import orders, within
from models.settings import FeatureSettings

NO_AMOUNT = "no order with an amount"
NO_PRODUCT = "no order line with a product"
NO_DEPARTMENT = "no order line with a department"


def definitions(settings: FeatureSettings) -> tuple[Definition, ...]:  # noqa: ARG001
    """List the features of the baskets, in catalogue order.

    Parameters
    ----------
    settings : FeatureSettings
        Not used; every source is called alike.
    """
    return (*_basket(), *_timing(), *_discounts(), *_assortment(), *_repeats(), *_returns())


def _valued(h: ir.Table, oldest: int | None = None) -> ir.FloatingScalar:
    inside = h.is_order & within(h, 1, oldest)
    return ratio(h.value.sum(where=inside), count(h, inside & h.value.notnull()))


def _basket() -> tuple[Definition, ...]:
    def add(name: str, unit: str, null: str, text: str, expression: Expression) -> Definition:
        return define(name, unit, null, "basket", text, expression)

    def is_last(h: ir.Table) -> ir.BooleanValue:
        return h.is_order & (h.next.isnull() | (h.next >= h.now))

    return (
        add("order_lines_mean", "lines", NO_ORDER, "Lines of an order.", lambda h: ratio(total(h.lines), orders(h))),
        add("order_units_mean", "units", NO_ORDER, "Units of an order.", lambda h: ratio(h.units.sum(), orders(h))),
        add(
            "order_products_mean",
            "products",
            NO_PRODUCT,
            "Distinct products of an order.",
            lambda h: ratio(h.products.sum(), h.products.count()),
        ),
        add("order_value_mean", "money", NO_AMOUNT, "Value of an order.", _valued),
        add(
            "order_value_mean_90d",
            "money",
            f"{NO_AMOUNT} in that time",
            "Value of an order of the last 90 days.",
            lambda h: _valued(h, 90),
        ),
        add(
            "order_value_last",
            "money",
            "no order, or the last one has no amount",
            "Value of the last order.",
            lambda h: h.value.sum(where=is_last(h)),
        ),
        add(
            "order_value_max",
            "money",
            NO_AMOUNT,
            "Value of the largest order.",
            lambda h: h.value.max(),
        ),
    )


def _timing() -> tuple[Definition, ...]:
    def hours(name: str, first: int, last: int) -> Definition:
        return define(
            f"{name}_share",
            "share",
            NO_ORDER,
            "timing",
            f"Share of orders whose first line falls between {first}:00 and {last}:59.",
            lambda h: ratio(count(h, h.is_order & h.hour.between(first, last)), orders(h)),
        )

    return (
        define(
            "weekend_share",
            "share",
            NO_ORDER,
            "timing",
            "Share of orders on a Saturday or Sunday.",
            lambda h: ratio(count(h, h.is_order & is_weekend(h.day)), orders(h)),
        ),
        hours("morning", 5, 11),
        hours("afternoon", 12, 16),
        hours("evening", 17, 22),
    )


def _discounts() -> tuple[Definition, ...]:
    def share(h: ir.Table, oldest: int | None = None) -> ir.FloatingScalar:
        inside = within(h, 1, oldest)
        discount = h.discount.sum(where=inside)
        return ratio(discount, discount + h.value.sum(where=inside))

    return (
        define(
            "discount_share",
            "share",
            "no price or no discount is known",
            "discounts",
            "Discount over the price before discount.",
            share,
        ),
        define(
            "discount_share_90d",
            "share",
            "no price or no discount is known in that time",
            "discounts",
            "Discount over the price before discount, last 90 days.",
            lambda h: share(h, 90),
        ),
        define(
            "discounted_line_share",
            "share",
            NO_ORDER,
            "discounts",
            "Share of lines with a discount.",
            lambda h: ratio(total(h.discounted), total(h.lines)),
        ),
    )


def _assortment() -> tuple[Definition, ...]:
    def distinct(name: str) -> Definition:
        text = f"Distinct {name} ever bought."
        return define(name, name, NEVER, "assortment", text, lambda h: total(h[f"new_{name}"]))

    def concentration(h: ir.Table) -> ir.FloatingScalar:
        lines = h.department_lines.sum().cast(FLOAT)
        return ratio(h.department_squares.sum(), lines * lines)

    return (
        *(distinct(name) for name in ("products", "categories", "departments")),
        define(
            "department_top_share",
            "share",
            NO_DEPARTMENT,
            "assortment",
            "Share of lines in the department with the most.",
            lambda h: ratio(h.department_top.max(), h.department_lines.sum()),
        ),
        define(
            "department_concentration",
            "share",
            NO_DEPARTMENT,
            "assortment",
            "Sum of squared department shares (Herfindahl index); 1 = a single department.",
            concentration,
        ),
    )


def _repeats() -> tuple[Definition, ...]:
    def share(h: ir.Table, oldest: int | None = None) -> ir.FloatingScalar:
        inside = within(h, 1, oldest)
        return ratio(h.repeat_lines.sum(where=inside), h.product_lines.sum(where=inside))

    text = "Share of lines on a product bought on an earlier day"
    return (
        define("repeat_share", "share", NO_PRODUCT, "repeats", f"{text}.", share),
        define(
            "repeat_share_90d",
            "share",
            f"{NO_PRODUCT} in that time",
            "repeats",
            f"{text}, last 90 days.",
            lambda h: share(h, 90),
        ),
    )


def _returns() -> tuple[Definition, ...]:
    return (
        define(
            "returns_share",
            "share",
            "no line yet",
            "returns",
            "Share of lines that are returns.",
            lambda h: ratio(total(h.returns), total(h.returns) + total(h.lines)),
        ),
        define(
            "returned_value_share",
            "share",
            NO_AMOUNT,
            "returns",
            "Money of returns over the value of orders.",
            lambda h: ratio(-total(h.returned), h.value.sum()),
        ),
    )
