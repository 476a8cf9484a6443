"""Rows of a sorted file that repeat the one before them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def repeats(path: Path) -> int:
    """Count the rows that equal the row before them, null being equal to null.

    Parameters
    ----------
    path : Path
        A Parquet file whose rows are sorted by all of its columns; it is read in batches.
    """
    found, last = 0, None
    for batch in pq.ParquetFile(path).iter_batches():
        rows = pa.Table.from_batches([batch])
        rows = rows if last is None else pa.concat_tables([last, rows])
        same = pa.array([True] * (rows.num_rows - 1), pa.bool_())
        for column in rows.itercolumns():
            one, other = column.slice(1).combine_chunks(), column.slice(0, rows.num_rows - 1).combine_chunks()
            equal = pc.fill_null(pc.equal(one, other), False)
            same = pc.and_(same, pc.or_(equal, pc.and_(pc.is_null(one), pc.is_null(other))))
        found += pc.sum(same).as_py() or 0
        last = rows.slice(rows.num_rows - 1)
    return found
