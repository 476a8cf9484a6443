from datetime import date
from typing import Any

import ibis
import pyarrow as pa

from models import columns as col
from models.contracts import SCHEMAS, RuleLimits
from training.casting import candidate
from training.judging import FATE, judged
from training.sources.raw import SET_ASIDE, RawTable

LIMITS = RuleLimits(earliest=date(2000, 1, 1), latest=date(2024, 6, 30))
SOUND = {"customer_id": "a", "ordered_at": "2024-01-01", "product_id": "p", "amount": "1"}


def fates(*changes: dict[str, Any], drop: bool = False, forgotten: str | None = None) -> list[tuple[str, str | None]]:
    rows = [{"place": place, SET_ASIDE: None, **SOUND, **change} for place, change in enumerate(changes)]
    schema = pa.schema([("place", pa.int64()), *((name, pa.string()) for name in (SET_ASIDE, *SOUND))])
    cast = candidate(
        RawTable(ibis.memtable(pa.Table.from_pylist(rows, schema))), col.ORDER_LINES, timezone="UTC", attributes=()
    )
    gone = None if forgotten is None else cast[col.CUSTOMER_ID] == forgotten
    judgement = judged(
        cast, col.ORDER_LINES, LIMITS, order=tuple(SCHEMAS[col.ORDER_LINES]), forgotten=gone, drop_exact_duplicates=drop
    )
    found = judgement.select(col.CUSTOMER_ID, FATE, col.RULE).to_pyarrow().to_pylist()
    return sorted((row[FATE], row[col.RULE]) for row in found)


def test_row_is_kept_when_nothing_speaks_against_it() -> None:
    assert fates({}) == [("kept", None)]


def test_condition_comes_before_anonymity_and_anonymity_before_rules_when_several_meet() -> None:
    assert fates({SET_ASIDE: "postage", "customer_id": ""}) == [("set_aside", "postage")]
    assert fates({SET_ASIDE: "postage", "amount": "free"}) == [("set_aside", "postage")]
    assert fates({"customer_id": "", "amount": "free"}) == [("set_aside", "anonymous")]
    assert fates({"amount": "free"}) == [("rejected", "amount_not_a_number")]


def test_forgotten_person_leaves_no_reason_when_the_row_is_broken_too() -> None:
    assert fates({"amount": "free"}, {"customer_id": "b"}, forgotten="a") == [("forgotten", None), ("kept", None)]


def test_exact_duplicates_are_set_aside_when_the_configuration_says_so() -> None:
    assert fates({}, {}, {}, drop=False) == [("kept", None)] * 3
    assert fates({}, {}, {"amount": "2"}, drop=True) == [
        ("kept", None),
        ("kept", None),
        ("set_aside", "exact_duplicate"),
    ]


def test_broken_duplicate_is_rejected_when_duplicates_are_dropped() -> None:
    assert fates({"amount": "free"}, {"amount": "free"}, drop=True) == [("rejected", "amount_not_a_number")] * 2
