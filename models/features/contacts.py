"""Campaign contacts: how often a customer was written to, and answered. Control contacts were not sent."""

from collections.abc import Mapping

from ibis.expr import types as ir

from models import columns as col
from models.features.arithmetic import day_number, ratio, total
from models.features.definition import NEVER, Definition, Expression, define
from models.settings import FeatureSettings


def history(tables: Mapping[str, ir.Table], settings: FeatureSettings) -> ir.Table:  # noqa: ARG001
    """Count the contacts of each customer by the days on which they were sent and answered.

    Parameters
    ----------
    tables : Mapping[str, ir.Table]
        The tables; contacts are read.
    settings : FeatureSettings
        Not used; every source is called alike.
    """
    contacts = tables[col.CONTACTS]
    contacts = contacts.filter(~contacts[col.IS_CONTROL].fill_null(False))
    contacts = contacts.mutate(day=day_number(contacts[col.SENT_DAY]), answered=day_number(contacts[col.RESPONDED_DAY]))
    return contacts.group_by([col.CUSTOMER_ID, "day", "answered"]).aggregate(n=contacts.count())


def known(history: ir.Table, cutoff: ir.IntegerValue) -> ir.BooleanValue:
    """Tell which contacts were sent before the cutoff; an answer is compared in each feature."""
    return history.day < cutoff


def _sent(h: ir.Table, days: int | None = None) -> ir.IntegerScalar:
    return total(h.n, None if days is None else h.age <= days)


def _answered(h: ir.Table, days: int | None = None) -> ir.IntegerScalar:
    seen = h.answered < h.now
    return total(h.n, seen if days is None else seen & (h.age <= days))


def definitions(settings: FeatureSettings) -> tuple[Definition, ...]:  # noqa: ARG001
    """List the features of the contacts, in catalogue order.

    Parameters
    ----------
    settings : FeatureSettings
        Not used; every source is called alike.
    """

    def add(name: str, unit: str, null: str, text: str, expression: Expression) -> Definition:
        return define(name, unit, null, "contacts", text, expression)

    none = "no contact yet"
    return (
        add("contacts", "contacts", NEVER, "All contacts sent.", _sent),
        add("contacts_30d", "contacts", NEVER, "Contacts sent in the last 30 days.", lambda h: _sent(h, 30)),
        add("contacts_90d", "contacts", NEVER, "Contacts sent in the last 90 days.", lambda h: _sent(h, 90)),
        add("contacts_answered", "contacts", NEVER, "Contacts answered so far.", _answered),
        add("answer_rate", "share", none, "Share of contacts answered.", lambda h: ratio(_answered(h), _sent(h))),
        add(
            "answer_rate_90d",
            "share",
            "no contact in that time",
            "Share of the last 90 days' contacts answered.",
            lambda h: ratio(_answered(h, 90), _sent(h, 90)),
        ),
        add("contact_recency_days", "days", none, "Days since the last contact.", lambda h: h.age.min()),
        add(
            "answer_recency_days",
            "days",
            "no answer yet",
            "Days since the last answer.",
            lambda h: (h.now - h.answered).min(where=h.answered < h.now),
        ),
    )
