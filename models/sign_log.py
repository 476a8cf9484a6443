"""What every straight line over features begins with: null as the median, and the logarithm with its sign."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def medians_of(raw: NDArray[np.float32]) -> Vector:
    """Return the median of each column, shape (m,), over the rows that know it; 0 where none does.

    Parameters
    ----------
    raw : float32 array, shape (n, m)
        NaN = unknown.
    """
    known = (column[~np.isnan(column)] for column in raw.T)
    return np.array([np.median(column) if len(column) else 0.0 for column in known], np.float64)


def sign_log(raw: NDArray[Any], medians: Vector) -> NDArray[np.float64]:
    """Return sign(x) log(1 + |x|), null as the median, shape (n, m)."""
    # in one order of memory: the same row sums up alike however it came; in place: a pass over it is what it costs
    filled = raw.astype(np.float64, order="C")
    np.copyto(filled, medians, where=np.isnan(filled))
    logged: NDArray[np.float64] = np.abs(filled)
    return np.copysign(np.log1p(logged, out=logged), filled, out=logged)
