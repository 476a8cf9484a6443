"""Families of features for people: a title, and the customer's figures in words."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

Values = Mapping[str, float]


@dataclass(frozen=True)
class Group:
    """A family of features.

    Parameters
    ----------
    name : str
        Key in ``GROUPS`` and in a feature's ``group``.
    title : str
        What people call it.
    phrase : Callable
        (feature name -> value, NaN or absent = unknown) -> the customer's figures in words, lower case, without a full
        stop.
    """

    name: str
    title: str
    phrase: Callable[[Values], str]


def _known(values: Values, name: str) -> float | None:
    value = values.get(name)
    return float(value) if value is not None and isfinite(value) else None


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 or float(value).is_integer() else f"{value:.1f}"


def _counted(value: float, one: str, many: str) -> str:
    return f"{_figure(value)} {one if value == 1 else many}"


def _days(value: float) -> str:
    return _counted(value, "day", "days")


def _percent(value: float) -> str:
    return f"{value:.0%}"


def _recency(values: Values) -> str:
    recency, usual = _known(values, "recency_days"), _known(values, "gap_median_days")
    if recency is None:
        return "no order yet"
    rhythm = "" if usual is None else f", usually every {_figure(usual)}"
    return f"last order {_days(recency)} ago{rhythm}"


def _frequency(values: Values) -> str:
    orders, recent = _known(values, "orders"), _known(values, "orders_90d")
    if not orders:
        return "no order yet"
    latest = "" if recent is None else f", {_figure(recent)} in the last 90 days"
    return f"{_counted(orders, 'order', 'orders')} in all{latest}"


def _spend(values: Values) -> str:
    spend, recent = _known(values, "spend"), _known(values, "spend_90d")
    if spend is None:
        return "spend unknown"
    latest = "" if recent is None else f", {recent:,.2f} in the last 90 days"
    return f"spent {spend:,.2f} in all{latest}"


def _rhythm(values: Values) -> str:
    usual, longest = _known(values, "gap_median_days"), _known(values, "gap_longest_days")
    if usual is None:
        return "too few orders for a rhythm"
    most = "" if longest is None else f", at most {_figure(longest)} apart"
    return f"usually orders every {_days(usual)}{most}"


def _basket(values: Values) -> str:
    value, lines = _known(values, "order_value_mean"), _known(values, "order_lines_mean")
    if lines is None:
        return "no order yet"
    worth = "" if value is None else f" worth {value:,.2f}"
    return f"{_counted(lines, 'line', 'lines')}{worth} an order"


def _trend(values: Values) -> str:
    trend = _known(values, "orders_trend_30d")
    if trend is None:
        return "no orders to compare the last 30 days with"
    return f"orders {_percent(trend)} as often in the last 30 days as in the 60 before"


def _timing(values: Values) -> str:
    weekend, evening = _known(values, "weekend_share"), _known(values, "evening_share")
    if weekend is None:
        return "no order yet"
    late = "" if evening is None else f", {_percent(evening)} in the evening"
    return f"{_percent(weekend)} of orders at the weekend{late}"


def _discounts(values: Values) -> str:
    share = _known(values, "discount_share")
    return "discounts unknown" if share is None else f"{_percent(share)} off the usual price on average"


def _assortment(values: Values) -> str:
    products, departments = _known(values, "products"), _known(values, "departments")
    if not products:
        return "no known product bought yet"
    among = f" from {_counted(departments, 'department', 'departments')}" if departments else ""
    return f"{_counted(products, 'different product', 'different products')} bought{among}"


def _repeats(values: Values) -> str:
    share = _known(values, "repeat_share")
    return "no known product bought yet" if share is None else f"{_percent(share)} of purchases are repeats"


def _returns(values: Values) -> str:
    share = _known(values, "returns_share")
    return "nothing to return yet" if share is None else f"{_percent(share)} of lines were returned"


def _tenure(values: Values) -> str:
    tenure, member = _known(values, "tenure_days"), _known(values, "member_days")
    first = "no order yet" if tenure is None else f"first order {_days(tenure)} ago"
    return first if member is None else f"{first}, joined {_days(member)} ago"


def _contacts(values: Values) -> str:
    sent, answered = _known(values, "contacts"), _known(values, "contacts_answered")
    if not sent:
        return "not contacted yet"
    return f"answered {_figure(answered or 0)} of {_counted(sent, 'contact', 'contacts')}"


def _events(values: Values) -> str:
    recent, recency = _known(values, "events_30d"), _known(values, "event_recency_days")
    if recency is None:
        return "no visit seen yet"
    return f"{_counted(recent or 0, 'event', 'events')} in the last 30 days, the last {_days(recency)} ago"


def _attributes(values: Values) -> str:
    prefix = "attribute_"
    known = {name.removeprefix(prefix): _known(values, name) for name in values if name.startswith(prefix)}
    told = [f"{name.replace('_', ' ')} {_figure(value)}" for name, value in known.items() if value is not None]
    return ", ".join(told) or "nothing known about the person"


GROUPS: Mapping[str, Group] = {
    group.name: group
    for group in (
        Group("recency", "Last order", _recency),
        Group("frequency", "Number of orders", _frequency),
        Group("spend", "Spend", _spend),
        Group("rhythm", "Time between orders", _rhythm),
        Group("trend", "Trend", _trend),
        Group("tenure", "Time as a customer", _tenure),
        Group("basket", "Basket", _basket),
        Group("timing", "Day and hour", _timing),
        Group("discounts", "Discounts", _discounts),
        Group("assortment", "Assortment", _assortment),
        Group("repeats", "Repeat purchases", _repeats),
        Group("returns", "Returns", _returns),
        Group("contacts", "Campaigns", _contacts),
        Group("events", "Visits and clicks", _events),
        Group("attributes", "About the person", _attributes),
    )
}
