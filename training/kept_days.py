"""The first and the last day of a kept table."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models.contracts import DAY_OF, REQUIRED


def days_of(table: str, kept: Path) -> tuple[date | None, date | None]:
    """Return the first and the last local day of a table's rows; None where it has no time or no row."""
    day = next((DAY_OF[name] for name in REQUIRED[table] if name in DAY_OF), None)
    if day is None:
        return None, None
    with pq.ParquetFile(kept) as file:
        spans = [pc.min_max(batch.column(0)) for batch in file.iter_batches(columns=[day])]
    days = pa.array([span[end].as_py() for span in spans for end in ("min", "max")], pa.date32())
    span = pc.min_max(days).as_py()
    return span["min"], span["max"]
