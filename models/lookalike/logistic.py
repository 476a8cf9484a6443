"""Logistic regression of the seeds against a background, by Newton's method: small, strongly regularised, per call."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from models.errors import InvalidModelOutputError

Vector = NDArray[np.float64]

MAX_STEPS = 50
TOLERANCE = 1e-8


def inverse_strength(rows: int, seeds: int, *, strength: float) -> float:
    """Return C, the weight of the rows' loss beside half the squared length of the weights.

    Parameters
    ----------
    rows : int
        Rows that are fitted on, seeds and background.
    seeds : int
        How many of them are seeds.
    strength : float
        C x rows for 50 seeds; more seeds bear more weight, by the square root.
    """
    return strength * float(np.sqrt(max(seeds, 1) / 50)) / rows


def fit_logistic(x: Vector, y: Vector, weights: Vector, *, c: float, start: Vector | None = None) -> Vector:
    """Minimise c x sum(weights x log loss) + |w|^2 / 2; the intercept is free.

    Parameters
    ----------
    x : float64 array, shape (n, d)
        Standardised rows.
    y : float64 array, shape (n,)
        1 for a seed, 0 for the background.
    weights : float64 array, shape (n,)
        What each row's loss counts.
    c : float
        The inverse strength of the regularisation.
    start : float64 array, shape (d + 1,), optional
        Where to begin: the answer of a similar fit is found in fewer steps.

    Returns
    -------
    float64 array, shape (d + 1,)
        The weights, then the intercept.

    Raises
    ------
    InvalidModelOutputError
        A figure of the rows or of where to begin is not finite.
    """
    design = np.column_stack([x, np.ones(len(x))])
    penalty = np.r_[np.ones(x.shape[1]), 1e-9]
    share = float(weights @ y / weights.sum())
    found = np.r_[np.zeros(x.shape[1]), np.log(share / (1 - share))] if start is None else start
    loss = _loss(design, y, weights, penalty, found, c)
    for _ in range(MAX_STEPS):
        expected = 1 / (1 + np.exp(-(design @ found)))
        slope = c * (design.T @ (weights * (expected - y))) + penalty * found
        curve = c * (design.T * (weights * expected * (1 - expected))) @ design + np.diag(penalty)
        step = solved(curve, slope)
        size = 1.0
        while (next_loss := _loss(design, y, weights, penalty, found - size * step, c)) > loss and size > TOLERANCE:
            size /= 2
        found, gained, loss = found - size * step, loss - next_loss, next_loss
        if gained <= TOLERANCE * max(1.0, abs(loss)):
            break
    return found


def solved(matrix: Vector, right: Vector) -> Vector:
    """Return what a positive definite matrix makes into the right side.

    Raises
    ------
    InvalidModelOutputError
        A figure of either is not finite.
    """
    if not (np.isfinite(matrix).all() and np.isfinite(right).all()):
        raise InvalidModelOutputError("lookalike: a figure of the model is not a number; roll the release back")
    found: Vector = cho_solve(cho_factor(matrix, check_finite=False), right, check_finite=False)
    return found


def _loss(design: Vector, y: Vector, weights: Vector, penalty: Vector, found: Vector, c: float) -> float:
    odds = design @ found
    return float(c * (weights @ (np.logaddexp(0, odds) - y * odds)) + (penalty * found) @ found / 2)
