from collections.abc import Callable
from datetime import date, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pytest

from models import columns as col
from training.thin_tail import Tail, thin_tail

FINAL = date(2024, 4, 28)


def found(
    customers: Callable[[date], int], *, days: int = 120, last: date = FINAL, lines: Callable[[date], int] = lambda _: 1
) -> Tail | None:
    """``customers``: day -> how many regulars order on it, each with ``lines`` order lines."""
    span = [last - timedelta(days=age) for age in range(days)]
    rows = [(f"c{number}", day) for day in span for number in range(customers(day)) for _ in range(lines(day))]
    return tail_of(rows, last)


def tail_of(rows: list[tuple[str, date]], last: date = FINAL) -> Tail | None:
    ids, days = [row[0] for row in rows], [row[1] for row in rows]
    table = ibis.memtable(pa.table({col.CUSTOMER_ID: ids, col.ORDER_DAY: pa.array(days, pa.date32())}))
    counts: dict[date, int] = {}
    for day in days:
        counts[day] = counts.get(day, 0) + 1
    return thin_tail(table, counts, last=last)


def since(start: date, before: int, after: int) -> Callable[[date], int]:
    return lambda day: after if day >= start else before


@pytest.mark.parametrize("length", [3, 6, 7, 15, 31, 45])
def test_tail_is_found_whole_when_the_last_days_have_a_third_of_the_customers(length: int) -> None:
    start = FINAL - timedelta(days=length - 1)
    tail = found(since(start, 30, 10))
    assert tail == Tail(start, FINAL, 10, 30)
    before = start - timedelta(days=1)
    assert tail.note == (
        f"{start} to {FINAL} are incomplete (10 customers a day, the same weekdays of the 8 weeks before had 30): "
        f"days count until {before}."
    )


@pytest.mark.parametrize("length", [1, 2, 50, 60])
def test_no_tail_when_it_is_too_short_or_the_new_level_has_lasted(length: int) -> None:
    assert found(since(FINAL - timedelta(days=length - 1), 30, 10)) is None


def test_no_tail_when_the_last_days_have_half_the_customers() -> None:
    assert found(since(FINAL - timedelta(days=14), 30, 15)) is None


def test_no_tail_when_the_shop_is_small() -> None:
    assert found(since(FINAL - timedelta(days=14), 9, 1)) is None


def test_no_tail_when_every_week_has_closing_days() -> None:
    # Saturday and Sunday closed; FINAL is a Sunday
    assert found(lambda day: 0 if day.weekday() >= 5 else 30) is None


def test_tail_is_found_when_every_week_has_closing_days() -> None:
    start = date(2024, 4, 15)  # a Monday
    tail = found(lambda day: 0 if day.weekday() >= 5 else 5 if day >= start else 30)
    assert tail is not None
    assert tail.first == start


def test_no_tail_when_a_weekend_is_thin_every_week() -> None:
    friday = date(2024, 4, 26)
    assert found(lambda day: 4 if day.weekday() >= 4 else 40, last=FINAL) is None
    assert friday.weekday() == 4


def test_no_tail_when_customers_fade_over_months() -> None:
    # half as many every four weeks
    assert found(lambda day: round(400 * 0.5 ** ((day - FINAL).days / 28 + 4)), days=112) is None


def test_no_tail_when_a_sale_of_two_weeks_is_over() -> None:
    start, over = FINAL - timedelta(days=27), FINAL - timedelta(days=13)
    assert found(lambda day: 90 if start <= day < over else 30) is None


def test_no_tail_when_one_customer_bought_for_a_thousand() -> None:
    def rows(day: date) -> list[tuple[str, date]]:
        bulk = 0 if day > FINAL - timedelta(days=14) else 500
        return [("bulk", day)] * bulk + [(f"c{number}", day) for number in range(30)]

    assert tail_of([row for age in range(120) for row in rows(FINAL - timedelta(days=age))]) is None


def test_no_tail_when_the_days_around_new_year_are_thin() -> None:
    last = date(2024, 1, 3)
    assert found(since(date(2023, 12, 24), 30, 8), last=last) is None
    # a month of them is no holiday
    assert found(since(date(2023, 12, 4), 30, 8), last=last) is not None


def test_no_tail_when_the_year_before_fell_as_much() -> None:
    def season(day: date) -> int:
        return 60 if day.month <= 3 else 15

    assert found(season, days=120) is not None
    assert found(season, days=500) is None


def test_no_tail_when_new_customers_stop_coming_and_the_others_come_as_ever() -> None:
    # as with CDNOW in March 1997: 40 first orders a day until the 10th of April, 20 returning customers a day
    opened = FINAL - timedelta(days=119)
    rows = []
    for age in range(120):
        day = FINAL - timedelta(days=age)
        rows += [(f"c{number}", day) for number in range(20)]
        rows += [(f"new {day} {number}", day) for number in range(40) if day <= date(2024, 4, 10)]
    assert min(day for _, day in rows) == opened
    assert tail_of(rows) is None
    # where the returning ones are fewer too, something is missing
    thinned = [row for row in rows if row[1] <= date(2024, 4, 10) or row[0] in {"c0", "c1", "c2", "c3", "c4"}]
    assert tail_of(thinned) is not None


@pytest.mark.parametrize("seed", range(5))
def test_no_tail_when_days_differ_by_chance(seed: int) -> None:
    draws = np.random.default_rng(seed).poisson(12, 1000)
    assert found(lambda day: int(draws[(FINAL - day).days])) is None


def test_no_tail_when_the_history_is_shorter_than_what_it_is_compared_with() -> None:
    assert found(since(FINAL - timedelta(days=9), 30, 3), days=60) is None
