"""Audiences of any size: seeds from a file, people like them into a file."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from pydantic import ValidationError

from models import columns as col
from models.errors import InvalidRequestError
from models.lookalike.answer import Audience, find_audience
from models.lookalike.messages import AudienceQuery
from models.parts import replace_file
from models.settings import first_fault
from service.errors import UnsupportedOutputError
from service.release import open_release

LOOKALIKE = "lookalike"
_HEADERS = (col.CUSTOMER_ID, "id", "seed", "seeds")


def write_audience(
    releases: Path, seeds: Path, out: Path, *, size: int | None, share: float | None, include_seeds: bool = False
) -> Audience:
    """Find the people who are most like the seeds and write them to a file, most alike first.

    Parameters
    ----------
    releases : Path
        The releases folder.
    seeds : Path
        Text with one id a line, or a CSV file whose ids are in its first column.
    out : Path
        ``*.parquet`` or ``*.csv``; put in place in one step.
    size, share, include_seeds
        See ``AudienceQuery``; either size or share.

    Raises
    ------
    UnsupportedOutputError
        ``out`` is neither Parquet nor CSV, or its folder does not exist.
    InvalidRequestError
        The seeds cannot be read or are too few, or the size is not one.
    """
    if out.suffix not in (".parquet", ".csv") or not out.parent.is_dir():
        raise UnsupportedOutputError(f"{out}: write to a .parquet or a .csv file in a folder that exists")
    try:
        query = AudienceQuery(seeds=read_ids(seeds), size=size, share=share, include_seeds=include_seeds)
    except ValidationError as error:
        raise InvalidRequestError(first_fault(f"the audience from {seeds.name}", error)) from None
    served = open_release(releases).of(LOOKALIKE)
    found = find_audience(served, query)
    table = pa.table(
        {
            col.CUSTOMER_ID: pa.array(served.store.ids_at(found.rows), pa.string()),
            col.SCORE: found.scores,
            col.RANK: np.arange(1, len(found.rows) + 1),
        }
    )
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer) if out.suffix == ".parquet" else pacsv.write_csv(table, buffer)
    replace_file(out, buffer.getvalue().to_pybytes())
    return found


def read_ids(path: Path) -> list[str]:
    """Return the ids of a file: the first column of each line; a heading, quotes and empty lines are left out.

    Raises
    ------
    InvalidRequestError
        The file cannot be read, or is not UTF-8.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidRequestError(f"{path}: the seeds cannot be read: {why}; give a file with one id a line") from None
    ids = [line.split(",")[0].strip().strip('"') for line in lines]
    ids = [customer_id for customer_id in ids if customer_id]
    return ids[1:] if ids and ids[0].lower() in _HEADERS else ids
