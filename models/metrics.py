"""Measures of probabilities and dates, weighted so that a bootstrap draw is a vector of counts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

CALIBRATION_BINS = 10
# a draw repeats customers, which alone moves these metrics away from their value
RAISED_BY_REPEATS = frozenset({"calibration_error", "coverage"})
_TINY = 1e-12
Z95 = 1.959964
"""Standard deviations that a normal 95 % interval reaches on either side."""
RANGE = (0.1, 0.9)
"""Shares of the distribution at the ends of a range of days."""
_POSITION_SEED = 1
_STEPS = 400
SHORT_LIST = 0.1
RECALL_SHARES = (0.0, 0.01, 0.02, 0.05, SHORT_LIST, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Shares of a ranking whose recall a query is measured by."""


@dataclass(frozen=True)
class BinaryMeasurement:
    """Probabilities of a binary event beside what happened.

    Parameters
    ----------
    outcome : float64 array, shape (n,)
        1 where the event happened, else 0.
    probability : float64 array, shape (n,)
        Predicted probabilities.
    """

    outcome: Vector
    probability: Vector

    @cached_property
    def loss(self) -> Vector:
        """Log loss of each unit, shape (n,), in nats."""
        clipped = np.clip(self.probability, _TINY, 1 - _TINY)
        loss: Vector = -np.where(self.outcome == 1, np.log(clipped), np.log1p(-clipped))
        return loss

    def metrics(self, weights: Vector | None = None) -> Mapping[str, float]:
        """Return AUC, average precision, log loss, Brier score and calibration error."""
        w = np.ones(len(self.outcome)) if weights is None else weights
        return {
            "auc": self._auc(w),
            "average_precision": self._average_precision(w),
            "log_loss": float(np.average(self.loss, weights=w)),
            "brier": float(np.average((self.probability - self.outcome) ** 2, weights=w)),
            "calibration_error": self._calibration_error(w),
        }

    def calibration_curve(self) -> tuple[Vector, Vector]:
        """Return mean predicted and observed shares of ten equal-mass bins, each of shape (<= 10,)."""
        bins = [b for b in np.array_split(self._order, CALIBRATION_BINS) if len(b)]
        return (
            np.array([self.probability[b].mean() for b in bins]),
            np.array([self.outcome[b].mean() for b in bins]),
        )

    def calibration_floor(self, *, draws: int, seed: int) -> float:
        """Return the mean calibration error that a perfectly calibrated model of this size shows by chance."""
        rng = np.random.default_rng(seed)
        happened = rng.random((draws, len(self.probability))) < self.probability
        return float(
            np.mean(
                [BinaryMeasurement(y.astype(float), self.probability).metrics()["calibration_error"] for y in happened]
            )
        )

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        return np.argsort(self.probability, kind="stable")

    @cached_property
    def _tie_starts(self) -> NDArray[np.int64]:
        ordered = self.probability[self._order]
        return np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])

    def _tied(self, weights: Vector) -> tuple[Vector, Vector]:
        """Sum the weights of happened and not happened over equal probabilities, rising."""
        w, y = weights[self._order], self.outcome[self._order]
        return np.add.reduceat(w * y, self._tie_starts), np.add.reduceat(w * (1 - y), self._tie_starts)

    def _auc(self, weights: Vector) -> float:
        happened, not_happened = self._tied(weights)
        below = np.cumsum(not_happened) - not_happened / 2
        pairs = happened.sum() * not_happened.sum()
        return float(happened @ below / pairs) if pairs else float("nan")

    def _average_precision(self, weights: Vector) -> float:
        happened, not_happened = (side[::-1] for side in self._tied(weights))
        caught = np.cumsum(happened)
        picked = caught + np.cumsum(not_happened)
        precision = np.divide(caught, picked, out=np.zeros_like(caught), where=picked > 0)
        return float(happened @ precision / happened.sum()) if happened.sum() else float("nan")

    def _calibration_error(self, weights: Vector) -> float:
        w = weights[self._order]
        mass = np.cumsum(w) - w / 2
        bins = np.minimum((mass / w.sum() * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
        gap = w * (self.probability - self.outcome)[self._order]
        return float(np.abs(np.bincount(bins, gap, CALIBRATION_BINS)).sum() / w.sum())


@dataclass(frozen=True)
class IntervalMeasurement:
    """Predicted days (a median, a mean and a range) beside the day that came, all cut at a last day.

    Parameters
    ----------
    actual, expected, earliest, latest : float64 arrays, shape (n,)
        Whole days from as_of, ``cut_at`` where nothing came (was expected) before it.
    waiting : float64 array, shape (n,)
        Mean of the predicted distribution, 0..cut_at: an order without the ties of whole days.
    position : float64 array, shape (n,)
        Where the actual day lies in the predicted distribution, from ``randomised_position``.
    cut_at : int
        The last day in sight.
    """

    actual: Vector
    expected: Vector
    earliest: Vector
    latest: Vector
    waiting: Vector
    position: Vector
    cut_at: int

    @property
    def loss(self) -> Vector:
        """Absolute error of the median in days, shape (n,)."""
        return np.abs(self.actual - self.expected)

    def metrics(self, weights: Vector | None = None) -> Mapping[str, float]:
        """Return the mean absolute error in days, the C-index, and the range's coverage and mean width in days.

        Notes
        -----
        Coverage is that of the distribution between the range's shares, not of whole days: the days at its ends hold
        more than 80 % between them even where every probability is right.
        """
        low, high = RANGE
        inside = (low <= self.position) & (self.position <= high)
        return {
            "error_days": float(np.average(self.loss, weights=weights)),
            "c_index": self._c_index(weights),
            "range_coverage": float(np.average(inside, weights=weights)),
            "range_width_days": float(np.average(self.latest - self.earliest, weights=weights)),
        }

    def _c_index(self, weights: Vector | None) -> float:
        """Return the share of pairs, of which one is known to have come first, that were expected in that order.

        Harrell, F. E. et al. (1982), Evaluating the yield of medical tests. JAMA 247(18). By the mean of the predicted
        distribution; those in one of its ``_STEPS`` steps count half. A table of days by steps: no pair is looked at.
        """
        actual, waiting = self._table
        shape = (actual.max(initial=0) + 1, _STEPS + 1)
        mass = np.bincount(actual * shape[1] + waiting, weights, shape[0] * shape[1]).reshape(shape)
        # what did not come in sight is in the last row: later than all that came, and in no order among itself
        later = mass[::-1].cumsum(axis=0)[::-1] - mass
        rightly = later[:, ::-1].cumsum(axis=1)[:, ::-1] - later / 2
        pairs = (mass.sum(axis=1) * later.sum(axis=1)).sum()
        return float((mass * rightly).sum() / pairs) if pairs else float("nan")

    @cached_property
    def _table(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return each actual day and expected waiting time as a whole number of steps, shape (n,) each."""
        # far days are told apart in steps too; the last one is ``cut_at`` alone
        step = -(-self.cut_at // _STEPS)
        actual = np.where(self.actual < self.cut_at, self.actual // step, -(-self.cut_at // step)).astype(np.int64)
        return actual, np.clip(self.waiting / self.cut_at * _STEPS, 0, _STEPS).astype(np.int64)


def randomised_position(before: Vector, through: Vector) -> Vector:
    """Return where each whole day lies in its predicted distribution: uniform on 0..1 where the predictions are right.

    Parameters
    ----------
    before, through : float64 arrays, shape (n,)
        Predicted probability that it happens before the day that came, and by the end of that day.

    Notes
    -----
    Smith, J. Q. (1985), Diagnostic checks of non-standard time series models. Journal of Forecasting 4(3): a day holds
    many probabilities, and a draw (always the same one) says which.
    """
    drawn = np.random.default_rng(_POSITION_SEED).random(len(before))
    position: Vector = before + drawn * (through - before)
    return position


@dataclass(frozen=True)
class QueryMeasurement:
    """How well those who were to be found were ranked above the others, query by query; a unit is a query.

    Parameters
    ----------
    auc : float64 array, shape (n,)
        The chance that somebody who was to be found ranks above somebody else.
    recall : float64 array, shape (n, len(RECALL_SHARES))
        The share of them among the first so many.
    """

    auc: Vector
    recall: Vector

    @property
    def loss(self) -> Vector:
        """1 - AUC of each query, shape (n,)."""
        return 1 - self.auc

    def metrics(self, weights: Vector | None = None) -> Mapping[str, float]:
        """Return the mean AUC, and mean recall and lift of the first tenth."""
        short = float(np.average(self.recall[:, RECALL_SHARES.index(SHORT_LIST)], weights=weights))
        auc = float(np.average(self.auc, weights=weights))
        return {"auc": auc, "recall_at_10pct": short, "lift_at_10pct": short / SHORT_LIST}


def bootstrap(
    metrics: Callable[[Vector], Mapping[str, float]], *, units: int, draws: int, seed: int
) -> dict[str, tuple[float, float]]:
    """Return the 95 % percentile interval of each metric over draws of units with replacement.

    Parameters
    ----------
    metrics : callable
        Takes counts of shape (units,) and returns metrics by name. The same seed gives every method the same draws, so
        that the difference of two methods' metrics is paired.
    units : int
        Number of units (customers).
    draws : int
        Number of draws.
    seed : int
        Seed of the draws.

    Notes
    -----
    Efron, B. (1979), Bootstrap methods: another look at the jackknife. The Annals of Statistics 7(1).
    """
    rng = np.random.default_rng(seed)
    drawn = [metrics(np.bincount(rng.integers(units, size=units), minlength=units).astype(float)) for _ in range(draws)]
    return {
        name: _interval(np.array([draw[name] for draw in drawn]), value if name in RAISED_BY_REPEATS else None)
        for name, value in metrics(np.ones(units)).items()
    }


def _interval(draws: Vector, centre: float | None) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile; with a centre, of draws that are moved so that their mean is there."""
    known = draws[~np.isnan(draws)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known if centre is None else known - known.mean() + centre, [2.5, 97.5])
    return float(low), float(high)
