from datetime import date

import ibis
import pyarrow as pa
import pytest

from models import columns as col
from models.contracts import (
    ANONYMOUS,
    DAY_OF,
    INTAKE_SCHEMAS,
    MALFORMED,
    REQUIRED,
    ROW_RULES,
    SCHEMAS,
    UNIQUE_RULES,
    RuleLimits,
    rule_descriptions,
)
from training.casting import candidate
from training.judging import judged
from training.sources import RawTable

LIMITS = RuleLimits(earliest=date(2000, 1, 1), latest=date(2024, 6, 30))

SOUND: dict[str, dict[str, str | None]] = {
    col.ORDER_LINES: {
        "customer_id": "007",
        "ordered_at": "2024-06-30 23:59:59",
        "quantity": "0",
        "amount": "-1000000000",
        "discount": "0",
    },
    col.PRODUCTS: {"product_id": "p", "price": "1.5"},
    col.CUSTOMERS: {"customer_id": "c", "joined_at": "2000-01-01", "valid_from": None},
    col.CONTACTS: {
        "customer_id": "c",
        "campaign_id": "x",
        "sent_at": "2024-01-01",
        "responded_at": "2024-01-01",
        "is_control": "yes",
    },
    col.EVENTS: {"customer_id": "c", "occurred_at": "2024-01-01T10:00:00Z", "kind": "view"},
    col.IDENTITIES: {"source_id": "card", "customer_id": "c"},
}

BROKEN = [
    *[
        (table, {"customer_id": change}, rule)
        for table in (col.ORDER_LINES, col.CUSTOMERS, col.CONTACTS, col.EVENTS, col.IDENTITIES)
        for change, rule in (("M\ufffdller", "wrong_encoding"), ("a\x07b", "customer_id_not_printable"))
    ],
    (col.PRODUCTS, {"product_id": "caf\ufffd"}, "wrong_encoding"),
    (col.IDENTITIES, {"source_id": " "}, "no_source_id"),
    (col.IDENTITIES, {"customer_id": None}, "no_customer_id"),
    (col.IDENTITIES, {"customer_id": "x" * 257}, "customer_id_too_long"),
    (col.ORDER_LINES, {"customer_id": "x" * 257}, "customer_id_too_long"),
    (col.ORDER_LINES, {"ordered_at": " "}, "no_ordered_at"),
    (col.ORDER_LINES, {"ordered_at": "last week"}, "unreadable_ordered_at"),
    (col.ORDER_LINES, {"ordered_at": "2024-02-30"}, "unreadable_ordered_at"),
    (col.ORDER_LINES, {"ordered_at": "1999-12-31"}, "ordered_at_out_of_range"),
    (col.ORDER_LINES, {"ordered_at": "2024-07-01"}, "ordered_at_out_of_range"),
    (col.ORDER_LINES, {"ordered_at": "infinity"}, "ordered_at_out_of_range"),
    (col.ORDER_LINES, {"quantity": "two"}, "quantity_not_a_number"),
    (col.ORDER_LINES, {"quantity": "1e10"}, "quantity_too_large"),
    (col.ORDER_LINES, {"amount": "free"}, "amount_not_a_number"),
    (col.ORDER_LINES, {"amount": "NaN"}, "amount_not_a_number"),
    (col.ORDER_LINES, {"amount": "1.234,50"}, "amount_not_a_number"),
    (col.ORDER_LINES, {"amount": "1000000000.01"}, "amount_too_large"),
    (col.ORDER_LINES, {"amount": "-1e18"}, "amount_too_large"),
    (col.ORDER_LINES, {"amount": "inf"}, "amount_too_large"),
    (col.ORDER_LINES, {"discount": "half"}, "discount_not_a_number"),
    (col.ORDER_LINES, {"discount": "2e9"}, "discount_too_large"),
    (col.ORDER_LINES, {"discount": "-0.01"}, "negative_discount"),
    (col.ORDER_LINES, {"customer_id": None}, ANONYMOUS),
    (col.ORDER_LINES, {"customer_id": " ", "ordered_at": "never"}, ANONYMOUS),
    (col.PRODUCTS, {"product_id": ""}, "no_product_id"),
    (col.PRODUCTS, {"price": "cheap"}, "price_not_a_number"),
    (col.PRODUCTS, {"price": "1e12"}, "price_too_large"),
    (col.CUSTOMERS, {"customer_id": None}, "no_customer_id"),
    (col.CUSTOMERS, {"customer_id": "x" * 257}, "customer_id_too_long"),
    (col.CUSTOMERS, {"joined_at": "soon"}, "unreadable_joined_at"),
    (col.CUSTOMERS, {"joined_at": "1900-01-01"}, "joined_at_out_of_range"),
    (col.CUSTOMERS, {"valid_from": "?"}, "unreadable_valid_from"),
    (col.CUSTOMERS, {"valid_from": "2099-01-01"}, "valid_from_out_of_range"),
    (col.CONTACTS, {"customer_id": ""}, "no_customer_id"),
    (col.CONTACTS, {"customer_id": "x" * 257}, "customer_id_too_long"),
    (col.CONTACTS, {"campaign_id": None}, "no_campaign_id"),
    (col.CONTACTS, {"sent_at": None}, "no_sent_at"),
    (col.CONTACTS, {"sent_at": "32/13/2024"}, "unreadable_sent_at"),
    (col.CONTACTS, {"sent_at": "1970-01-01"}, "sent_at_out_of_range"),
    (col.CONTACTS, {"responded_at": "maybe"}, "unreadable_responded_at"),
    (col.CONTACTS, {"responded_at": "2099-01-01"}, "responded_at_out_of_range"),
    (col.CONTACTS, {"responded_at": "2023-12-31 23:59:59"}, "responded_before_sent"),
    (col.CONTACTS, {"is_control": "perhaps"}, "unreadable_is_control"),
    (col.EVENTS, {"customer_id": ""}, ANONYMOUS),
    (col.EVENTS, {"customer_id": "x" * 257}, "customer_id_too_long"),
    (col.EVENTS, {"occurred_at": None}, "no_occurred_at"),
    (col.EVENTS, {"occurred_at": "now-ish"}, "unreadable_occurred_at"),
    (col.EVENTS, {"occurred_at": "2024-07-01"}, "occurred_at_out_of_range"),
    (col.EVENTS, {"kind": " "}, "no_kind"),
]


def rules_of(table: str, rows: list[dict[str, str | None]]) -> list[str | None]:
    names = list(rows[0])
    raw = ibis.memtable(pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in names}))
    cast = candidate(RawTable(raw), table, timezone="UTC", attributes=())
    judgement = judged(cast, table, LIMITS, order=tuple(INTAKE_SCHEMAS[table]))
    return judgement.order_by(list(INTAKE_SCHEMAS[table])).to_pyarrow()[col.RULE].to_pylist()


@pytest.mark.parametrize(("table", "change", "rule"), BROKEN)
def test_row_is_named_by_its_rule_when_one_value_is_broken(
    table: str, change: dict[str, str | None], rule: str
) -> None:
    assert rules_of(table, [SOUND[table] | change]) == [rule]


@pytest.mark.parametrize("table", SOUND)
def test_row_is_kept_when_nothing_is_broken(table: str) -> None:
    assert rules_of(table, [SOUND[table]]) == [None]


def test_every_rule_has_a_row_that_breaks_it() -> None:
    tested = {(table, rule) for table, _, rule in BROKEN if rule != ANONYMOUS}
    assert tested == {(table, rule.name) for table, rules in ROW_RULES.items() for rule in rules}


@pytest.mark.parametrize(
    "change",
    [
        {"customer_id": "x" * 256},
        {"customer_id": "顾客 7 🙂"},
        {"ordered_at": "2000-01-01"},
        {"amount": "1000000000"},
        {"amount": " 12 "},
        {"amount": None, "quantity": "", "discount": None},
    ],
)
def test_order_line_is_kept_when_a_value_is_on_the_edge_or_absent(change: dict[str, str | None]) -> None:
    assert rules_of(col.ORDER_LINES, [SOUND[col.ORDER_LINES] | change]) == [None]


def test_first_broken_rule_names_the_row_when_several_are_broken() -> None:
    change = {"ordered_at": "never", "amount": "free"}
    assert rules_of(col.ORDER_LINES, [SOUND[col.ORDER_LINES] | change]) == ["unreadable_ordered_at"]


def test_later_rows_are_rejected_when_a_key_repeats() -> None:
    rows = [{"product_id": "p", "name": name, "price": None} for name in ("b", "a", "c")]
    assert rules_of(col.PRODUCTS, rows) == [None, "product_listed_twice", "product_listed_twice"]


def test_sound_row_is_kept_when_a_broken_one_has_the_same_key() -> None:
    rows = [{"product_id": "p", "name": "a", "price": "cheap"}, {"product_id": "p", "name": "b", "price": "1"}]
    assert rules_of(col.PRODUCTS, rows) == ["price_not_a_number", None]


def test_customer_may_have_several_rows_when_they_hold_from_different_days() -> None:
    rows: list[dict[str, str | None]] = [
        {"customer_id": "c", "valid_from": "2024-01-01"},
        {"customer_id": "c", "valid_from": "2024-02-01"},
        {"customer_id": "c", "valid_from": "2024-02-01"},
    ]
    assert rules_of(col.CUSTOMERS, rows) == [None, None, "customer_listed_twice"]


def test_tables_have_their_required_columns_and_a_day_beside_each_time() -> None:
    for table, columns in SCHEMAS.items():
        assert set(REQUIRED[table]) <= set(columns)
        assert {DAY_OF[name] for name, kind in columns.items() if kind == "timestamp"} <= set(columns)


def test_every_rule_is_described_when_asked_by_table() -> None:
    for table in SCHEMAS:
        unique = [UNIQUE_RULES[table].name] if table in UNIQUE_RULES else []
        assert list(rule_descriptions(table)) == [MALFORMED, *(rule.name for rule in ROW_RULES[table]), *unique]
