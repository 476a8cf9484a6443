from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import ibis
import pyarrow as pa
import pytest

from models import columns as col
from models.contracts import given
from models.errors import ContractError
from training.casting import attribute_columns, candidate
from training.sources import RawTable

MORNING = datetime(2024, 7, 1, 10, 0)  # noqa: DTZ001 - a wall clock has no zone


def cast(values: pa.Array, column: str, *, table: str = col.ORDER_LINES, timezone: str = "UTC") -> list[Any]:
    raw = ibis.memtable(pa.table({column: values}))
    return candidate(RawTable(raw), table, timezone=timezone, attributes=())[column].to_pyarrow().to_pylist()


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("2024-07-01 10:00:00", MORNING),
        ("2024-07-01T08:00:00Z", MORNING),
        ("2024-07-01T01:00:00-07:00", MORNING),
        ("2024-07-01 08:00:00.000000+00", MORNING),
        ("2024-07-01 08:00:00 UTC", MORNING),
        ("2024-07-01T08:00Z", MORNING),
        ("2024-07-01T10:00+02:00", MORNING),
        ("2024-07-01 08:00:00z", MORNING),
        (" 2024-07-01 10:00 ", MORNING),
        ("2024-07-01", MORNING.replace(hour=0)),
        ("2024/7/1", MORNING.replace(hour=0)),
    ],
)
def test_text_becomes_the_wall_clock_of_the_zone_when_it_has_an_offset(text: str, local: datetime) -> None:
    assert cast(pa.array([text]), col.ORDERED_AT, timezone="Europe/Berlin") == [local]


def test_instant_becomes_the_wall_clock_of_the_zone_when_its_type_has_one() -> None:
    instants = [datetime(2024, 7, 1, 8, tzinfo=UTC), datetime(2024, 1, 1, 9, tzinfo=timezone(timedelta(hours=0)))]
    values = pa.array(instants, pa.timestamp("us", tz="America/New_York"))
    local = [MORNING, datetime(2024, 1, 1, 10)]  # noqa: DTZ001
    assert cast(values, col.ORDERED_AT, timezone="Europe/Berlin") == local


@pytest.mark.parametrize("type_", [pa.timestamp("s"), pa.timestamp("ns"), pa.timestamp("us")])
def test_naive_time_stays_as_it_is_when_the_zone_is_not_utc(type_: pa.DataType) -> None:
    assert cast(pa.array([MORNING], type_), col.ORDERED_AT, timezone="Asia/Tokyo") == [MORNING]


def test_day_is_that_of_the_wall_clock_when_the_instant_is_near_midnight() -> None:
    raw = ibis.memtable(pa.table({"ordered_at": ["2024-06-30T23:30:00Z"]}))
    rows = candidate(RawTable(raw), col.ORDER_LINES, timezone="Europe/Berlin", attributes=())
    assert rows[col.ORDER_DAY].to_pyarrow().to_pylist() == [date(2024, 7, 1)]


@pytest.mark.parametrize(
    ("values", "exact"),
    [
        (pa.array([0.1, 8.881784e-16, 1.005, 999999999.99]), ["0.1000", "0.0000", "1.0050", "999999999.9900"]),
        (pa.array(["0.1", "8.881784e-16", "1e3", ".5"]), ["0.1000", "0.0000", "1000.0000", "0.5000"]),
        (pa.array([7, -2]), ["7.0000", "-2.0000"]),
        (pa.array([Decimal("1.25")]), ["1.2500"]),
    ],
)
def test_number_becomes_the_exact_decimal_when_it_has_four_places(values: pa.Array, exact: list[str]) -> None:
    assert [str(value) for value in cast(values, col.AMOUNT)] == exact


def test_id_is_not_altered_when_it_has_zeros_or_blanks() -> None:
    assert cast(pa.array(["007", "7", " 7", "", None]), col.CUSTOMER_ID) == ["007", "7", " 7", None, None]


def test_id_becomes_text_when_it_is_an_integer() -> None:
    assert cast(pa.array([7, 2**60]), col.CUSTOMER_ID) == ["7", str(2**60)]


def test_quantity_is_one_when_none_is_given() -> None:
    assert cast(pa.array(["", None, "0"]), col.QUANTITY) == [1, 1, 0]
    assert cast(pa.array(["c"]), col.CUSTOMER_ID) == ["c"]


def test_is_control_is_false_when_none_is_given() -> None:
    assert cast(pa.array(["true", "0", None]), col.IS_CONTROL, table=col.CONTACTS) == [True, False, False]


def test_truth_is_read_when_it_is_one_or_zero_in_any_writing_and_nothing_else() -> None:
    texts = ["true", "No", "1", "0.0", "1.0", "2", "0.5", "maybe", ""]
    assert cast(pa.array(texts), col.IS_CONTROL, table=col.CONTACTS) == [
        True, False, True, False, True, None, None, None, False,
    ]  # fmt: skip
    numbers = pa.array([1.0, 0.0, 0.5, 2.0, float("nan"), None])
    assert cast(numbers, col.IS_CONTROL, table=col.CONTACTS) == [True, False, None, None, False, False]


def test_column_is_refused_when_its_type_cannot_hold_what_is_needed() -> None:
    with pytest.raises(ContractError, match=r"order_lines: column 'amount' is timestamp\(6\); a number or text"):
        cast(pa.array([MORNING], pa.timestamp("us")), col.AMOUNT)
    with pytest.raises(ContractError, match="order_lines: column 'ordered_at' is int64; a timestamp, a date or text"):
        cast(pa.array([20240701]), col.ORDERED_AT)
    with pytest.raises(ContractError, match=r"column 'customer_id' is array<int64>; text or a number is needed"):
        cast(pa.array([[1]]), col.CUSTOMER_ID)


def test_attribute_is_refused_when_it_is_no_column_of_customers() -> None:
    raw = ibis.memtable(pa.table({"customer_id": ["c"], "age": ["1"]}))
    assert attribute_columns(raw, ("age",)) == ("age",)
    with pytest.raises(ContractError, match="attribute 'aeg' is not a column; the others are: age; correct it"):
        attribute_columns(raw, ("aeg",))
    with pytest.raises(ContractError, match="attribute 'age' is configured but the source has no customers table"):
        attribute_columns(None, ("age",))
    with pytest.raises(ContractError, match="attribute 'joined_at' is a column of the contract itself"):
        attribute_columns(raw, ("joined_at",))


def test_an_id_is_missing_when_it_is_not_a_number() -> None:
    raw = ibis.memtable(pa.table({col.CUSTOMER_ID: pa.array([12.0, float("nan"), None])}))
    rows = candidate(RawTable(raw), col.ORDER_LINES, timezone="UTC", attributes=()).to_pyarrow()
    assert rows[col.CUSTOMER_ID].to_pylist() == ["12", None, None]
    assert rows[given(col.CUSTOMER_ID)].to_pylist() == [True, False, False]
