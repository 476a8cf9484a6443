"""Parts of a release: folders of immutable files, named by the hash of a manifest that holds every file's hash.

Bytes are verified before any parser sees them: a mutated LightGBM text can kill the process that reads it.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

from models.errors import CorruptPartError, ForesellError

MANIFEST = "manifest.json"
_SAID_CHARACTERS = 200
_NPY_HEADER = 4_096
"""More than any of ours has."""


def canonical_json(value: Any) -> bytes:
    """Return the same bytes for equal values: sorted keys, two spaces, a final newline."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def npy_bytes(array: NDArray[Any]) -> bytes:
    """Return an array as the bytes of a npy file."""
    buffer = BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def npy_array(content: bytes) -> NDArray[Any]:
    """Return the array of a npy file's bytes."""
    array: NDArray[Any] = np.load(BytesIO(content), allow_pickle=False)
    return array


def npy_mapped(path: Path) -> NDArray[Any]:
    """Return the array of a npy file by memory map."""
    # a plain view: numpy's own class for maps makes every small slice ten times as dear
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def npy_on_disk(path: Path, dtype: "np.dtype[Any]", shape: tuple[int, ...]) -> "np.memmap[Any, Any]":
    """Return an array of zeros that is a new npy file.

    Raises
    ------
    OSError
        There is no room for it. Without asking first, the first write to it would end the process with SIGBUS.
    """
    array: np.memmap[Any, Any] = np.lib.format.open_memmap(path, "w+", dtype, shape)
    with path.open("r+b") as file:
        _take_room(file, path.stat().st_size)
    return array


def save_npy(path: Path, array: NDArray[Any]) -> None:
    """Write an array as a npy file.

    Raises
    ------
    OSError
        There is no room for it. numpy's own error would not say why.
    """
    with path.open("wb") as file:
        _take_room(file, array.nbytes + _NPY_HEADER)
        np.save(file, array, allow_pickle=False)
        file.truncate()


def write_durably(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` in one step: a reader sees the old file or the new one, never a part of one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_durably(draft, content)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_files(folder: Path) -> None:
    """Wait until all that is below a folder is on the disk."""
    for path in folder.rglob("*"):
        if path.is_dir():
            sync_folder(path)
        else:
            _sync(path)
    sync_folder(folder)


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(folder: Path) -> str:
    """Write the manifest of a finished folder and return its digest, the part's name.

    Parameters
    ----------
    folder : Path
        Holds the part's files, in subfolders or not.

    Returns
    -------
    str
        sha256 of the manifest, in hex.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    for path in files:
        _sync(path)
    manifest = canonical_json({path.relative_to(folder).as_posix(): file_sha256(path) for path in files})
    write_durably(folder / MANIFEST, manifest)
    return hashlib.sha256(manifest).hexdigest()


def verify(folder: Path, digest: str) -> tuple[str, ...]:
    """Check that a part holds the bytes that ``digest`` names.

    Returns
    -------
    tuple of str
        The verified files, relative to the folder; whatever else lies there is no part of it and must not be read.

    Raises
    ------
    CorruptPartError
        The part or one of its files is missing or differs; the message names it.
    """
    try:
        manifest = (folder / MANIFEST).read_bytes()
    except OSError:
        raise CorruptPartError(f"part {folder.name}: {MANIFEST} cannot be read; publish again or roll back") from None
    if hashlib.sha256(manifest).hexdigest() != digest:
        raise CorruptPartError(f"part {folder.name}: {MANIFEST} is not the one that the release names; publish again")
    files: dict[str, str] = orjson.loads(manifest)
    for name, expected in files.items():
        _verify_file(folder, name, expected)
    return tuple(files)


@contextmanager
def parsing(folder: Path) -> Iterator[None]:
    """Read a part's files in the block: whatever a parser says of bytes that nobody of ours wrote is one refusal.

    Raises
    ------
    CorruptPartError
        The hashes are right, and the files are still none that this version of Foresell reads.
    """
    try:
        yield
    except ForesellError:
        raise
    except Exception as error:
        # numpy's parser alone raises five kinds, one of them a tokenizer's
        said = str(error).partition("\n")[0][:_SAID_CHARACTERS]
        raise CorruptPartError(
            f"part {folder.name}: its files cannot be read ({type(error).__name__}: {said}); publish again or roll back"
        ) from error


def _take_room(file: BinaryIO, size: int) -> None:
    """Have a file's blocks on the disk before they are written; where a system cannot, they are taken as they come."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise OSError(error.errno, error.strerror, file.name) from None


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _verify_file(folder: Path, name: str, expected: str) -> None:
    try:
        found = file_sha256(folder / name)
    except OSError:
        raise CorruptPartError(f"part {folder.name}: {name} cannot be read; publish again or roll back") from None
    if found != expected:
        raise CorruptPartError(
            f"part {folder.name}: {name} has sha256 {found[:12]}..., the manifest says {expected[:12]}...; "
            "publish again or roll back"
        )
