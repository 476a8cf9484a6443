"""Events on the shop's site, app or counter: views, clicks, carts, and whatever kinds are configured."""

from collections.abc import Mapping

from ibis.expr import types as ir

from models import columns as col
from models.features.arithmetic import count, day_number, total
from models.features.definition import NEVER, Definition, Expression, define
from models.features.naming import slug
from models.settings import FeatureSettings


def history(tables: Mapping[str, ir.Table], settings: FeatureSettings) -> ir.Table:
    """Count the events of each customer and day, in all and of each configured kind.

    Parameters
    ----------
    tables : Mapping[str, ir.Table]
        The tables; events are read.
    settings : FeatureSettings
        Names the kinds.
    """
    events = tables[col.EVENTS]
    events = events.mutate(day=day_number(events[col.OCCURRED_DAY]))
    kinds = {_counter(at): count(events, events[col.KIND] == kind) for at, kind in enumerate(settings.event_kinds)}
    return events.group_by([col.CUSTOMER_ID, "day"]).aggregate(n=events.count(), **kinds)


def known(history: ir.Table, cutoff: ir.IntegerValue) -> ir.BooleanValue:
    """Tell which events lie before the cutoff."""
    return history.day < cutoff


def definitions(settings: FeatureSettings) -> tuple[Definition, ...]:
    """List the features of the events, in catalogue order.

    Parameters
    ----------
    settings : FeatureSettings
        Names the kinds that are counted one by one.
    """

    def add(name: str, unit: str, null: str, text: str, expression: Expression) -> Definition:
        return define(name, unit, null, "events", text, expression)

    def of_kind(at: int, kind: str) -> Definition:
        text = f"Events of kind {kind} in the last 30 days."
        return add(f"events_{slug(kind)}_30d", "events", NEVER, text, lambda h: total(h[_counter(at)], h.age <= 30))

    return (
        add("events_30d", "events", NEVER, "Events in the last 30 days.", lambda h: total(h.n, h.age <= 30)),
        add("events_90d", "events", NEVER, "Events in the last 90 days.", lambda h: total(h.n, h.age <= 90)),
        add("event_recency_days", "days", "no event yet", "Days since the last event.", lambda h: h.age.min()),
        *(of_kind(at, kind) for at, kind in enumerate(settings.event_kinds)),
    )


def _counter(at: int) -> str:
    return f"n{at}"
