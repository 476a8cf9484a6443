"""What a release holds of each customer beyond the store: arrays that answers need, made once when it is published.

``Prediction.prepare`` says what they are. A release carries them as npy files, which all processes share by memory map.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import CorruptPartError
from models.parts import npy_mapped, npy_on_disk, parsing
from models.prediction import Fitted, Prediction, Prepared, nameless
from models.store import Store

CHUNK_ROWS = 50_000
COMPARED, TOLERANCE = 16, 1e-4
"""Rows that are prepared anew when a part is opened, and how far another processor's last digits may be off."""

Allocate = Callable[[str, "np.dtype[Any]", tuple[int, ...]], NDArray[Any]]
"""Makes the array of a name, a type and a shape."""


def write_prepared(folder: Path, prediction: Prediction, fitted: Fitted, store: Store) -> bool:
    """Write what a prediction prepares into an existing empty folder, some rows at a time.

    The same artifact and store give the same bytes.

    Returns
    -------
    bool
        Whether it prepares anything.
    """

    def on_disk(name: str, dtype: "np.dtype[Any]", shape: tuple[int, ...]) -> NDArray[Any]:
        return npy_on_disk(folder / f"{name}.npy", dtype, shape)

    return bool(_filled(prediction, fitted, store, on_disk))


def prepared_in_memory(prediction: Prediction, fitted: Fitted, store: Store) -> Prepared:
    """Return what a prediction prepares for a store that no release has prepared it for."""
    return _filled(prediction, fitted, store, lambda _, dtype, shape: np.empty(shape, dtype))


def open_prepared(folder: Path, files: Sequence[str], prediction: Prediction, fitted: Fitted, store: Store) -> Prepared:
    """Open what ``write_prepared`` wrote by memory map.

    Parameters
    ----------
    folder : Path
        The part.
    files : sequence of str
        Its verified files.
    prediction, fitted, store
        What it was made of.

    Raises
    ------
    CorruptPartError
        It was made for another store, or by a version of Foresell that prepared something else, or cannot be read.
    """
    with parsing(folder):
        arrays = {Path(name).stem: npy_mapped(folder / name) for name in files}
    rows = np.unique(np.linspace(0, len(store) - 1, COMPARED).astype(np.int64))
    for name, some in prediction.prepare(fitted, nameless(store, rows)).items():
        expected = some.dtype, (len(store), *some.shape[1:])
        found = (arrays[name].dtype, arrays[name].shape) if name in arrays else None
        if found != expected:
            told = f"{name} is {_told(found)}, {prediction.name} reads {_told(expected)}"
            raise CorruptPartError(f"part {folder.name}: {told}; publish again")
        if not np.allclose(arrays[name][rows], some, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
            raise CorruptPartError(f"part {folder.name}: {name} is not what {prediction.name} prepares; publish again")
    return arrays


def _told(array: "tuple[np.dtype[Any], tuple[int, ...]] | None") -> str:
    return f"{array[0]} of shape {array[1]}" if array else "missing"


def _filled(prediction: Prediction, fitted: Fitted, store: Store, allocate: Allocate) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    for start, end in pairwise([*range(0, len(store), CHUNK_ROWS), len(store)]):
        found = prediction.prepare(fitted, nameless(store, np.arange(start, end)))
        if not arrays:
            arrays = {name: allocate(name, part.dtype, (len(store), *part.shape[1:])) for name, part in found.items()}
        if not arrays:
            break
        for name, array in arrays.items():
            array[start:end] = found[name]
    return arrays
