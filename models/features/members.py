"""Membership: since when a customer is known by name."""

from collections.abc import Mapping

from ibis.expr import types as ir

from models import columns as col
from models.features.arithmetic import day_number
from models.features.definition import Definition, define
from models.settings import FeatureSettings


def history(tables: Mapping[str, ir.Table], settings: FeatureSettings) -> ir.Table:  # noqa: ARG001
    """Find the day on which each customer joined; the first one where there are several.

    Parameters
    ----------
    tables : Mapping[str, ir.Table]
        The tables; customers are read.
    settings : FeatureSettings
        Not used; every source is called alike.
    """
    customers = tables[col.CUSTOMERS]
    return customers.group_by(col.CUSTOMER_ID).aggregate(day=day_number(customers[col.JOINED_DAY]).min())


def known(history: ir.Table, cutoff: ir.IntegerValue) -> ir.BooleanValue:
    """Tell who joined before the cutoff."""
    return history.day < cutoff


def definitions(settings: FeatureSettings) -> tuple[Definition, ...]:  # noqa: ARG001
    """List the features of the membership.

    Parameters
    ----------
    settings : FeatureSettings
        Not used; every source is called alike.
    """
    text = "Days since the customer joined."
    return (define("member_days", "days", "not known to have joined", "tenure", text, lambda h: h.age.max()),)
