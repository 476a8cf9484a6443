"""The one definition of a return and of an order; features, labels and next baskets all use it."""

from collections.abc import Mapping
from typing import Any

import ibis
from ibis.expr import types as ir

from models import columns as col


def is_return(lines: ir.Table) -> ir.BooleanValue:
    """Tell which order lines are returns.

    Parameters
    ----------
    lines : ir.Table
        Order lines.

    Returns
    -------
    ir.BooleanValue
        True where the amount or the quantity is negative, never null: an unknown amount or quantity is no return.
    """
    return (lines[col.AMOUNT] < 0).fill_null(False) | (lines[col.QUANTITY] < 0).fill_null(False)


def is_returned(line: Mapping[str, Any]) -> bool:
    """Tell the same of one line of a history that a request brings."""
    return any(line[column] is not None and line[column] < 0 for column in (col.AMOUNT, col.QUANTITY))


def paid(lines: ir.Table) -> ir.DecimalValue:
    """Give the money of each line so that a return always reduces what was spent.

    Parameters
    ----------
    lines : ir.Table
        Order lines.

    Returns
    -------
    ir.DecimalValue
        The amount; below zero for a return, also where the source writes its sign on the quantity alone. Null where
        the amount is unknown.
    """
    amount = lines[col.AMOUNT]
    return ibis.ifelse(is_return(lines), -amount.abs(), amount)


def order_days(lines: ir.Table) -> ir.Table:
    """Find the orders: the days on which a customer has at least one line that is not a return.

    Parameters
    ----------
    lines : ir.Table
        Order lines.

    Returns
    -------
    ir.Table
        (customer_id, order_day), one row for each order.
    """
    return lines.filter(~is_return(lines)).select(col.CUSTOMER_ID, col.ORDER_DAY).distinct()
