"""The mean of differences over windows that hold many of the same customers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluate import Figure
from training.headline import Headline, interval

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Difference:
    """A method minus what was served, in one window.

    Parameters
    ----------
    found : Headline
        Over n units.
    units : int64 array, shape (n,), or None
        Who each unit is, the same number in every window; None = nobody says, and no unit counts as one seen before.
    """

    found: Headline
    units: Codes | None


def pooled(differences: Sequence[Difference], *, windows: int) -> Figure | None:
    """Return the mean over windows with its 95 % interval; None = there is no difference.

    Parameters
    ----------
    differences : sequence of Difference
        One for each window in which the method was not what was served.
    windows : int
        Those in which it was measured at all: where it was served itself, it differs by nothing.

    Notes
    -----
    What a customer adds is summed over the windows before it is squared, since who is hard to rank in one month is so
    in the next: Liang, K.-Y. and Zeger, S. L. (1986), Longitudinal data analysis using generalized linear models.
    Biometrika 73(1). Over one window it is the interval of that window.
    """
    if not differences:
        return None
    units, added = [], []
    unseen = 0
    for each in differences:
        n = len(each.found.influence)
        if each.units is None:
            # below every number that anybody has
            units.append(np.arange(unseen - n, unseen))
            unseen -= n
        else:
            units.append(each.units)
        added.append(each.found.influence / np.sqrt(n * (n - 1)) if n > 1 else np.full(n, np.nan))
    _, at = np.unique(np.concatenate(units), return_inverse=True)
    sums = np.bincount(at, np.concatenate(added)) / windows
    value = sum(each.found.value for each in differences) / windows
    return interval(value, float(np.sqrt(sums @ sums)))
