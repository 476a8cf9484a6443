"""Losses that choose between methods: what no method could foresee of a window counts against none of them."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from models.methods import log_odds
from models.metrics import BinaryMeasurement
from models.prediction import Measurement
from training.outcome import Losses

_WIDEST = 60.0
"""No shift between two values of ``log_odds`` is wider."""


def choosing_losses(folds: Sequence[Measurement]) -> Losses:
    """Return the loss of each unit of each window, one window after the other.

    How many order moves from window to window with holidays and paydays, for everybody and unforeseen. The method whose
    probabilities happened to be too low in the odd week must not win by it. So what counts of a method's level is what
    is wrong in all windows together: the log-odds of each window are shifted by what it needs more, or less, than the
    mean window does. A bias that each window shows counts in full; a single window is not shifted.

    Parameters
    ----------
    folds : sequence of Measurement
        Of one method and task, a validation window each; at least one.

    Returns
    -------
    float64 array, shape (units of all windows,)
        Log losses in nats; of what is no binary event, the measurements' own losses.
    """
    binary = [fold for fold in folds if isinstance(fold, BinaryMeasurement)]
    if len(binary) < len(folds):
        return np.concatenate([fold.loss for fold in folds])
    needed = [_shift_needed(fold) for fold in binary]
    known = [shift for shift in needed if shift is not None]
    usual = float(np.mean(known)) if known else 0.0
    own = [0.0 if shift is None else shift - usual for shift in needed]
    return np.concatenate([_shifted(fold, by).loss for fold, by in zip(binary, own, strict=True)])


def _shift_needed(fold: BinaryMeasurement) -> float | None:
    """Return what the log-odds lack for their mean probability to be the share that it happened to.

    None where it happened to everybody, to nobody, or there is nobody.
    """
    share = fold.outcome.mean() if len(fold.outcome) else 0.0
    if not 0 < share < 1:
        return None
    odds = log_odds(fold.probability)
    return float(brentq(lambda shift: expit(odds + shift).mean() - share, -_WIDEST, _WIDEST))


def _shifted(fold: BinaryMeasurement, by: float) -> BinaryMeasurement:
    return BinaryMeasurement(fold.outcome, expit(log_odds(fold.probability) + by)) if by else fold
