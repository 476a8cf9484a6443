"""Histories that a request brings: checked against their as_of and put into local time."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from models import columns as col
from models.errors import InvalidRequestError
from models.inline import InlineFeatures, InlineHistory
from models.messages import InlineCustomer, Message, Row
from models.prediction import Matrix
from models.settings import FeatureSettings


def inline_features(inline: InlineFeatures, customers: Sequence[InlineCustomer], settings: FeatureSettings) -> Matrix:
    """Compute the feature rows of customers who came with their histories.

    Parameters
    ----------
    inline : InlineFeatures
        The one definition, prepared.
    customers : sequence of InlineCustomer
        n customers.
    settings : FeatureSettings
        Time zone and attributes.

    Returns
    -------
    float32 array, shape (n, f)

    Raises
    ------
    InvalidRequestError
        Something lies at or after its customer's as_of, or an attribute is not one that the model uses.
    """
    histories = [_history(position, customer, settings) for position, customer in enumerate(customers)]
    return inline.compute(histories, [customer.as_of for customer in customers])


def _history(position: int, customer: InlineCustomer, settings: FeatureSettings) -> InlineHistory:
    zone = ZoneInfo(settings.timezone)
    known = {attribute.name for attribute in settings.attributes}
    attributes = dict(customer.attributes)
    joined_at = attributes.pop(col.JOINED_AT, None)
    for name in attributes.keys() - known:
        raise InvalidRequestError(
            f"attribute {name!r} of {customer.customer_id!r} is not one that the model uses; it uses "
            f"{', '.join(sorted({*known, col.JOINED_AT}))}",
            field=f"customers.{position}.attributes.{name}",
        )
    return InlineHistory(
        order_lines=list(_rows(customer, "order_lines", customer.order_lines, col.ORDERED_AT, zone)),
        contacts=list(_rows(customer, "contacts", customer.contacts, col.SENT_AT, zone)),
        events=list(_rows(customer, "events", customer.events, col.OCCURRED_AT, zone)),
        attributes={name: str(value) for name, value in attributes.items() if value is not None},
        joined_at=None if joined_at is None else _joined(customer, joined_at, zone),
    )


def _rows(
    customer: InlineCustomer, part: str, messages: Sequence[Message], instant: str, zone: ZoneInfo
) -> Iterator[Row]:
    for position, message in enumerate(messages):
        row = {name: _local(value, zone) if isinstance(value, date) else value for name, value in message}
        if _day(row[instant]) >= customer.as_of:
            raise InvalidRequestError(
                f"{customer.customer_id!r}: {instant} {row[instant]} is not before as_of {customer.as_of}; send "
                "what was known before it, or a later as_of",
                field=f"customers.{customer.customer_id}.{part}.{position}.{instant}",
            )
        yield row


def _joined(customer: InlineCustomer, value: object, zone: ZoneInfo) -> datetime | date:
    try:
        return _local(datetime.fromisoformat(str(value)), zone)
    except ValueError:
        raise InvalidRequestError(
            f"{customer.customer_id!r}: joined_at {value!r} is not a date or time like 2017-03-01",
            field=f"customers.{customer.customer_id}.attributes.{col.JOINED_AT}",
        ) from None


def _local(value: date, zone: ZoneInfo) -> date:
    """Return an instant as wall-clock time of the zone; a naive one already is."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(zone).replace(tzinfo=None)
    return value


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value
