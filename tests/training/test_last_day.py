from datetime import date, datetime, timedelta

import ibis
import pyarrow as pa
import pytest

from models import columns as col
from training.last_day import last_complete_day

FINAL = date(2024, 3, 31)
LATER = date(2024, 12, 1)


def last(counts: dict[int, int], *, hour: int = 10, today: date = LATER) -> tuple[date, str | None]:
    """``counts``: days before ``FINAL`` -> order lines on that day."""
    days = [FINAL - timedelta(days=age) for age, lines in counts.items() for _ in range(lines)]
    times = [datetime(day.year, day.month, day.day, hour) for day in days]  # noqa: DTZ001
    table = pa.table({col.ORDER_DAY: pa.array(days, pa.date32()), col.ORDERED_AT: pa.array(times, pa.timestamp("us"))})
    return last_complete_day(ibis.memtable(table), today=today)


@pytest.mark.parametrize("lines", [2, 3, 40])
def test_final_day_counts_when_it_has_half_the_median_or_more(lines: int) -> None:
    assert last({0: lines, 1: 4, 2: 4, 3: 400, 29: 1000, 30: 1000}) == (FINAL, None)


def test_final_day_does_not_count_when_it_has_less_than_half_the_median() -> None:
    day, note = last({0: 1, 2: 4, 3: 4, 4: 3})
    assert day == FINAL - timedelta(days=1)
    assert note == (
        "2024-03-31 is incomplete (1 order lines, the median of the 28 days before is 4): days count until 2024-03-30."
    )


def test_final_day_counts_when_times_are_dates() -> None:
    assert last({0: 1, 1: 4, 2: 4}, hour=0) == (FINAL, None)


def test_final_day_counts_when_there_is_nothing_to_compare_it_with() -> None:
    assert last({0: 1, 29: 100}) == (FINAL, None)


def test_final_day_does_not_count_when_it_is_the_day_of_the_run() -> None:
    day, note = last({0: 4, 1: 4}, today=FINAL)
    assert day == FINAL - timedelta(days=1)
    assert note == "2024-03-31 was not over at the intake of 2024-03-31: days count until 2024-03-30."
