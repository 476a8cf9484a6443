"""Lines of a text that are no row, because they have too few or too many fields: written out, with their numbers."""

from itertools import count
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from models import columns as col
from models.contracts import MALFORMED

MOST = 1_000_000
"""Malformed lines of a table, beyond which it is refused: its separator is wrong."""
SCHEMA = pa.schema([(col.RULE, pa.string()), ("file", pa.string()), ("line", pa.int64()), ("text", pa.string())])
_BATCH_LINES = 10_000
_BATCH_CHARACTERS = 8_000_000
_readings = count()


class MalformedLines:
    """Writes malformed lines to a Parquet file, which is there when the context ends without an error.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.found = 0
        self.first: tuple[str, int | None] | None = None
        self._path = path
        self._partial = path.with_name(f"{path.name}.{next(_readings)}")
        self._files: list[str] = []
        self._numbers: list[int | None] = []
        self._texts: list[str] = []
        self._characters = 0

    def __enter__(self) -> Self:
        self._writer = pq.ParquetWriter(self._partial, SCHEMA, compression="zstd")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._write()
        self._writer.close()
        if kind is None:
            self._partial.replace(self._path)
        else:
            self._partial.unlink()

    def add(self, file: str, first_line: int | None, record: str) -> None:
        """Take note of a record that is no row, each of its lines for itself; blank ones do not count.

        Parameters
        ----------
        file : str
            What it stands in.
        first_line : int or None
            Where it begins, from 1; None = not known.
        record : str
            A line, or several where a quote swallowed their ends.
        """
        for place, line in enumerate(record.split("\n")):
            if not line.strip():
                continue
            number = None if first_line is None else first_line + place
            self.found += 1
            self.first = self.first or (file, number)
            self._files.append(file)
            self._numbers.append(number)
            self._texts.append(line)
            self._characters += len(line)
        if len(self._texts) >= _BATCH_LINES or self._characters >= _BATCH_CHARACTERS:
            self._write()

    def _write(self) -> None:
        columns = ([MALFORMED] * len(self._texts), self._files, self._numbers, self._texts)
        self._writer.write_table(pa.table(dict(zip(SCHEMA.names, columns, strict=True)), schema=SCHEMA))
        self._files, self._numbers, self._texts, self._characters = [], [], [], 0


class LineFinder:
    """Finds the numbers of lines in a text that passes by.

    Arrow counts records, without blank lines and line ends inside quotes; a person looks for a line of the file.
    A line that is looked for lies behind those that were.

    Parameters
    ----------
    first : int
        The number of the first line that is passed.
    reach : int
        A line that is looked for lies at most so many bytes before what was passed last.
    """

    def __init__(self, first: int, reach: int) -> None:
        self._reach = reach
        self._window = bytearray(b"\n")
        self._at = 0  # the line end before the next line that has not been looked for
        self._number = first  # of the line behind it
        self._lock = Lock()  # reading and parsing may happen in different threads

    def passed(self, data: bytes) -> None:
        """Take in the next part of the text."""
        with self._lock:
            self._window += data
            if len(self._window) > 1.25 * self._reach:
                self._forget(len(self._window) - self._reach)

    def number_of(self, record: bytes) -> int | None:
        """Return the number of a record's first line, or None where it cannot be told."""
        with self._lock:
            place = self._window.find(b"\n" + record + b"\n", self._at)
            if place < 0:
                return None
            found = self._number + self._window.count(b"\n", self._at, place)
            self._at = place + 1 + len(record)
            self._number = found + record.count(b"\n") + 1
            return found

    def _forget(self, size: int) -> None:
        end = self._window.rfind(b"\n", 0, size)
        if end > self._at:
            self._number += self._window.count(b"\n", self._at, end)
            self._at = end
        cut = min(self._at, size)
        del self._window[:cut]
        self._at -= cut
