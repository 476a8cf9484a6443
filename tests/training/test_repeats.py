from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from training.repeats import repeats


def test_rows_that_equal_the_one_before_are_counted_when_they_lie_in_other_batches(tmp_path: Path) -> None:
    rows = pa.table({"a": ["x"] * 70_000 + ["y", "y", "z"], "b": [None] * 70_000 + [1, None, None]})
    pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=1_000)
    assert repeats(tmp_path / "rows.parquet") == 69_999


def test_nothing_repeats_when_there_is_nothing(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": pa.array([], pa.string())}), tmp_path / "rows.parquet")
    assert repeats(tmp_path / "rows.parquet") == 0
