"""Fewer rows where all of them would teach or measure no better, without a draw."""

import numpy as np
from numpy.typing import NDArray


def thinned(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many of the rows, evenly spread."""
    if len(rows) <= most:
        return rows
    kept: NDArray[np.int64] = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    return kept
