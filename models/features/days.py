"""Order lines reduced to one row for each customer and day, before they meet the cutoffs.

Columns beside customer_id: ``day`` (day number), ``is_order``, ``lines`` / ``returns`` (counts), ``amount`` (returns
reduce it), ``value`` (without returns), ``returned``, ``units``, ``discount``, ``discounted`` (lines), ``hour`` (first
line's), ``second`` / ``third`` / ``fifth`` (day numbers of the orders before), ``next`` (of the order after), ``gap``
(days since the order before), and the assortment's columns. Only rows of the same or earlier days shape a row, but for
``next``, which is compared with the cutoff and never used as a value.
"""

from collections.abc import Mapping

import ibis
from ibis.expr import types as ir

from models import columns as col
from models.features.arithmetic import count, day_number
from models.features.assortment import KEYS, assortment_days
from models.orders import is_return, paid
from models.settings import FeatureSettings


def days(tables: Mapping[str, ir.Table], settings: FeatureSettings) -> ir.Table:  # noqa: ARG001
    """Reduce order lines to one row for each customer and day.

    Parameters
    ----------
    tables : Mapping[str, ir.Table]
        Order lines and products.
    settings : FeatureSettings
        Not used; every source is called alike.
    """
    lines = tables[col.ORDER_LINES]
    lines = lines.mutate(day=day_number(lines[col.ORDER_DAY]), is_return=is_return(lines), paid=paid(lines))
    history = _with_neighbours(_daily(lines))
    for part in assortment_days(lines, tables[col.PRODUCTS]):
        # selected by name: Ibis writes what a `drop` leaves out in an order that varies between processes
        added = [name for name in part.columns if name not in KEYS]
        history = history.left_join(part, KEYS).select(*history.columns, *added)
    return history


def known(history: ir.Table, cutoff: ir.IntegerValue) -> ir.BooleanValue:
    """Tell which days lie before the cutoff."""
    return history.day < cutoff


def _daily(lines: ir.Table) -> ir.Table:
    bought = ~lines.is_return
    daily = lines.group_by(KEYS).aggregate(
        lines=count(lines, bought),
        returns=count(lines, lines.is_return),
        amount=lines.paid.sum(),
        value=lines.paid.sum(where=bought),
        returned=lines.paid.sum(where=lines.is_return),
        units=lines[col.QUANTITY].fill_null(1).sum(where=bought),
        discount=lines[col.DISCOUNT].sum(where=bought),
        discounted=count(lines, bought & (lines[col.DISCOUNT] > 0)),
        hour=lines[col.ORDERED_AT].hour().cast("int64").min(where=bought),
    )
    return daily.mutate(is_order=daily.lines > 0)


def _with_neighbours(daily: ir.Table) -> ir.Table:
    # orders are numbered among themselves: days with nothing but returns form a partition of their own
    among = ibis.window(group_by=[col.CUSTOMER_ID, "is_order"], order_by="day")
    daily = daily.mutate(
        second=daily.day.lag(1).over(among),
        third=daily.day.lag(2).over(among),
        fifth=daily.day.lag(4).over(among),
        next=daily.day.lead(1).over(among),
    )
    return daily.mutate(gap=ibis.ifelse(daily.is_order, daily.day - daily.second, ibis.null("int64")))
