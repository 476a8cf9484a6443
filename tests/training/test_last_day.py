from datetime import date, datetime, timedelta

import ibis
import pyarrow as pa
import pytest

from models import columns as col
from training.last_day import last_complete_day

FINAL = date(2024, 3, 31)
LATER = date(2024, 12, 1)


def last(counts: dict[int, int], *, hour: int = 10, today: date = LATER) -> tuple[date, tuple[str, ...]]:
    """``counts``: days before ``FINAL`` -> order lines on that day, each of another customer."""
    days = [FINAL - timedelta(days=age) for age, lines in counts.items() for _ in range(lines)]
    times = [datetime(day.year, day.month, day.day, hour) for day in days]  # noqa: DTZ001
    table = pa.table(
        {
            col.CUSTOMER_ID: [str(number) for number in range(len(days))],
            col.ORDER_DAY: pa.array(days, pa.date32()),
            col.ORDERED_AT: pa.array(times, pa.timestamp("us")),
        }
    )
    return last_complete_day(ibis.memtable(table), today=today)


@pytest.mark.parametrize("lines", [2, 3, 40])
def test_final_day_counts_when_it_has_half_the_median_or_more(lines: int) -> None:
    assert last({0: lines, 1: 4, 2: 4, 3: 400, 29: 1000, 30: 1000}) == (FINAL, ())


def test_final_day_does_not_count_when_it_has_less_than_half_the_median() -> None:
    day, notes = last({0: 1, 2: 4, 3: 4, 4: 3})
    assert day == FINAL - timedelta(days=1)
    assert notes == (
        "2024-03-31 is incomplete (1 order lines, the median of the 28 days before is 4): days count until 2024-03-30.",
    )


def test_final_day_is_compared_with_its_own_weekday_when_there_are_enough_of_them() -> None:
    # Sundays, like the final day, have 3 lines, all other days 20
    sundays = {age: 3 if age % 7 == 0 else 20 for age in range(60)}
    assert last(sundays) == (FINAL, ())
    day, notes = last(sundays | {0: 1})
    assert day == FINAL - timedelta(days=1)
    assert "(1 order lines, the median of its weekday in the 8 weeks before is 3)" in notes[0]


def test_final_day_counts_when_times_are_dates() -> None:
    assert last({0: 1, 1: 4, 2: 4}, hour=0) == (FINAL, ())


def test_final_day_counts_when_there_is_nothing_to_compare_it_with() -> None:
    assert last({0: 1, 29: 100}) == (FINAL, ())


def test_final_day_does_not_count_when_it_is_the_day_of_the_run() -> None:
    day, notes = last({0: 4, 1: 4}, today=FINAL)
    assert day == FINAL - timedelta(days=1)
    assert notes == ("2024-03-31 was not over at the intake of 2024-03-31: days count until 2024-03-30.",)


def test_days_count_until_yesterday_when_some_orders_are_for_the_days_to_come() -> None:
    day, notes = last({0: 4, 1: 4, 9: 4}, today=FINAL - timedelta(days=3))
    assert day == FINAL - timedelta(days=4)
    assert notes == ("2024-03-31 was not over at the intake of 2024-03-28: days count until 2024-03-27.",)


def test_a_note_says_so_when_the_history_ends_in_the_middle_of_a_month() -> None:
    day, notes = last(dict.fromkeys(range(16, 90), 4))
    assert day == date(2024, 3, 15)
    assert notes == ("The data end on 2024-03-15, in the middle of a month: no label window reaches beyond that day.",)


@pytest.mark.parametrize(("ages", "why"), [(range(3, 90), "near the end"), (range(16, 50), "a short history")])
def test_no_note_when_the_month_is_nearly_over_or_the_history_is_short(ages: range, why: str) -> None:
    assert last(dict.fromkeys(ages, 4))[1] == (), why


def months(lines: dict[str, int], *, day: str = "01", today: date = LATER) -> tuple[date, tuple[str, ...]]:
    """``lines``: month -> order lines, all on ``day`` of it; 00 = its last day."""
    counts = {}
    for month, count in lines.items():
        first = date.fromisoformat(f"{month}-01")
        end = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        counts[(FINAL - (end if day == "00" else first.replace(day=int(day)))).days] = count
    return last(counts, hour=0, today=today)


@pytest.mark.parametrize(("day", "named"), [("01", "first"), ("00", "last"), ("15", "15th")])
def test_history_ends_with_the_last_month_when_orders_are_dated_by_month(day: str, named: str) -> None:
    ends, notes = months({"2024-01": 100, "2024-02": 110, "2024-03": 53}, day=day)
    assert ends == date(2024, 3, 31)
    assert notes == (
        f"Orders are dated by month (nearly all on its {named} day), so an order's day is not known: days count until "
        "2024-03-31, and horizons below 60 days say little.",
    )


@pytest.mark.parametrize(
    ("final", "today", "why"),
    [
        (100, date(2024, 3, 31), "2024-03 was not over at the intake of 2024-03-31."),
        (40, LATER, "2024-03 is incomplete (40 order lines, the median month has 105)."),
    ],
)
def test_history_ends_with_the_month_before_when_the_last_one_is_not_whole(final: int, today: date, why: str) -> None:
    ends, notes = months({"2024-01": 100, "2024-02": 110, "2024-03": final}, today=today)
    assert ends == date(2024, 2, 29)
    assert why in notes[0]
    assert "days count until 2024-02-29" in notes[0]


def test_days_are_days_when_the_first_of_the_month_is_only_the_busiest() -> None:
    # payday: 90 lines on the first of each month, 20 on every other day
    counts = {age: 90 if (FINAL - timedelta(days=age)).day == 1 else 20 for age in range(120)}
    assert last(counts) == (FINAL, ())
