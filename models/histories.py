"""Histories that a request brings: checked against their as_of and put into local time."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from models import columns as col
from models.contracts import DAY_OF
from models.errors import InvalidRequestError
from models.inline import InlineFeatures, InlineHistory
from models.messages import InlineCustomer, Instant, Message, Row
from models.prediction import Matrix
from models.settings import FeatureSettings

_INSTANT: TypeAdapter[datetime | date] = TypeAdapter(Instant)
_SHOWN_CHARACTERS = 60


def inline_features(
    inline: InlineFeatures, customers: Mapping[int, InlineCustomer], settings: FeatureSettings
) -> Matrix:
    """Compute the feature rows of customers who came with their histories.

    Parameters
    ----------
    inline : InlineFeatures
        The one definition, prepared.
    customers : mapping of int to InlineCustomer
        n customers by their positions in the request, which errors name.
    settings : FeatureSettings
        Time zone and attributes.

    Returns
    -------
    float32 array, shape (n, f)
        In the mapping's order.

    Raises
    ------
    InvalidRequestError
        Something lies at or after its customer's as_of or outside the calendar, or an attribute is not one that the
        model uses.
    """
    histories = [inline_history(position, customer, settings) for position, customer in customers.items()]
    return inline.compute(histories, [customer.as_of for customer in customers.values()])


def inline_history(position: int, customer: InlineCustomer, settings: FeatureSettings) -> InlineHistory:
    """Check one customer's history against its as_of and put it into local time.

    Parameters
    ----------
    position : int
        In the request; errors name it.
    customer : InlineCustomer
        With the history.
    settings : FeatureSettings
        Time zone and attributes.

    Raises
    ------
    InvalidRequestError
        As for ``inline_features``.
    """
    zone = ZoneInfo(settings.timezone)
    where = f"customers.{position}"
    known = {attribute.name for attribute in settings.attributes}
    attributes = dict(customer.attributes)
    joined_at = attributes.pop(col.JOINED_AT, None)
    for name in attributes:
        if name not in known:
            raise InvalidRequestError(
                f"attribute {name!r} of {customer.customer_id!r} is not one that the model uses; it uses "
                f"{', '.join(sorted({*known, col.JOINED_AT}))}",
                field=f"{where}.attributes.{name}",
            )
    return InlineHistory(
        order_lines=list(_rows(customer, f"{where}.order_lines", customer.order_lines, col.ORDERED_AT, zone)),
        contacts=list(_rows(customer, f"{where}.contacts", customer.contacts, col.SENT_AT, zone)),
        events=list(_rows(customer, f"{where}.events", customer.events, col.OCCURRED_AT, zone)),
        attributes={name: str(value) for name, value in attributes.items() if value is not None},
        joined_at=None if joined_at is None else _joined(joined_at, f"{where}.attributes.{col.JOINED_AT}", zone),
    )


def _rows(
    customer: InlineCustomer, where: str, messages: Sequence[Message], instant: str, zone: ZoneInfo
) -> Iterator[Row]:
    times = [name for name in DAY_OF if messages and hasattr(messages[0], name)]
    for position, message in enumerate(messages):
        row = message.__dict__.copy()
        for name in times:
            if row[name] is not None:
                row[name] = _local(row[name], f"{where}.{position}.{name}", zone)
        if _day(row[instant]) >= customer.as_of:
            raise InvalidRequestError(
                f"{customer.customer_id!r}: {instant} {row[instant]} is not before as_of {customer.as_of}; send "
                "what was known before it, or a later as_of",
                field=f"{where}.{position}.{instant}",
            )
        yield row


def _joined(value: object, field: str, zone: ZoneInfo) -> date:
    try:
        joined = _INSTANT.validate_python(value)
    except ValidationError:
        shown = repr(value)[:_SHOWN_CHARACTERS]
        raise InvalidRequestError(
            f"{field}: {col.JOINED_AT} {shown} is not a date or time like 2017-03-01", field=field
        ) from None
    return _local(joined, field, zone)


def _local(value: date, field: str, zone: ZoneInfo) -> date:
    """Return an instant as wall-clock time of the zone; a naive one already is."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        return value
    try:
        return value.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        raise InvalidRequestError(f"{field}: {value} is outside the calendar in {zone}", field=field) from None


def _day(value: date) -> date:
    return value.date() if isinstance(value, datetime) else value
