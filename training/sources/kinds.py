"""Which files a configured path stands for, and of which kind they are."""

from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from models.errors import SourceError

_COMPRESSED = (".gz", ".zip")
_TEXT = (".csv", ".tsv", ".txt", ".tab", ".dat")
_FIRST_BYTES = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "a zip archive or an Excel file",
    b"PAR1": "Parquet",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
}


class Kind(Enum):
    """A kind of file that can be read; the value is what messages call it."""

    TEXT = "text"
    PARQUET = "Parquet"
    EXCEL = "Excel"


ENDINGS = {
    Kind.TEXT: (*_TEXT, *(f"{ending}.gz" for ending in _TEXT), ".zip"),
    Kind.PARQUET: (".parquet", ".pq"),
    Kind.EXCEL: (".xlsx", ".xls", ".xlsb", ".ods"),
}


def is_text(name: str) -> bool:
    """Say whether a file's name is that of text without compression."""
    return name.lower().endswith(_TEXT)


def files_at(path: Path) -> tuple[Kind, tuple[Path, ...]]:
    """Return the files that a path stands for, sorted by name, and their one kind.

    Parameters
    ----------
    path : Path
        A file, or a folder, of which all files count, but neither hidden ones (``.`` and ``_`` in front) nor folders.

    Raises
    ------
    SourceError
        There is nothing, nothing of a known kind or of several kinds, or a file is empty, cannot be opened or is not
        what its name says.
    """
    try:
        files = _listed(path)
        kind = _one_kind(path, files)
        for file in files:
            _check(file, kind)
    except OSError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(
            f"{error.filename or path} cannot be read: {error.strerror}; check its permissions"
        ) from error
    return kind, files


def _listed(path: Path) -> tuple[Path, ...]:
    if path.is_file():
        return (path,)
    if not path.exists():
        raise SourceError(f"{path} does not exist (relative paths start at the workspace); correct the path")
    if not path.is_dir():
        raise SourceError(f"{path} is neither a file nor a folder; correct the path")
    # Spark and others lay marks such as _SUCCESS beside their files
    files = tuple(sorted(each for each in path.iterdir() if each.is_file() and each.name[0] not in "._"))
    if not files:
        raise SourceError(f"{path} is a folder without files (folders in it are not read); correct the path")
    return files


def _one_kind(path: Path, files: Sequence[Path]) -> Kind:
    kinds = {file: _kind(file) for file in files}
    first = files[0]
    for file, kind in kinds.items():
        if kind is not kinds[first]:
            raise SourceError(
                f"{path} holds {first.name!r} ({kinds[first].value}) and {file.name!r} ({kind.value}); "
                f"files of one kind are needed: move the others away"
            )
    if kinds[first] is Kind.EXCEL and path.is_dir():
        raise SourceError(f"{path} is a folder of Excel files; name one of them, or save them as text")
    return kinds[first]


def _kind(file: Path) -> Kind:
    for kind, endings in ENDINGS.items():
        if file.name.lower().endswith(endings):
            return kind
    known = ", ".join(ending for endings in ENDINGS.values() for ending in endings)
    raise SourceError(f"{file} is of no known kind ({known}); correct the path, or move the file away")


def _check(file: Path, kind: Kind) -> None:
    with file.open("rb") as opened:
        start = opened.read(4)
    if not start:
        raise SourceError(f"{file} is empty; export it again, or correct the path")
    if kind is not Kind.TEXT:
        return
    compressed = file.name.lower().endswith(_COMPRESSED)
    if compressed and start[:2] != (b"\x1f\x8b" if file.name.lower().endswith(".gz") else b"PK"):
        raise SourceError(f"{file} is not compressed as its name says; rename it, or export it again")
    for mark, name in _FIRST_BYTES.items():
        if not compressed and start.startswith(mark):
            raise SourceError(f"{file} is {name} and not text as its name says; rename it")
