"""Small tables for feature tests: written by hand, or drawn at random around one cutoff."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import duckdb
import pyarrow as pa

from models import columns as col
from models.contracts import DAY_OF, SCHEMAS
from models.features import catalogue
from models.features.identity import SPINE, compiled
from models.inline import TYPES
from models.settings import Attribute, FeatureSettings

AS_OF = date(2025, 4, 1)  # a Tuesday, two days after a change of clocks in Europe
SETTINGS = FeatureSettings(
    attributes=(
        Attribute(name="income", kind="numeric"),
        Attribute(name="age", kind="ordered", levels=("young", "middle", "old")),
        Attribute(name="home", kind="categorical", levels=("rents", "owns"), undated=True),
        Attribute(name="points", kind="numeric", undated=True),
    ),
    event_kinds=("view", "cart"),
)
PRODUCTS = (
    {col.PRODUCT_ID: "bread", col.DEPARTMENT: "food", col.CATEGORY: "bakery"},
    {col.PRODUCT_ID: "bun", col.DEPARTMENT: "food", col.CATEGORY: "bakery"},
    {col.PRODUCT_ID: "milk", col.DEPARTMENT: "food", col.CATEGORY: "dairy"},
    {col.PRODUCT_ID: "soap", col.DEPARTMENT: "home", col.CATEGORY: "care"},
    {col.PRODUCT_ID: "gift", col.DEPARTMENT: None, col.CATEGORY: None},
)
Row = dict[str, Any]
Rows = Sequence[Row]


def ago(days: int, hour: int = 12) -> datetime:
    """Give the local time so many whole days before the cutoff; negative = after it."""
    return datetime.combine(AS_OF - timedelta(days=days), time(hour))


def line(days_ago: int, product: str | None = None, **values: Any) -> Row:
    """Write an order line; amount, quantity and discount as text or numbers."""
    hour = values.pop("hour", 12)
    exact = {name: None if value is None else Decimal(str(value)) for name, value in values.items()}
    return {col.ORDERED_AT: ago(days_ago, hour), col.PRODUCT_ID: product, **exact}


def contact(sent: int, answered: int | None = None, **values: Any) -> Row:
    """Write a contact, in days before the cutoff."""
    responded = None if answered is None else ago(answered, 13)
    return {col.CAMPAIGN_ID: "spring", col.SENT_AT: ago(sent), col.RESPONDED_AT: responded, **values}


def event(days_ago: int, kind: str = "view") -> Row:
    """Write an event."""
    return {col.OCCURRED_AT: ago(days_ago), col.KIND: kind}


def member(valid: int | None = None, joined: int | None = None, **attributes: str | None) -> Row:
    """Write a row of the customers table, in days before the cutoff."""
    instants = {col.VALID_FROM: valid, col.JOINED_AT: joined}
    return {name: None if days is None else ago(days) for name, days in instants.items()} | attributes


@dataclass(frozen=True)
class Person:
    """Everything about one customer."""

    order_lines: Rows = ()
    contacts: Rows = ()
    events: Rows = ()
    customers: Rows = ()

    def with_later(self, later: "Person") -> "Person":
        return Person(*([*getattr(self, name), *getattr(later, name)] for name in self.__dataclass_fields__))


def stack(
    people: Mapping[str, Person], settings: FeatureSettings = SETTINGS, products: Rows = PRODUCTS
) -> dict[str, pa.Table]:
    """Put people into the contract's tables, days added as intake does."""
    tables = {}
    for name, schema in SCHEMAS.items():
        extra = {each.name: "string" for each in settings.attributes} if name == col.CUSTOMERS else {}
        rows = [{col.CUSTOMER_ID: key, **row} for key, person in people.items() for row in getattr(person, name, ())]
        rows = [*products] if name == col.PRODUCTS else rows
        for instant, day in DAY_OF.items():
            rows = [{**row, day: row[instant].date()} if row.get(instant) else row for row in rows]
        fields = pa.schema([(column, TYPES[kind]) for column, kind in {**schema, **extra}.items()])
        tables[name] = pa.Table.from_pylist(rows, schema=fields)
    return tables


def spine(*rows: tuple[str, date]) -> pa.Table:
    """Write a spine."""
    fields = pa.schema([(col.CUSTOMER_ID, pa.string()), (col.AS_OF, pa.date32())])
    return pa.Table.from_pylist([dict(zip(fields.names, row, strict=True)) for row in rows], schema=fields)


def run(tables: Mapping[str, pa.Table], rows: pa.Table, sql: str) -> pa.Table:
    """Run compiled features over tables in memory."""
    with duckdb.connect(config={"threads": 1}) as connection:
        for name, table in {**tables, SPINE: rows}.items():
            connection.register(name, table)
        return connection.execute(sql).to_arrow_table()


def features_of(person: Person, settings: FeatureSettings = SETTINGS, as_of: date = AS_OF) -> dict[str, Any]:
    """Compute one customer's features."""
    (row,) = run(stack({"ann": person}, settings), spine(("ann", as_of)), compiled(settings)).to_pylist()
    assert list(row) == [col.CUSTOMER_ID, col.AS_OF, *(feature.name for feature in catalogue(settings))]
    return row


@dataclass(frozen=True)
class Story:
    """A person before the cutoff, and the same person with what became known at or after it."""

    before: Person = field(default_factory=Person)
    after: Person = field(default_factory=Person)


def story(random: Random) -> Story:
    """Draw a person with dirty facts, and later facts of every kind."""
    before = Person(
        order_lines=[_line(random, 1, 400) for _ in range(random.randint(0, 14))],
        contacts=[_contact(random, 1, 120) for _ in range(random.randint(0, 4))],
        events=[_event(random, 1, 120) for _ in range(random.randint(0, 4))],
        customers=[_member(random, 1, 200) for _ in range(random.randint(0, 3))],
    )
    later = Person(
        order_lines=[_line(random, -60, 0) for _ in range(random.randint(0, 4))],
        contacts=[_contact(random, -60, 0) for _ in range(random.randint(0, 3))],
        events=[_event(random, -60, 0) for _ in range(random.randint(0, 3))],
        customers=[_member(random, -60, 0) for _ in range(random.randint(0, 2))],
    )
    answered = [_answered_later(random, row) for row in before.contacts]
    return Story(before, replace(before, contacts=answered).with_later(later))


def _line(random: Random, newest: int, oldest: int) -> Row:
    return line(
        random.randint(newest, oldest),
        random.choice([None, "bread", "bun", "milk", "soap", "gift", "not listed"]),
        hour=random.randint(0, 23),
        quantity=random.choice([None, "-1", "0", "1", "2.5"]),
        amount=random.choice([None, "-3.10", "0", "0.10", "0.20", "19.99", "1234567.8912"]),
        discount=random.choice([None, "0", "0.30", "1.01"]),
    )


def _contact(random: Random, newest: int, oldest: int) -> Row:
    sent = random.randint(newest, oldest)
    answered = random.choice([None, random.randint(newest, sent)])
    return contact(sent, answered, is_control=random.choice([None, False, False, True]))


def _answered_later(random: Random, row: Row) -> Row:
    late = row[col.RESPONDED_AT] is None and random.random() < 0.5
    return {**row, col.RESPONDED_AT: ago(-random.randint(0, 30), 13)} if late else row


def _event(random: Random, newest: int, oldest: int) -> Row:
    return event(random.randint(newest, oldest), random.choice(["view", "cart", "scan"]))


def _member(random: Random, newest: int, oldest: int) -> Row:
    # a row without a date is today's value, known or not: only the past has them here
    undated = newest > 0 and random.random() < 0.3
    return member(
        None if undated else random.randint(newest, oldest),
        random.choice([None, random.randint(newest, oldest)]),
        income=random.choice([None, "100", "-2.5", "1e3", "nan", "1_000", " 7 ", "much"]),
        age=random.choice([None, "young", "old", "ancient"]),
        home=random.choice([None, "rents", "owns", "boat"]),
        points=random.choice([None, "3", "4.25"]),
    )
