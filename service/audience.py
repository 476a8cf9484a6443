"""Audiences of any size: seeds from a file, people like them into a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from pydantic import ValidationError

from models import columns as col
from models.errors import InvalidRequestError
from models.lookalike.answer import Audience, find_audience
from models.lookalike.messages import AudienceQuery, Within
from models.lookalike.within import ATTRIBUTES, meant
from models.parts import replace_file
from models.settings import first_fault
from service.errors import UnsupportedOutputError
from service.release import open_release

LOOKALIKE = "lookalike"
_HEADERS = (col.CUSTOMER_ID, "id", "seed", "seeds")
_ATTRIBUTE = "attribute:"
_FILTERS = tuple(name for name in Within.model_fields if name != ATTRIBUTES)


def write_audience(
    releases: Path,
    seeds: Path,
    out: Path,
    *,
    size: int | None,
    share: float | None,
    include_seeds: bool = False,
    within: Sequence[str] = (),
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
    within : sequence of str, optional
        See ``read_within``; default: everybody in the store.

    Raises
    ------
    UnsupportedOutputError
        ``out`` is neither Parquet nor CSV, or its folder does not exist.
    InvalidRequestError
        The seeds or the ids to stay within cannot be read, the seeds are too few, or the size or a filter is not one.
    """
    if out.suffix not in (".parquet", ".csv") or not out.parent.is_dir():
        raise UnsupportedOutputError(f"{out}: write to a .parquet or a .csv file in a folder that exists")
    try:
        query = AudienceQuery(
            seeds=read_ids(seeds), size=size, share=share, include_seeds=include_seeds, within=read_within(within)
        )
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
        The file cannot be read, or is not UTF-8, or holds no id.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidRequestError(f"{path}: the ids cannot be read: {why}; give a file with one id a line") from None
    ids = [line.split(",")[0].strip().strip('"') for line in lines]
    ids = [customer_id for customer_id in ids if customer_id]
    ids = ids[1:] if ids and ids[0].lower() in _HEADERS else ids
    if not ids:
        raise InvalidRequestError(f"{path}: it holds no id; give a file with one id a line")
    return ids


def read_within(asked: Sequence[str]) -> "list[str] | Within | None":
    """Return what an audience must stay within.

    Parameters
    ----------
    asked : sequence of str
        One file of ids, or filters that must all hold: ``key=value`` with a key of ``Within``, or
        ``attribute:NAME=value``; empty = nothing.

    Raises
    ------
    InvalidRequestError
        The file cannot be read, a filter is not one or is given twice, or files and filters are mixed.
    """
    filters = [each.partition("=") for each in asked if "=" in each and not Path(each).is_file()]
    if not filters:
        if len(asked) > 1:
            raise InvalidRequestError("--within: give one file of ids, or filters such as channel=web")
        return read_ids(Path(asked[0])) if asked else None
    if len(filters) < len(asked):
        raise InvalidRequestError("--within: give either one file of ids, or filters such as channel=web, and not both")
    return _filters([(key, value) for key, _, value in filters])


def _filters(pairs: Sequence[tuple[str, str]]) -> Within:
    given: dict[str, Any] = {}
    attributes: dict[str, str] = {}
    for key, value in pairs:
        name = key.removeprefix(_ATTRIBUTE)
        if name == key and key not in _FILTERS:
            known = ", ".join([*_FILTERS, f"{_ATTRIBUTE}NAME"])
            raise InvalidRequestError(f"--within: unknown filter {key!r}; {meant(key, _FILTERS)} (there are: {known})")
        held = given if name == key else attributes
        if name in held:
            raise InvalidRequestError(f"--within: {key} is given twice; every filter that is given must hold")
        held[name] = value
    try:
        return Within.model_validate(given | {"attributes": attributes})
    except ValidationError as error:
        raise InvalidRequestError(first_fault("--within", error)) from None
