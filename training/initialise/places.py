"""Samples of all tables that a path holds: a file, an archive, a workbook, or a folder of them."""

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from models.errors import ContractError, ForesellError, SourceError
from training.engine_errors import reason
from training.initialise.dialect import Dialect
from training.initialise.sample import SAMPLE_ROWS, Sample, sample_of
from training.initialise.text_sample import text_samples
from training.sources.kinds import ENDINGS, Kind, files_at
from training.sources.raw import Workbench

_MOST_FILES = 12  # of one kind in a folder that are looked into
_STRETCHES = 10  # of a Parquet file
_READ_WHOLE = 2_000_000  # rows of a Parquet file that is read to its end


def samples_at(path: Path, bench: Backend) -> list[Sample]:
    """Read a sample of each table at a path.

    Parameters
    ----------
    path : Path
        A file, or a folder of files and of such folders; files with the same columns are one table.
    bench : Backend
        DuckDB.

    Raises
    ------
    SourceError
        There is nothing, it cannot be read, or holds no table.
    ContractError
        Two columns of a table have one name.
    """
    if not path.is_dir():
        files_at(path)  # says what is wrong with a file
        return _merged([*_read(path, bench)], whole_of=path)
    samples = _in_folder(path, bench)
    for folder in sorted(each for each in _entries(path) if each.is_dir()):
        samples += _in_folder(folder, bench)
    if not samples:
        known = ", ".join(ending for endings in ENDINGS.values() for ending in endings)
        raise SourceError(f"{path} is a folder without tables ({known}); name a file, or another folder")
    return samples


def _entries(folder: Path) -> list[Path]:
    try:
        return [each for each in sorted(folder.iterdir()) if each.name[0] not in "._"]
    except OSError as error:
        raise SourceError(f"{folder} cannot be read: {error.strerror}; check its permissions") from error


def _in_folder(folder: Path, bench: Backend) -> list[Sample]:
    files = [each for each in _entries(folder) if each.is_file()]
    known = [each for each in files if each.name.lower().endswith(tuple(e for ends in ENDINGS.values() for e in ends))]
    if len(known) > _MOST_FILES:
        # hundreds of parts of one table: a few, from the first to the last, tell what they are
        step = (len(known) - 1) / (_MOST_FILES - 1)
        looked_at = [known[round(place * step)] for place in range(_MOST_FILES)]
    else:
        looked_at = known
    samples, faults = list[tuple[Dialect | None, Sample]](), list[ForesellError]()
    for file in looked_at:
        try:
            files_at(file)
            samples += _read(file, bench, among=len(looked_at))
        except (SourceError, ContractError) as error:
            faults.append(error)
    if faults and not samples:
        raise faults[0]
    all_alike = len({_group(each) for each in samples}) == 1 and len(known) == len(files) > 1
    merged = _merged(samples, whole_of=folder if all_alike else None, files=len(known))
    return merged if all_alike else [_apart(each, samples, known) for each in merged]


def _apart(merged: Sample, read: Sequence[tuple[Dialect | None, Sample]], known: Sequence[Path]) -> Sample:
    """Say which files have the columns of a table whose folder holds other things as well."""
    alike = {sample.place["path"] for _, sample in read if list(sample.rows.columns) == list(merged.rows.columns)}
    # files that were not looked into are told by their names: but for the digits they are the same
    looked_at = {sample.place["path"] for _, sample in read}
    shapes = {_shape(file) for file in alike}
    alike |= {file for file in known if file not in looked_at and _shape(file) in shapes}
    if len(alike) < 2 or "sheets" in merged.place:
        return merged
    further = f"{len(alike) - 1} further file{'s' * (len(alike) > 2)} {'have' if len(alike) > 2 else 'has'}"
    said = f"{further} the same columns as {merged.name}: move the {len(alike)} files into a folder of their own"
    said += " and name that as path"
    return replace(merged, notes=(*merged.notes, f"QUESTION: {said}"), unanswered=said)


def _shape(file: Path) -> str:
    return re.sub(r"\d+", "9", file.name)


def _group(read: tuple[Dialect | None, Sample]) -> tuple[Any, ...]:
    dialect, sample = read
    written = (
        (dialect.encoding, dialect.separator, dialect.named)
        if dialect
        else (str(sample.place.get("path")).rsplit(".")[-1],)
    )
    return (*written, tuple(sample.rows.columns))


def _merged(read: Sequence[tuple[Dialect | None, Sample]], whole_of: Path | None, files: int = 0) -> list[Sample]:
    """Make one sample of those with the same columns."""
    ordered = sorted(read, key=lambda each: str(_group(each)))
    merged = []
    for _, group in groupby(ordered, key=_group):
        alike = list(group)
        dialect, first = alike[0]
        place = {**first.place, **(_written(dialect) if dialect else {})}
        notes = list(first.notes)
        samples = [sample for _, sample in alike]
        if len(alike) > 1 and "sheets" in place:
            place["sheets"] = [sheet for sample in samples for sheet in sample.place["sheets"]]
        elif len(alike) > 1 and whole_of is None:
            samples = samples[:1]
        if whole_of is not None:
            place["path"] = whole_of
        if len(read) > len(alike) and first.place.get("path") and str(first.place["path"]).lower().endswith(".zip"):
            raise ContractError(f"{first.place['path']} holds files with different columns; unpack it into a folder")
        share = max(files, len(samples)) / len(samples) if whole_of is not None else 1
        merged.append(
            replace(
                first,
                place=place,
                rows=pd.concat([sample.rows for sample in samples], ignore_index=True),
                whole=all(sample.whole for sample in samples) and share == 1,
                total=round(sum(sample.total for sample in samples) * share),
                notes=tuple(notes),
                name=first.name if len(samples) == 1 or whole_of is None else whole_of.name,
            )
        )
    return merged


def _written(dialect: Dialect) -> dict[str, Any]:
    """Return the keys that say how a text is written, where they differ from the defaults."""
    keys: dict[str, Any] = {}
    if dialect.encoding != "utf-8":
        keys["encoding"] = dialect.encoding
    keys["separator"] = dialect.separator
    if dialect.quote != '"' and dialect.separator != "whitespace":
        keys["quote"] = dialect.quote
    if dialect.escape:
        keys["escape"] = dialect.escape
    if not dialect.named:
        keys["names"] = list(dialect.columns)
    return keys


def _read(file: Path, bench: Backend, among: int = 1) -> list[tuple[Dialect | None, Sample]]:
    kind, _ = files_at(file)
    if kind is Kind.TEXT:
        return [(dialect, sample) for dialect, sample in text_samples(file, among=among)]
    if kind is Kind.PARQUET:
        return [(None, _parquet(file))]
    return [(None, sample) for sample in _sheets(file, bench)]


def _parquet(file: Path) -> Sample:
    try:
        opened = pq.ParquetFile(file)
        total = opened.metadata.num_rows
        table = opened.read() if total <= _READ_WHOLE else _stretches(opened)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"{file} cannot be read: {reason(error)}; check its permissions, or export it again"
        ) from error
    if table.num_rows > SAMPLE_ROWS:
        stretch = SAMPLE_ROWS // _STRETCHES
        starts = [(table.num_rows - stretch) * place // (_STRETCHES - 1) for place in range(_STRETCHES)]
        table = pa.concat_tables([table.slice(start, stretch) for start in starts])
    return sample_of(
        table, name=file.name, where=str(file), place={"path": file}, whole=table.num_rows == total, total=total
    )


def _stretches(opened: pq.ParquetFile) -> pa.Table:
    """Return the first rows of row groups from the first to the last, and the last rows of all."""
    groups = opened.num_row_groups
    chosen = sorted({round(place * (groups - 1) / (_STRETCHES - 1)) for place in range(_STRETCHES)})
    rows = SAMPLE_ROWS // (len(chosen) + 1)
    batches = [next(opened.iter_batches(batch_size=rows, row_groups=[group])) for group in chosen]
    last = opened.read_row_group(groups - 1)
    return pa.concat_tables([pa.Table.from_batches(batches), last.slice(max(last.num_rows - rows, 0))])


def _sheets(file: Path, bench: Backend) -> list[Sample]:
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    from training.sources import excel

    try:
        with CalamineWorkbook.from_path(file) as workbook:
            there = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    except (CalamineError, OSError) as error:
        raise SourceError(f"{file} is no workbook that can be read: {error}; save it again as .xlsx") from error
    names = [sheet.name for sheet in there if sheet.visible == SheetVisibleEnum.Visible]
    samples, faults = list[Sample](), list[ForesellError]()
    for place, name in enumerate(names):
        with tempfile.TemporaryDirectory() as folder:
            try:
                rows = excel.read(file, (name,), Workbench(bench, Path(folder)), f"sheet_{place}")
                samples.append(
                    sample_of(
                        bench.to_pyarrow(rows),
                        name=f"{file.name}, sheet {name}",
                        where=f"{file}, sheet {name!r}",
                        place={"path": file, "sheets": [name]},
                        whole=True,
                    )
                )
            except (SourceError, ContractError) as error:
                faults.append(error)
    if not samples:
        raise faults[0] if faults else SourceError(f"{file} has no sheet that is shown; save it with one")
    return samples


def shown_path(path: Path, workspace: Path) -> str:
    """Return a path as the file has it: relative to the workspace inside it, else absolute."""
    absolute = Path(os.path.normpath(Path.cwd() / path))
    home = workspace.resolve()
    for candidate in (absolute, absolute.resolve()):
        if candidate.is_relative_to(home):
            return candidate.relative_to(home).as_posix()
    return absolute.as_posix()
