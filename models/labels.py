"""Labels: what happened on or after the cutoff. Training alone calls this; features look the other way."""

from collections.abc import Mapping

from ibis.expr import types as ir

from models import columns as col
from models.orders import is_return, order_days


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


def next_products(tables: Mapping[str, ir.Table], spine: ir.Table, *, horizon: int) -> ir.Table:
    """Collect what each customer buys in the days from each cutoff.

    Parameters
    ----------
    tables : Mapping[str, ir.Table]
        The tables of ``models.contracts.SCHEMAS``; only the order lines are read.
    spine : ir.Table
        (customer_id, as_of date), unique rows.
    horizon : int
        Length of the window in days.

    Returns
    -------
    ir.Table
        (customer_id, as_of, next_basket array<string>, window_products array<string>), one row for each spine row:
        the products of the first order day in the window, and of the whole window, each once in rising order; null
        where nothing was bought. Returns are left out.
    """
    spine = spine.select(col.CUSTOMER_ID, col.AS_OF)
    lines = tables[col.ORDER_LINES]
    bought = lines.filter(~is_return(lines) & lines[col.PRODUCT_ID].notnull())
    bought = bought.select(col.CUSTOMER_ID, col.ORDER_DAY, col.PRODUCT_ID).distinct()
    age = bought[col.ORDER_DAY].delta(spine[col.AS_OF], unit="day")
    inside = [spine[col.CUSTOMER_ID] == bought[col.CUSTOMER_ID], age >= 0, age < horizon]
    later = spine.inner_join(bought, inside).select(spine, bought[col.ORDER_DAY], bought[col.PRODUCT_ID])
    keys = [col.CUSTOMER_ID, col.AS_OF]
    first = later.group_by(keys).mutate(first_day=later[col.ORDER_DAY].min())
    product = first[col.PRODUCT_ID]
    found = first.group_by(keys).aggregate(
        **{
            col.NEXT_BASKET: product.collect(where=first[col.ORDER_DAY] == first.first_day, order_by=product),
            col.WINDOW_PRODUCTS: product.collect(order_by=product, distinct=True),
        }
    )
    joined = spine.left_join(found, keys)
    return joined.select(spine[col.CUSTOMER_ID], spine[col.AS_OF], found[col.NEXT_BASKET], found[col.WINDOW_PRODUCTS])
