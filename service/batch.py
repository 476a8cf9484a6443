"""The batch job: every customer of the current release, into one file.

Finished chunks are kept beside the output, so that a run that was stopped goes on where it was; the output itself is
put in place in one step.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from models import columns as col
from models.parts import canonical_json
from models.prediction import BatchOptions, Served
from service.errors import UnsupportedOutputError
from service.release import open_release

CHUNK_ROWS = 50_000

Progress = Callable[[int, int], None]
"""Called with the customers done and the customers in all."""


def score(
    releases: Path,
    prediction: str,
    out: Path,
    *,
    options: BatchOptions | None = None,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress | None = None,
) -> int:
    """Score every customer of the current release's store.

    Parameters
    ----------
    releases : Path
        The releases folder.
    prediction : str
        Name of a prediction.
    out : Path
        ``*.parquet`` or ``*.csv``. While the job runs, finished chunks are in ``<out>.partial/``.
    options : BatchOptions, optional
        What to add to the figures; default: nothing.
    chunk_rows : int
        Customers scored at a time.
    progress : callable, optional
        Called after each chunk with the customers done and the customers in all.

    Returns
    -------
    int
        Customers written. Each has a row, eligible or not, in rising order of the ids' UTF-8 bytes; the Parquet file's
        metadata name the release, its as_of, the model, its version and run.

    Raises
    ------
    UnsupportedOutputError
        ``out`` is neither Parquet nor CSV, or its folder does not exist.
    ReleaseMissingError, CorruptPartError, FingerprintMismatchError, ModelMissingError
        There is no release to score with; see ``open_release``.
    """
    _check(out)
    served = open_release(releases).of(prediction)
    options = options or BatchOptions()
    # what the prediction refuses is refused before a folder is made
    served.prediction.table(served, np.arange(0), options)
    folder = _folder(out, served, options, chunk_rows)
    chunks = list(_chunks(served, folder, options, chunk_rows, progress))
    _assemble(chunks, out, folder)
    shutil.rmtree(_partial(out))
    return len(served.store)


def _check(out: Path) -> None:
    if out.suffix not in (".parquet", ".csv"):
        raise UnsupportedOutputError(f"{out.name}: write to a .parquet or a .csv file")
    if not out.parent.is_dir():
        raise UnsupportedOutputError(f"{out}: the folder {out.parent} does not exist; make it first")


def _partial(out: Path) -> Path:
    return out.with_name(f"{out.name}.partial")


def _folder(out: Path, served: Served, options: BatchOptions, chunk_rows: int) -> Path:
    """Return the folder of this very job's chunks; what another release or other options left is removed."""
    job = {
        "release": served.release,
        "store": served.store.fingerprint,
        "as_of": served.store.as_of,
        "model": served.model.model_dump(),
        "options": asdict(options),
        "chunk_rows": chunk_rows,
        "rows": len(served.store),
    }
    name = f"{served.release}-{hashlib.sha256(canonical_json(job)).hexdigest()[:12]}"
    partial = _partial(out)
    partial.mkdir(exist_ok=True)
    for other in partial.iterdir():
        if other.name != name:
            shutil.rmtree(other)
    (partial / name).mkdir(exist_ok=True)
    return partial / name


def _chunks(
    served: Served, folder: Path, options: BatchOptions, chunk_rows: int, progress: Progress | None
) -> Iterator[Path]:
    total = len(served.store)
    for start, end in pairwise([*range(0, total, chunk_rows), total]):
        path = folder / f"{start:012d}.parquet"
        if not path.exists():
            table = served.prediction.table(served, np.arange(start, end), options)
            _write(_labelled(table, served), path)
        yield path
        if progress:
            progress(end, total)


def _labelled(table: pa.Table, served: Served) -> pa.Table:
    """Put the customer first, and the release into the metadata."""
    names = [col.CUSTOMER_ID, *(name for name in table.column_names if name != col.CUSTOMER_ID)]
    return table.select(names).replace_schema_metadata(
        {
            "release": served.release,
            "as_of": served.store.as_of.isoformat(),
            "model": served.model.name,
            "version": served.model.version,
            "run_id": served.model.run_id,
        }
    )


def _write(table: pa.Table, path: Path) -> None:
    draft = path.with_suffix(".draft")
    pq.write_table(table, draft)
    _put(draft, path)


def _put(draft: Path, path: Path) -> None:
    """Put a finished file in place in one step, once it is on the disk."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(draft, path)


def _assemble(chunks: list[Path], out: Path, folder: Path) -> None:
    draft = folder / f"all{out.suffix}"
    schema = pq.read_schema(chunks[0])
    with _writer(draft, schema) as writer:
        for chunk in chunks:
            table = pq.read_table(chunk)
            writer.write_table(_flat(table) if out.suffix == ".csv" else table)
    _put(draft, out)


def _writer(path: Path, schema: pa.Schema) -> "pq.ParquetWriter | pacsv.CSVWriter":
    if path.suffix == ".parquet":
        return pq.ParquetWriter(path, schema)
    return pacsv.CSVWriter(path, _flat(schema.empty_table()).schema)


def _flat(table: pa.Table) -> pa.Table:
    """Join lists of texts, which CSV has no place for."""
    for position, field in enumerate(table.schema):
        if pa.types.is_list(field.type):
            rows = table.column(position).to_pylist()
            joined = [None if texts is None else "; ".join(texts) for texts in rows]
            table = table.set_column(position, field.name, pa.array(joined, pa.string()))
    return table
