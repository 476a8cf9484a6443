"""Text files and members of archives, of any encoding and compression, as one stream of UTF-8.

Line ends become line feeds. What the encoding cannot read becomes U+FFFD.
"""

import codecs
import gzip
import io
import re
import time
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from models.errors import SourceError
from models.source_settings import WHITESPACE, TableSource
from training.progress import Progress
from training.sources.kinds import is_text

FIELD_END = "\x1f"
"""Stands in the stream for a separator that is no ASCII character, which Arrow does not take."""
_CHUNK = 1 << 20  # bytes read at once
_LONGEST_MARK = 4  # bytes of a byte order mark at most
_PAUSE = 0.1  # seconds between two words on the progress
_DAMAGE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, UnicodeError)


@dataclass(frozen=True)
class Text:
    """One text: a file, or a member of a zip archive.

    Parameters
    ----------
    path : Path
        The file or the archive.
    member : str, optional
        The name inside the archive.
    """

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}/{self.member}"

    @property
    def name(self) -> str:
        """What the list of malformed lines calls it: the place inside the configured folder."""
        return self.path.name if self.member is None else f"{self.path.name}/{self.member}"


class Meter:
    """Tells how much of some files has been read.

    Parameters
    ----------
    progress : Progress
        Is told, at most ten times a second.
    title : str
        What is being done.
    files : tuple of Path
        The files.
    """

    def __init__(self, progress: Progress, title: str, files: tuple[Path, ...]) -> None:
        self._progress, self._title = progress, title
        self._total = sum(file.stat().st_size for file in files)
        self._read, self._told = 0, 0.0

    def count(self, size: int) -> None:
        """Take note of bytes read."""
        self._read += size
        now = time.monotonic()
        if now - self._told >= _PAUSE:
            self._told = now
            # an archive's directory is read on top of its members
            self._progress(self._title, min(self._read / self._total, 1.0))


class _Metered(io.FileIO):
    def __init__(self, path: Path, meter: Meter) -> None:
        super().__init__(path)
        self._meter = meter

    def readinto(self, buffer: Any, /) -> int:
        size = super().readinto(buffer) or 0
        self._meter.count(size)
        return size


def texts_of(files: tuple[Path, ...]) -> tuple[Text, ...]:
    """Return the texts in text files: each file, or the members of an archive in the order of their names.

    Raises
    ------
    SourceError
        An archive is damaged, has a password, or holds no text or something else beside it.
    """
    return tuple(text for file in files for text in _texts(file))


def utf8(text: Text, entry: TableSource, meter: Meter) -> Generator[bytes]:
    """Yield a text as UTF-8 with plain line ends, in chunks.

    Parameters
    ----------
    text : Text
        What to read.
    entry : TableSource
        Its encoding; where columns are apart by runs of blanks, each run becomes one and those around a line go.
    meter : Meter
        Is told what has been read.

    Raises
    ------
    SourceError
        It cannot be read to its end.
    """
    with closing(_plain(text, entry.encoding, meter)) as chunks:
        if entry.separator == WHITESPACE:
            yield from (chunk.encode("utf-8", "replace") for chunk in _squeezed(chunks))
            return
        foreign = entry.separator if entry.separator and not entry.separator.isascii() else None
        for chunk in chunks:
            yield (chunk.replace(foreign, FIELD_END) if foreign else chunk).encode("utf-8", "replace")


def _texts(file: Path) -> list[Text]:
    if not file.name.lower().endswith(".zip"):
        return [Text(file)]
    with _readable(Text(file)), zipfile.ZipFile(file) as archive:
        members = sorted(archive.infolist(), key=lambda member: member.filename)
    members = [member for member in members if not member.is_dir() and not _hidden(member.filename)]
    for member in members:
        if not is_text(member.filename):
            raise SourceError(f"{file} holds {member.filename!r}, which is no text file; unpack it and name one file")
        if member.flag_bits & 1:
            raise SourceError(f"{file} has a password; unpack it first")
    if not members:
        raise SourceError(f"{file} holds no text file; correct the path")
    return [Text(file, member.filename) for member in members]


def _hidden(member: str) -> bool:
    return any(part[0] in "._" for part in PurePosixPath(member).parts)


@contextmanager
def _readable(text: Text) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        if isinstance(error, SourceError):
            raise
        told = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise SourceError(
            f"{text} cannot be read to its end: {told.splitlines()[0].rstrip('.')}; export it again"
        ) from error


def _plain(text: Text, encoding: str, meter: Meter) -> Generator[str]:
    """Yield the text without its byte order mark and with plain line ends."""
    with _readable(text), _opened(text, meter) as binary:
        chunk = binary.read(_CHUNK)
        while 0 < len(chunk) < _LONGEST_MARK and (more := binary.read(_CHUNK)):
            chunk += more
        decoder = io.IncrementalNewlineDecoder(_decoder(encoding, chunk), translate=True)
        plain = decoder.decode(chunk).removeprefix("\ufeff")
        while chunk:
            if plain:
                yield plain
            chunk = binary.read(_CHUNK)
            plain = decoder.decode(chunk, final=not chunk)
        if plain:
            yield plain


def _decoder(encoding: str, start: bytes) -> codecs.IncrementalDecoder:
    marked = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    known = "utf-16" if marked and codecs.lookup(encoding).name == "utf-8" else encoding
    return codecs.getincrementaldecoder(known)(errors="replace")


@contextmanager
def _opened(text: Text, meter: Meter) -> Iterator[BinaryIO]:
    with io.BufferedReader(_Metered(text.path, meter), _CHUNK) as raw:
        if text.member is not None:
            with zipfile.ZipFile(raw) as archive, archive.open(text.member) as member:
                yield member  # type: ignore[misc]
        elif text.path.name.lower().endswith(".gz"):
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield unpacked  # type: ignore[misc]
        else:
            yield raw


def _squeezed(chunks: Iterator[str]) -> Iterator[str]:
    """Make runs of blanks and tabs one blank, and leave none around a line."""
    carry, lines_begin = "", True
    for chunk in chunks:
        text = carry + chunk
        kept = text.rstrip(" \t\n")
        carry = text[len(kept) :]  # its neighbours are in the next chunk
        if kept:
            squeezed = _squeeze(kept)
            yield squeezed.lstrip(" ") if lines_begin else squeezed
            lines_begin = False
    if "\n" in carry:
        yield "\n"


def _squeeze(text: str) -> str:
    return re.sub(r"[ \t]{2,}|\t", " ", text).replace(" \n", "\n").replace("\n ", "\n")
