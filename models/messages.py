"""What goes over the wire in both directions, shared by the predictions: pydantic models that forbid unknown keys."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    StrictFloat,
    StrictInt,
    StringConstraints,
    model_validator,
)

MAX_CUSTOMERS = 10_000
MAX_CUSTOMERS_WITH_REASONS = 1_000
MAX_UNKNOWN_LISTED = 1_000
"""Ids that are not known which an answer lists at most."""

# printable characters of any script; no control characters, no lone surrogates
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# far from the ends of the calendar, so that days can be counted on from an as_of
_FIRST, _LAST = date(1900, 1, 1), date(2199, 12, 31)


def _written_out(value: Any) -> Any:
    """Refuse a number or digits alone: 20171230 would be read as seconds since 1970."""
    if isinstance(value, int | float) or (isinstance(value, str) and not _DATE.match(value)):
        raise ValueError("should be a date like 2017-12-30 or a time like 2017-12-30T17:05:00")
    return value


def _day_alone(value: Any) -> Any:
    """Refuse a time: its offset would be dropped in silence."""
    if isinstance(value, date) or (isinstance(value, str) and _DATE.fullmatch(value)):
        return value
    raise ValueError("should be a date like 2017-12-30")


def _in_use(day: date) -> date:
    if not _FIRST <= day <= _LAST:
        raise ValueError(f"should be between {_FIRST} and {_LAST}")
    return day


Instant = Annotated[datetime | date, BeforeValidator(_written_out)]
Day = Annotated[date, BeforeValidator(_day_alone), AfterValidator(_in_use)]
Money = Annotated[Decimal, Field(ge=-1_000_000_000, le=1_000_000_000, allow_inf_nan=False)]


_Item = TypeVar("_Item")
# one fault is answered: the others need not be looked for, which takes seconds in a body full of them
_Rows = Annotated[list[_Item], FailFast()]


class Message(BaseModel):
    """A part of a request or an answer."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), json_schema_serialization_defaults_required=True
    )


class OrderLine(Message):
    """One product in one purchase."""

    ordered_at: Instant = Field(
        description="When; a time without an offset is read in the configured time zone.",
        examples=["2017-12-30T17:05:00"],
    )
    product_id: Identifier | None = Field(default=None, description="What.", examples=["1095275"])
    order_id: Identifier | None = Field(default=None, description="The receipt.", examples=["31198570044"])
    quantity: Money = Field(default=Decimal(1), description="Units; negative = returned.", examples=[2])
    amount: Money | None = Field(default=None, description="Paid for the line; negative = returned.", examples=[3.98])
    discount: Money | None = Field(default=None, ge=0, description="Money taken off the line.", examples=[0.4])
    channel: Identifier | None = Field(default=None, description="Where it was sold.", examples=["shop"])
    store_id: Identifier | None = Field(default=None, description="The shop.", examples=["330"])


class Contact(Message):
    """One message that the customer was sent."""

    campaign_id: Identifier = Field(description="The campaign.", examples=["18"])
    sent_at: Instant = Field(description="When it was sent.", examples=["2017-10-30"])
    channel: Identifier | None = Field(default=None, description="How.", examples=["mail"])
    is_control: bool = Field(
        default=False, strict=True, description="True when the customer was held back for comparison."
    )
    responded_at: Instant | None = Field(
        default=None, description="When the customer answered; null = not (yet).", examples=["2017-11-04"]
    )
    offer: Identifier | None = Field(default=None, description="What was offered.", examples=["Type A"])


class Event(Message):
    """One thing that the customer did without buying."""

    occurred_at: Instant = Field(description="When.", examples=["2017-12-29T20:11:00"])
    kind: Identifier = Field(description="view, click, cart, scan, follow, ...", examples=["view"])
    product_id: Identifier | None = Field(default=None, description="What it was about.")
    channel: Identifier | None = Field(default=None, description="Where.")


class InlineCustomer(Message):
    """A customer with the complete history, in place of the store's."""

    customer_id: Identifier = Field(description="Returned with the answer; need not be known.", examples=["new-1"])
    as_of: Day = Field(description="The local midnight up to which the history is complete.", examples=["2018-01-01"])
    order_lines: _Rows[OrderLine] = Field(default=[], max_length=10_000, description="All lines before as_of.")
    contacts: _Rows[Contact] = Field(default=[], max_length=10_000, description="All contacts before as_of.")
    events: _Rows[Event] = Field(default=[], max_length=10_000, description="All events before as_of.")
    attributes: dict[Identifier, str | StrictInt | StrictFloat | None] = Field(
        default={}, description="Attributes that the model uses; and joined_at, if known.", examples=[{"age": "35-44"}]
    )


class AboutCustomers(Message):
    """A request about customers, each by id or with a complete history."""

    customers: _Rows[Identifier | InlineCustomer] = Field(
        min_length=1,
        max_length=MAX_CUSTOMERS,
        description="Customer ids, or objects with the complete history; 1 to 10,000.",
        examples=[["900", "1228"]],
    )


class CustomersRequest(AboutCustomers):
    """A request about customers that may ask for reasons."""

    reasons: int = Field(
        default=0,
        strict=True,
        ge=0,
        le=10,
        description="Reasons for each answer; with reasons at most 1,000 customers a call.",
    )

    @model_validator(mode="after")
    def _few_when_explained(self) -> "CustomersRequest":
        if self.reasons and len(self.customers) > MAX_CUSTOMERS_WITH_REASONS:
            raise ValueError(
                f"{len(self.customers):,} customers with reasons; at most {MAX_CUSTOMERS_WITH_REASONS:,}: "
                "ask for fewer, or for reasons = 0"
            )
        return self


class ModelReference(Message):
    """Which model answered."""

    name: str = Field(description="Registered model.", examples=["churn"])
    version: str = Field(description="Version in the model registry.", examples=["2"])
    run_id: str = Field(description="Run that fitted it.", examples=["0f8fad5bd9cb469fa16570867728950e"])


class Envelope(Message):
    """What every response begins with."""

    model: ModelReference
    release: str = Field(description="Release that answered.", examples=["r000001"])
    as_of: date = Field(description="Local midnight up to which the store knows.", examples=["2018-01-01"])


class Reason(Message):
    """Why the probability is what it is: one group of features."""

    group: str = Field(description="Feature group.", examples=["recency"])
    text: str = Field(description="What it looks like for this customer.", examples=["last order 63 days ago"])
    effect: Literal["raises", "lowers"] = Field(description="Whether it raises or lowers the probability.")
    log_odds: float = Field(description="Its contribution to the log-odds of the probability.", examples=[0.41])


Status = Literal["ok", "unknown_customer", "not_eligible"]


class CustomerAnswer(Message):
    """What every answer about a customer has."""

    customer_id: str = Field(description="As asked.", examples=["900"])
    status: Status = Field(description="ok, or why there is no prediction.")
    explanation: str | None = Field(description="Why there is no prediction, in words; null where there is one.")
    as_of: date = Field(description="Local midnight up to which this answer knows the customer.")
    percentile: int | None = Field(
        description="Rank among the eligible at the store's as_of: 1..100, 100 = most likely.", examples=[87]
    )
    reasons: list[Reason] = Field(default=[], description="Strongest first; empty unless asked for.")


Row = dict[str, Any]
