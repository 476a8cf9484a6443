"""Text files as one table of text: rows as Arrow batches, lines that are no row to a file of their own.

Nothing is left to guesses: every column is text, nothing is null, and a line has as many fields as the header or is
malformed.
"""

import io
from collections.abc import Iterator
from contextlib import closing
from functools import reduce
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from models.errors import SourceError
from models.source_settings import TableSource
from training.progress import Progress, silent
from training.sources import malformed
from training.sources.header import LONGEST, Header, header_of
from training.sources.malformed import LineFinder, MalformedLines
from training.sources.text import FIELD_END, Meter, Text, utf8

BLOCK = 1 << 20
"""Bytes that are parsed at once: no row is longer, and no quote open for longer."""
_WIDE = 5  # in a narrower table an address of two lines with commas looks like two rows
_BLOCKS_AHEAD = 40  # Arrow has read at most 32 blocks more than it has parsed


class TextTable:
    """The rows of texts with the same columns, as an Arrow stream that can be opened again and again.

    Parameters
    ----------
    texts : tuple of Text
        The texts, read one after the other.
    entry : TableSource
        How they are written.
    malformed_path : Path
        Parquet file for the lines that are no row: empty at first, complete when a stream has been read to its end.
    progress : Progress
        Told how much has been read.
    title : str
        What the progress calls it.

    Raises
    ------
    SourceError
        A text has no header, or other columns than the first one.
    ContractError
        Two columns of a text have one name.
    """

    def __init__(
        self, texts: tuple[Text, ...], entry: TableSource, malformed_path: Path, *, progress: Progress, title: str
    ) -> None:
        _refuse_marks(entry)
        self._texts, self._entry, self._malformed_path = texts, entry, malformed_path
        self._progress, self._title = progress, title
        headers = {text: _header(text, entry) for text in texts}
        names = headers[texts[0]].names
        for text, header in headers.items():
            _refuse_other_columns(texts[0], names, text, header.names)
        self.schema = pa.schema([(name, pa.string()) for name in names])
        pq.write_table(malformed.SCHEMA.empty_table(), malformed_path)

    def __arrow_c_schema__(self) -> object:
        """Return the columns for whoever asks through Arrow's interface."""
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Open the rows anew for whoever asks through Arrow's interface."""
        return pa.RecordBatchReader.from_batches(self.schema, self.batches()).__arrow_c_stream__(requested_schema)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows.

        Raises
        ------
        SourceError
            A text cannot be read to its end, a quote is never closed, or too many lines are no row.
        """
        files = tuple(dict.fromkeys(text.path for text in self._texts))
        meter = Meter(self._progress, self._title, files)
        with MalformedLines(self._malformed_path) as lines:
            for text in self._texts:
                yield from _Reading(text, self._entry, lines, meter).batches(self.schema.names)


class _Stream(io.RawIOBase):
    """Bytes from chunks, as many at once as are asked for."""

    def __init__(self, chunks: Iterator[bytes], finder: LineFinder) -> None:
        self._chunks, self._finder = chunks, finder
        self._rest = bytearray()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        while len(self._rest) < size and (chunk := next(self._chunks, None)) is not None:
            self._rest += chunk
        data = bytes(self._rest[:size])
        del self._rest[:size]
        self._finder.passed(data)
        return data


class _Reading:
    """One text on its way through Arrow's parser."""

    def __init__(self, text: Text, entry: TableSource, lines: MalformedLines, meter: Meter) -> None:
        self._text, self._entry, self._lines = text, entry, lines
        chunks = utf8(text, entry, meter)
        start = _start(chunks)
        self._header = header_of(start[:LONGEST].decode("utf-8", "ignore"), entry, str(text))
        self._finder = LineFinder(self._header.lines + 1, _BLOCKS_AHEAD * BLOCK)
        rest = start[len(self._header.text.encode()) :]
        self._probe = _probe(self._header, entry)
        self._stream = _Stream(chain((rest,), chunks, (self._probe.encode(),)), self._finder)
        self._rows = 0

    def batches(self, names: list[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows, the columns in the order of ``names``."""
        try:
            for batch in pc_csv.open_csv(self._stream, **self._options()):
                self._rows += batch.num_rows
                yield self._without_swallowed(_without_blank(batch)).select(names)
        except (pa.ArrowException, ValueError) as error:
            raise SourceError(self._why(error)) from error

    def _options(self) -> dict[str, Any]:
        names, entry = self._header.names, self._entry
        escape = entry.escape if entry.escape != entry.quote else None
        return {
            # one thread: lines come in the order of the file, and no slower
            "read_options": pc_csv.ReadOptions(use_threads=False, block_size=BLOCK, column_names=names),
            "parse_options": pc_csv.ParseOptions(
                delimiter=self._header.separator,
                quote_char=entry.quote or False,
                escape_char=escape or False,
                newlines_in_values=bool(entry.quote or escape),
                invalid_row_handler=self._no_row,
            ),
            "convert_options": pc_csv.ConvertOptions(
                check_utf8=False,  # it is
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[],
            ),
        }

    def _no_row(self, row: pc_csv.InvalidRow) -> str:
        if row.text == self._probe[1:]:
            return "skip"
        record = row.text.removesuffix(self._probe)
        if record.strip():
            number = self._finder.number_of(record.encode())
            self._lines.add(self._text.name, number, self._as_written(record))
        return "error" if self._lines.found > malformed.MOST else "skip"

    def _without_swallowed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Take out the rows that a stray quote made of several lines: each of those has enough fields by itself."""
        if batch.num_columns < _WIDE:
            return batch
        broken = [pc.match_substring(column, "\n") for column in batch.columns]
        several = reduce(pc.or_, broken)
        if not pc.any(several).as_py():
            return batch
        kept = [True] * batch.num_rows
        for place in pc.indices_nonzero(several).to_pylist():
            record = self._header.separator.join(column[place].as_py() for column in batch.columns)
            if all(line.count(self._header.separator) >= batch.num_columns - 1 for line in record.split("\n")):
                kept[place] = False
                self._lines.add(self._text.name, None, self._as_written(record))
        return batch.filter(pa.array(kept))

    def _as_written(self, record: str) -> str:
        foreign = self._header.separator == FIELD_END
        return record.replace(FIELD_END, self._entry.separator or FIELD_END) if foreign else record

    def _why(self, error: Exception) -> str:
        if self._lines.found > malformed.MOST and self._lines.first:
            file, number = self._lines.first
            at = f"line {number}" if number else "one near its begin"
            return (
                f"{self._text}: more than {malformed.MOST:,} lines have too few or too many fields, the first is {at} "
                f"of {file}: is the separator {self._as_written(self._header.separator)!r} right? if not, set separator"
            )
        if "straddl" in str(error) or "out of sync" in str(error):
            return self._too_long()
        return f"{self._text} cannot be read: {str(error).splitlines()[0]}; correct separator, quote and escape"

    def _too_long(self) -> str:
        after = self._header.lines + self._rows + 1
        if self._entry.quote:
            return (
                f"{self._text}: a quote opened at or after line {after:,} is not closed within {BLOCK:,} bytes; "
                f'set quote = "" if values are not quoted, or mend the line'
            )
        return f"{self._text}: a line at or after line {after:,} is longer than {BLOCK:,} bytes; mend it"


def _refuse_marks(entry: TableSource) -> None:
    for role, mark in (("quote", entry.quote), ("escape", entry.escape or "")):
        if not mark.isascii():
            raise SourceError(f"{role} {mark!r} is no ASCII character; correct {role}, or replace it in the file")
    if entry.separator and entry.separator in ("\r", "\n", entry.quote, entry.escape):
        raise SourceError(f"separator {entry.separator!r} ends lines, quotes or escapes; correct separator")


def _start(chunks: Iterator[bytes]) -> bytes:
    start = b""
    while len(start) < LONGEST and (chunk := next(chunks, None)) is not None:
        start += chunk
    return start


def _header(text: Text, entry: TableSource) -> Header:
    with closing(utf8(text, entry, Meter(silent, "", (text.path,)))) as chunks:
        return header_of(_start(chunks)[:LONGEST].decode("utf-8", "ignore"), entry, str(text))


def _probe(header: Header, entry: TableSource) -> str:
    """Return a last line that is never a row, and that makes the record before it none where a quote is still open."""
    fields = header.separator * len(header.names)
    return f"\n{entry.quote}{fields}{entry.quote}{fields}"


def _without_blank(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Leave out the blank lines of a text with one column; elsewhere they have too few fields."""
    if batch.num_columns > 1:
        return batch
    return batch.filter(pc.not_equal(pc.utf8_trim_whitespace(batch.column(0)), ""))


def _refuse_other_columns(first: Text, names: tuple[str, ...], other: Text, others: tuple[str, ...]) -> None:
    if set(names) == set(others):
        return
    here = ", ".join(repr(name) for name in names if name not in others) or "no other"
    there = ", ".join(repr(name) for name in others if name not in names) or "no other"
    raise SourceError(f"{first} and {other} have different columns: the former {here}, the latter {there}; align them")
