from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models import columns as col
from training.kept_days import days_of

MAY, JUNE, JULY = date(2024, 5, 31), date(2024, 6, 1), date(2024, 7, 1)


@pytest.mark.parametrize(
    ("days", "span"),
    [([JUNE, JULY, MAY], (MAY, JULY)), ([JUNE], (JUNE, JUNE)), ([], (None, None))],
)
def test_the_first_and_the_last_day_are_found_when_rows_are_in_any_order(
    tmp_path: Path, days: list[date], span: tuple[date | None, date | None]
) -> None:
    path = tmp_path / "kept.parquet"
    pq.write_table(
        pa.table({"x": [""] * len(days), col.ORDER_DAY: pa.array(days, pa.date32())}), path, row_group_size=1
    )
    assert days_of(col.ORDER_LINES, path) == span


def test_there_are_no_days_when_a_table_has_no_time(tmp_path: Path) -> None:
    assert days_of(col.PRODUCTS, tmp_path / "never_opened.parquet") == (None, None)
