"""What was bought, as measures of a day that add up (or have a maximum) over days.

A count of distinct products before a cutoff is the number of products whose first day lies before it, so "new on this
day" adds up to it. The sum of squared department counts grows on each day by a difference that is known on that day,
and a running count never falls, so its maximum over the days before the cutoff is the count at the cutoff. In this way
no line has to meet a cutoff. Returns and lines without a product take no part.
"""

import ibis
from ibis.expr import types as ir

from models import columns as col
from models.features.arithmetic import count

KEYS = (col.CUSTOMER_ID, "day")


def assortment_days(lines: ir.Table, products: ir.Table) -> tuple[ir.Table, ...]:
    """Reduce lines to the assortment's measures of each customer and day.

    Parameters
    ----------
    lines : ir.Table
        Order lines with ``day`` and ``is_return``.
    products : ir.Table
        The product table; a product without a row, a department or a category takes no part in that measure.

    Returns
    -------
    tuple[ir.Table, ...]
        Tables keyed by (customer_id, day): products, categories, departments.
    """
    bought = lines.filter(~lines.is_return & lines[col.PRODUCT_ID].notnull())
    bought = bought.group_by([*KEYS, col.PRODUCT_ID]).aggregate(n=bought.count())
    # one row a product, whatever the table holds
    known = products.group_by(col.PRODUCT_ID).aggregate(
        **{name: products[name].max() for name in (col.DEPARTMENT, col.CATEGORY)}
    )
    named = bought.join(known, col.PRODUCT_ID)
    return _products(bought), _categories(named), _departments(named)


def _products(bought: ir.Table) -> ir.Table:
    first = bought.day.min().over(ibis.window(group_by=[col.CUSTOMER_ID, col.PRODUCT_ID]))
    bought = bought.mutate(first=first)
    return bought.group_by(KEYS).aggregate(
        products=bought.count(),
        new_products=count(bought, bought.first == bought.day),
        product_lines=bought.n.sum(),
        repeat_lines=bought.n.sum(where=bought.first < bought.day).fill_null(0),
    )


def _running(named: ir.Table, level: str) -> ir.Table:
    """Count the lines of each day and level value, and those up to and with that day."""
    named = named.filter(named[level].notnull())
    daily = named.group_by([*KEYS, level]).aggregate(n=named.n.sum().cast("int64"))
    so_far = ibis.cumulative_window(group_by=[col.CUSTOMER_ID, level], order_by="day")
    return daily.mutate(so_far=daily.n.sum().over(so_far).cast("int64"))


def _categories(named: ir.Table) -> ir.Table:
    running = _running(named, col.CATEGORY)
    return running.group_by(KEYS).aggregate(new_categories=count(running, running.so_far == running.n))


def _departments(named: ir.Table) -> ir.Table:
    running = _running(named, col.DEPARTMENT)
    before = running.so_far - running.n
    return running.group_by(KEYS).aggregate(
        new_departments=count(running, before == 0),
        department_lines=running.n.sum(),
        department_squares=(running.so_far * running.so_far - before * before).sum(),
        department_top=running.so_far.max(),
    )
