"""Rows from all over a text file: its beginning, slices of its middle and its end."""

import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from models.errors import SourceError
from models.source_settings import WHITESPACE, TableSource
from training.initialise.dialect import Dialect, dialect_of, encoding_of
from training.initialise.sample import SAMPLE_ROWS, Sample, sample_of
from training.sources.header import LONGEST, header_of
from training.sources.text import Text, texts_of

_WHOLE = 64 << 20  # bytes of a plain file that is read to its end
_HEAD = 8 << 20
_SLICE = 1 << 20
_SLICES = 12  # in the middle and at the end
_UNPACKED = 200 << 20  # bytes of a compressed file that are unpacked
_DAMAGE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError)


def text_samples(path: Path, *, among: int = 1) -> list[tuple[Dialect, Sample]]:
    """Read samples of a text file or of the members of an archive.

    Parameters
    ----------
    path : Path
        The file.
    among : int
        How many files share the time.

    Raises
    ------
    SourceError
        A file cannot be read, holds no text, or no row.
    ContractError
        Two columns have one name.
    """
    texts = texts_of((path,))
    return [_sample(text, among * len(texts)) for text in texts]


def _sample(text: Text, among: int) -> tuple[Dialect, Sample]:
    where = str(text)
    try:
        parts, size = _parts(text, among)
    except _DAMAGE as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise SourceError(f"{where} cannot be read: {reason}; check its permissions, or export it again") from error
    encoding, note = encoding_of(parts[0][:_SLICE], [part[:_SLICE] for part in parts], where)
    whole = len(parts) == 1 and len(parts[0]) == size
    texts = [_decoded(part, encoding, first=place == 0) for place, part in enumerate(parts)]
    dialect = dialect_of(texts[0][:_SLICE], encoding, note, where)
    if dialect.separator == WHITESPACE:
        texts = [re.sub(r" *\n *", "\n", re.sub(r"[ \t]+", " ", text)).lstrip(" ") for text in texts]
    entry = TableSource(
        path=text.path,
        separator=dialect.separator,
        quote=dialect.quote,
        escape=dialect.escape or None,
        names=() if dialect.named else dialect.columns,
    )
    header = header_of(texts[0][:LONGEST], entry, where)
    dialect = replace(dialect, columns=header.names)
    if not whole:
        texts = _cut(texts)
    table = _rows([texts[0][len(header.text) :], *texts[1:]], dialect, where)
    read = sum(len(part) for part in parts)
    total = table.num_rows if whole else round(table.num_rows * size / max(read, 1))
    if not whole and table.num_rows > 3 * SAMPLE_ROWS:
        table = _thinned(table)
    sample = sample_of(
        table,
        name=Path(text.member or text.path.name).name,
        where=where,
        place={"path": text.path},
        whole=whole,
        total=total,
        notes=[dialect.note] if dialect.note else [],
    )
    return dialect, replace(sample, kinds=dict.fromkeys(sample.kinds, "text"))


def _thinned(table: pa.Table) -> pa.Table:
    """Return stretches of a table that was read further than it needed."""
    stretch, count = SAMPLE_ROWS // 10, 20
    starts = [(table.num_rows - stretch) * place // (count - 1) for place in range(count)]
    return pa.concat_tables([table.slice(start, stretch) for start in starts])


def _parts(text: Text, among: int) -> tuple[list[bytes], int]:
    """Return bytes of a text's beginning, its middle and its end, and how many it has (unpacked)."""
    if text.member is not None:
        with zipfile.ZipFile(text.path) as archive, archive.open(text.member) as file:
            return [file.read(_UNPACKED // among)], archive.getinfo(text.member).file_size
    size = text.path.stat().st_size
    if text.path.name.lower().endswith(".gz"):
        with text.path.open("rb") as packed, gzip.GzipFile(fileobj=packed) as file:
            head = file.read(_UNPACKED // among)
            read = max(packed.tell(), 1)
            return [head], len(head) if not file.read(1) else max(len(head) * size // read, len(head) + 1)
    with text.path.open("rb") as file:
        if size <= _WHOLE // among:
            data = file.read()
            return [data], len(data)
        parts = [file.read(_HEAD // among)]
        for place in range(1, max(_SLICES // among, 2) + 1):
            # even, so that two bytes of UTF-16 stay together
            file.seek(((size - _SLICE) * place // max(_SLICES // among, 2)) & ~1)
            parts.append(file.read(_SLICE))
    return parts, size


def _decoded(part: bytes, encoding: str, *, first: bool) -> str:
    if encoding == "utf-16" and not first:
        encoding = "utf-16-le"  # the mark stands at the beginning alone, and hardly anybody writes the other order
    text = part.decode(encoding, errors="replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _cut(texts: Sequence[str]) -> list[str]:
    """Leave whole lines: the first part begins with one, none ends with one for certain."""
    ended = [text[: text.rfind("\n") + 1] for text in texts]
    return [ended[0], *(text[text.find("\n") + 1 :] for text in ended[1:])]


def _rows(texts: Sequence[str], dialect: Dialect, where: str) -> pa.Table:
    tables = [_parsed(text, dialect) for text in texts if text.strip()]
    table = pa.concat_tables(tables) if tables else None
    if table is None or not table.num_rows:
        raise SourceError(f"{where} has no row with as many values as its first line; export it again")
    return table


def _parsed(text: str, dialect: Dialect) -> pa.Table:
    separator, quote = dialect.separator, dialect.quote
    if separator == WHITESPACE:
        separator = " "
    empty = pa.table({name: pa.array([], pa.string()) for name in dialect.columns})
    try:
        return arrow_csv.read_csv(
            io.BytesIO(text.encode("utf-8", "replace")),
            read_options=arrow_csv.ReadOptions(
                # names come later: they may be anything
                column_names=[str(place) for place in range(len(dialect.columns))],
                block_size=max(len(text) * 4, 1 << 16),
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=separator,
                quote_char=quote or False,
                double_quote=not dialect.escape,
                escape_char=dialect.escape or False,
                newlines_in_values=bool(quote),
                invalid_row_handler=lambda _: "skip",
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types={str(place): pa.string() for place in range(len(dialect.columns))},
                strings_can_be_null=False,
            ),
        ).rename_columns(list(dialect.columns))
    except pa.ArrowInvalid:
        return empty
