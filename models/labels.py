"""Labels: what happened on or after the cutoff. Training alone calls this; features look the other way."""

from collections.abc import Mapping

from ibis.expr import types as ir

from models import columns as col
from models.orders import order_days


def next_order(tables: Mapping[str, ir.Table], spine: ir.Table) -> ir.Table:
    """Count the days from each cutoff to the first order on or after it.

    Parameters
    ----------
    tables : Mapping[str, ir.Table]
        The tables of ``models.contracts.SCHEMAS``; only the order lines are read.
    spine : ir.Table
        (customer_id, as_of date), unique rows.

    Returns
    -------
    ir.Table
        (customer_id, as_of, next_order_days int64), one row for each spine row. ``next_order_days`` is 0 for an order
        on the day ``as_of`` itself and null where the data hold no later order.
    """
    spine = spine.select(col.CUSTOMER_ID, col.AS_OF)
    orders = order_days(tables[col.ORDER_LINES])
    later = spine.left_join(
        orders, [spine[col.CUSTOMER_ID] == orders[col.CUSTOMER_ID], orders[col.ORDER_DAY] >= spine[col.AS_OF]]
    )
    days = later[col.ORDER_DAY].delta(later[col.AS_OF], unit="day").min().cast("int64")
    return later.group_by([col.CUSTOMER_ID, col.AS_OF]).aggregate(**{col.NEXT_ORDER_DAYS: days})
