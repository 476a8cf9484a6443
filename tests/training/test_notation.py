from datetime import date, datetime
from decimal import Decimal
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.source_settings import Notation
from training.notation import Sign, decimal_of, float_of, identifier, time_of


def column(values: Any) -> Any:
    return ibis.memtable(pa.table({"x": values}))["x"]


def told(value: Any) -> list[Any]:
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET TimeZone = 'UTC'")
    found: list[Any] = connection.to_pyarrow(value.name("x")).to_pylist()
    return found


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("1", "1", "1"),
        ("1.5", "1.5", None),
        ("1,5", None, "1.5"),
        ("1,234.50", "1234.5", None),
        ("1.234,50", None, "1234.5"),
        ("1,234", "1234", "1.234"),
        ("12,34.5", None, None),
        ("1 234", "1234", "1234"),
        ("1'000.25", "1000.25", None),
        ("£12.50", "12.5", None),
        ("12,50 €", None, "12.5"),
        ("-£3", "-3", "-3"),
        ("£-3", "-3", "-3"),
        ("--3", None, None),
        ("(4.20)", "-4.2", None),
        ("(4.20", None, None),
        ("5.00-", "-5", None),
        ("8.9e-16", "0", None),
        ("1_000", None, None),
        (".5", "0.5", None),
        ("free", None, None),
        ("NaN", None, None),
        ("1e18", None, None),
        ("$", None, None),
        ("", None, None),
    ],
)
def test_number_is_read_by_its_decimal_sign_when_it_is_written_in_any_usual_way(
    text: str, point: str | None, comma: str | None
) -> None:
    for sign, exact in ((".", point), (",", comma)):
        expected = None if exact is None else Decimal(exact)
        assert told(decimal_of(column([text]), sign)) == [expected]  # type: ignore[arg-type]


def test_float_keeps_what_no_decimal_holds_when_it_is_a_number_all_the_same() -> None:
    read = told(float_of(column(["1e18", "inf", "1,234.5", "free"]), "."))
    assert read == [1e18, float("inf"), 1234.5, None]
    assert told(float_of(column(["NaN"]), "."))[0] != told(float_of(column(["NaN"]), "."))[0]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.decimals(-(10**9), 10**9, places=4), min_size=1, max_size=40), st.sampled_from([".", ","]))
def test_number_is_exact_when_thousands_are_grouped(values: list[Decimal], sign: Sign) -> None:
    other = "," if sign == "." else "."
    texts = [f"{value:,.4f}".translate(str.maketrans({".": sign, ",": other})) for value in values]
    assert told(decimal_of(column(texts), sign)) == values


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=40), st.sampled_from([".", ","]))
def test_no_text_raises_when_it_is_read(texts: list[str], sign: Sign) -> None:
    sound = [text.encode("utf-8", "replace").decode() for text in texts]
    notation = Notation(
        times=("iso", "unix", "unix_ms", "%d/%m/%Y %H:%M", "%Y-%m-%dT%H:%M:%S%z"), times_in="Asia/Tokyo"
    )
    assert len(told(decimal_of(column(sound), sign))) == len(texts)
    # as text: Python has no infinite time
    assert len(told(time_of(column(sound), notation, "UTC").cast("string"))) == len(texts)


SUMMER = datetime(2024, 7, 1, 10, 0)  # noqa: DTZ001 - a wall clock has no zone


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("2024-07-01 10:00", ("iso",)),
        ("1/7/2024 10:00", ("%d/%m/%Y %H:%M",)),
        ("7/1/2024 10:00", ("%m/%d/%Y %H:%M",)),
        ("1.7.2024 10:00", ("iso", "%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M")),
        ("2024年7月1日 10时", ("%Y年%m月%d日 %H时",)),
        ("1719828000", ("unix",)),
        ("1719828000000", ("unix_ms",)),
        ("2024-07-01T12:00:00+0200", ("%Y-%m-%dT%H:%M:%S%z",)),
    ],
)
def test_time_is_read_when_it_is_written_in_a_configured_way(text: str, times: tuple[str, ...]) -> None:
    assert told(time_of(column([text]), Notation(times=times), "UTC")) == [SUMMER]


def test_first_format_that_fits_counts_when_two_do() -> None:
    both = ("%d/%m/%Y", "%m/%d/%Y")
    read = told(time_of(column(["2/1/2024", "1/31/2024", "32/1/2024"]), Notation(times=both), "UTC"))
    assert [each and each.date() for each in read] == [date(2024, 1, 2), date(2024, 1, 31), None]


def test_naive_time_is_carried_into_the_zone_when_it_was_written_in_another() -> None:
    notation = Notation(times=("iso", "%d.%m.%Y %H:%M", "%d.%m.%Y"), times_in="UTC")
    texts = ["2024-07-01 08:00", "1.7.2024 08:00", "2024-07-01T10:00:00+02:00"]
    assert told(time_of(column(texts), notation, "Europe/Berlin")) == [SUMMER] * 3
    assert told(time_of(column([SUMMER.replace(hour=8)]), notation, "Europe/Berlin")) == [SUMMER]


def test_date_stays_that_date_when_times_come_from_another_zone() -> None:
    notation = Notation(times=("iso", "%d.%m.%Y"), times_in="America/New_York")
    midnight = SUMMER.replace(hour=0)
    assert told(time_of(column(["2024-07-01", "1.7.2024"]), notation, "Asia/Tokyo")) == [midnight] * 2
    assert told(time_of(column([date(2024, 7, 1)]), notation, "Asia/Tokyo")) == [midnight]


def test_number_is_a_day_when_the_format_says_so() -> None:
    assert told(time_of(column([20240701]), Notation(times=("%Y%m%d",)), "UTC")) == [SUMMER.replace(hour=0)]
    assert told(time_of(column([20240701.0]), Notation(times=("%Y%m%d",)), "UTC")) == [SUMMER.replace(hour=0)]


def test_id_loses_its_fraction_when_it_went_through_floats() -> None:
    texts = ["17850.0", "007", " 7.0 ", " card 7 ", "x.0", "1.50", "", None]
    whole = ["17850", "007", "7", " card 7 ", "x.0", "1.50", None, None]
    assert told(identifier(column(texts), through_float=True)) == whole
    assert told(identifier(column(texts), through_float=False)) == [*texts[:6], None, None]
    assert told(identifier(column([17850.0, 1.5, 1e300]), through_float=False)) == ["17850", "1.5", "1e+300"]
