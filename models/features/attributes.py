"""Configured customer attributes, each as it was known at the cutoff.

A row of the customers table holds from its ``valid_day`` until the next one's. A row without a ``valid_day`` is today's
value: nobody knows since when it holds, so only an attribute that the configuration calls ``undated`` may use it.
"""

from collections.abc import Mapping

import ibis
from ibis.expr import types as ir

from models import columns as col
from models.features.arithmetic import FLOAT, day_number
from models.features.definition import Definition, Expression, define
from models.features.naming import slug
from models.settings import Attribute, FeatureSettings

LONG_AGO = -1_000_000  # a day number before every date; an undated row holds until the first dated one
UNKNOWN = "not known before the cutoff, or not an allowed value"
NUMBER = r"^[+-]?([0-9]{1,17}[.]?[0-9]{0,17}|[.][0-9]{1,17})([eE][+-]?[0-9]{1,2})?$"


def history(tables: Mapping[str, ir.Table], settings: FeatureSettings) -> ir.Table:
    """Give each row of the customers table the days between which it holds.

    Parameters
    ----------
    tables : Mapping[str, ir.Table]
        The tables; customers are read.
    settings : FeatureSettings
        Names the attributes, each a string column.
    """
    customers = tables[col.CUSTOMERS]
    values = {_held(at): customers[attribute.name] for at, attribute in enumerate(settings.attributes)}
    rows = customers.select(
        col.CUSTOMER_ID,
        **values,
        valid_from=customers[col.VALID_FROM],
        dated=customers[col.VALID_DAY].notnull(),
        day=day_number(customers[col.VALID_DAY]).fill_null(LONG_AGO),
    )
    # of several rows of one day the latest holds; rows that agree in all of these columns are the same row
    newest = [ibis.desc(name, nulls_first=False) for name in ("valid_from", *values)]
    rank = ibis.row_number().over(ibis.window(group_by=[col.CUSTOMER_ID, "day"], order_by=newest))
    rows = rows.mutate(rank=rank)
    rows = rows.filter(rows["rank"] == 0)
    following = ibis.window(group_by=col.CUSTOMER_ID, order_by="day")
    return rows.mutate(until=rows.day.lead(1).over(following))


def known(history: ir.Table, cutoff: ir.IntegerValue) -> ir.BooleanValue:
    """Tell which row holds at the cutoff: the newest of those before it."""
    return (history.day < cutoff) & (history.until.isnull() | (history.until >= cutoff))


def definitions(settings: FeatureSettings) -> tuple[Definition, ...]:
    """List the features of the configured attributes, in catalogue order.

    Parameters
    ----------
    settings : FeatureSettings
        Names the attributes, their kinds and levels.
    """
    return tuple(made for at, attribute in enumerate(settings.attributes) for made in _definitions(at, attribute))


def _definitions(at: int, attribute: Attribute) -> tuple[Definition, ...]:
    def add(suffix: str, unit: str, text: str, expression: Expression) -> Definition:
        name = f"attribute_{attribute.name}{suffix}"
        return define(name, unit, UNKNOWN, "attributes", text, expression)

    def value(h: ir.Table) -> ir.StringValue:
        held = h[_held(at)].strip()
        return held if attribute.undated else ibis.ifelse(h.dated, held, ibis.null("string"))

    def of_level(level: str) -> Definition:
        text = f"1 where {attribute.name} is {level}, else 0."
        return add(f"_{slug(level)}", "flag", text, lambda h: _flag(value(h), attribute.levels, level).max())

    if attribute.kind == "numeric":
        return (add("", "number", f"{attribute.name}, as a number.", lambda h: _number(value(h)).max()),)
    if attribute.kind == "ordered":
        text = f"Position of {attribute.name} in its levels, from 0."
        return (add("", "position", text, lambda h: _position(value(h), attribute.levels).max()),)
    return tuple(of_level(level) for level in attribute.levels)


def _held(at: int) -> str:
    # by position, since an attribute may bear any name
    return f"value{at}"


def _number(value: ir.StringValue) -> ir.FloatingValue:
    # engines disagree on what else is a number ("1_000", "5d", "nan")
    return ibis.ifelse(value.re_search(NUMBER), value, ibis.null("string")).cast(FLOAT)


def _position(value: ir.StringValue, levels: tuple[str, ...]) -> ir.IntegerValue:
    return ibis.cases(*((value == level, at) for at, level in enumerate(levels)), else_=ibis.null("int64"))


def _flag(value: ir.StringValue, levels: tuple[str, ...], level: str) -> ir.IntegerValue:
    return ibis.ifelse(value.isin(levels), (value == level).cast("int64"), ibis.null("int64"))
