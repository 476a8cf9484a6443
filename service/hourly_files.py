"""Parquet files by hour: several processes write into one folder, readers see whole files, the oldest hours go."""

import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

_HOUR = re.compile(r"hour=\d{4}-\d\d-\d\dT\d\d")
_OURS = re.compile(r"predictions-[0-9a-f]{8}-\d{6}\.parquet")
_DRAFT = re.compile(r"\.predictions-[0-9a-f]{8}-\d{6}\.draft")


class _File(NamedTuple):
    hour: str
    written: int
    size: int
    path: str


class HourlyFiles:
    """Files ``hour=2018-01-31T05/predictions-<process>-<number>.parquet`` below a folder.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    max_bytes : int
        Of all processes' files together; beyond it the oldest hours are removed, this log's own files alone.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        # not the process' number: containers that share a folder all have the same
        self._process = secrets.token_hex(4)
        self._written = 0

    def write(self, hour: str, tables: Iterable[pa.Table], schema: pa.Schema) -> Path:
        """Write the rows of an hour as one file, put in place when it is whole.

        Raises
        ------
        OSError
            The disk is full, cannot be written or is gone; nothing of the file is left.
        """
        folder = self.folder / hour
        folder.mkdir(parents=True, exist_ok=True)
        self._written += 1
        name = f"predictions-{self._process}-{self._written:06d}"
        draft, path = folder / f".{name}.draft", folder / f"{name}.parquet"
        try:
            with draft.open("wb") as file:
                with pq.ParquetWriter(file, schema, compression="zstd") as writer:
                    for table in tables:
                        writer.write_table(table)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        return path

    def sweep(self) -> int:
        """Remove the oldest hours, and what killed processes left, until the rest is small enough; return the bytes.

        Where one hour alone is too much, its oldest files go.
        """
        files = sorted(self._files())
        total = sum(file.size for file in files)
        newest = files[-1].hour if files else ""
        for hour in sorted({file.hour for file in files}):
            if total <= self.max_bytes:
                break
            for file in (each for each in files if each.hour == hour):
                if hour == newest and total <= self.max_bytes:
                    break
                # another process may have been faster
                with suppress(FileNotFoundError):
                    os.unlink(file.path)
                total -= file.size
            with suppress(OSError):
                os.rmdir(self.folder / hour)
        return total

    def _files(self) -> Iterator[_File]:
        """Yield this log's files; drafts that no living process can be writing are removed on the way."""
        with os.scandir(self.folder) as folders:
            hours = sorted(each.name for each in folders if _HOUR.fullmatch(each.name) and each.is_dir())
        for hour in hours:
            with suppress(FileNotFoundError), os.scandir(self.folder / hour) as entries:
                for entry in entries:
                    if _OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                        with suppress(FileNotFoundError):
                            found = entry.stat(follow_symlinks=False)
                            yield _File(hour, found.st_mtime_ns, found.st_size, entry.path)
                    elif _DRAFT.fullmatch(entry.name) and hour not in hours[-2:]:
                        with suppress(FileNotFoundError):
                            os.unlink(entry.path)


def hour_of(at: float) -> str:
    """Return the folder of an instant, seconds since 1970: its hour in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("hour=%Y-%m-%dT%H")
