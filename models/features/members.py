"""Membership: since when a customer is known by name."""

from collections.abc import Mapping

import ibis
from ibis.expr import types as ir

from models import columns as col
from models.features.arithmetic import day_number
from models.features.definition import Definition, define
from models.settings import FeatureSettings


def history(tables: Mapping[str, ir.Table], settings: FeatureSettings) -> ir.Table:  # noqa: ARG001
    """Find the days on which each customer is said to have joined, and since when each is known.

    A row that holds from a later day than it says somebody joined was written on that later day.

    Parameters
    ----------
    tables : Mapping[str, ir.Table]
        The tables; customers are read.
    settings : FeatureSettings
        Not used; every source is called alike.
    """
    customers = tables[col.CUSTOMERS]
    said = customers.filter(customers[col.JOINED_DAY].notnull())
    day = day_number(said[col.JOINED_DAY])
    return said.select(
        col.CUSTOMER_ID, day=day, since=ibis.greatest(day, day_number(said[col.VALID_DAY]).fill_null(day))
    )


def known(history: ir.Table, cutoff: ir.IntegerValue) -> ir.BooleanValue:
    """Tell what was known before the cutoff."""
    return history.since < cutoff


def definitions(settings: FeatureSettings) -> tuple[Definition, ...]:  # noqa: ARG001
    """List the features of the membership.

    Parameters
    ----------
    settings : FeatureSettings
        Not used; every source is called alike.
    """
    text = "Days since the customer joined, the first time where there are several."
    return (define("member_days", "days", "not known to have joined", "tenure", text, lambda h: h.age.max()),)
