"""The one figure that a measurement is read by, with what each customer adds to it: intervals without a bootstrap."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from models.metrics import Z95, BinaryMeasurement, IntervalMeasurement, QueryMeasurement, Vector
from models.prediction import Measurement
from models.ranking import RankingMeasurement
from training.evaluate import Figure

LOSS = "loss"
LOWER_IS_BETTER = frozenset({"error_days", LOSS})
SHARES = frozenset({"auc", "ndcg_10", "recall"})
"""Figures from 0 to 1."""


@dataclass(frozen=True)
class Headline:
    """A figure over units that are independent of each other.

    Parameters
    ----------
    metric : str
        Its name among the measurement's metrics, or ``loss``.
    value : float
        NaN = it has none, e.g. the AUC of customers who all did the same.
    influence : float64 array, shape (n,)
        By how much each unit moves the figure, times n; its mean is 0.
    """

    metric: str
    value: float
    influence: Vector

    @property
    def error(self) -> float:
        """Standard error."""
        n = len(self.influence)
        return float(np.sqrt((self.influence @ self.influence) / (n * (n - 1)))) if n > 1 else float("nan")

    @property
    def figure(self) -> Figure:
        """The figure with its 95 % interval, which ends where the figure itself does."""
        found = interval(self.value, self.error)
        return Figure(found.value, max(found.low, 0.0), min(found.high, 1.0)) if self.metric in SHARES else found

    def minus(self, other: "Headline") -> Figure:
        """Return the difference to another figure on the same units, paired, with its 95 % interval."""
        between = self.less(other)
        return interval(between.value, between.error)

    def less(self, other: "Headline") -> "Headline":
        """Return the difference to another figure on the same units, with what each of them adds to it."""
        return Headline(self.metric, self.value - other.value, self.influence - other.influence)


def headline(measurement: Measurement) -> Headline:
    """Return the figure that people read first: AUC, NDCG or the error in days; the loss of any other measurement."""
    if isinstance(measurement, BinaryMeasurement):
        return area(measurement.outcome, measurement.probability)
    if isinstance(measurement, QueryMeasurement):
        return mean("auc", measurement.auc)
    if isinstance(measurement, RankingMeasurement):
        return mean("ndcg_10", measurement.ndcg)
    return mean("error_days" if isinstance(measurement, IntervalMeasurement) else LOSS, measurement.loss)


def units_of(measurement: Measurement) -> str:
    """Return what a measurement counts: ``customers``, or ``queries`` that each rank customers."""
    return "queries" if isinstance(measurement, QueryMeasurement) else "customers"


def mean(metric: str, values: Vector) -> Headline:
    """Return the mean of a figure of each unit."""
    value = float(values.mean()) if len(values) else float("nan")
    return Headline(metric, value, values - value)


def area(outcome: Vector, score: Vector) -> Headline:
    """Return the AUC of scores; ties count half.

    Parameters
    ----------
    outcome : float64 array, shape (n,)
        1 where it happened, else 0.
    score : float64 array, shape (n,)
        Any figures, higher = more likely.

    Notes
    -----
    DeLong, E. R., DeLong, D. M. and Clarke-Pearson, D. L. (1988), Comparing the areas under two or more correlated
    receiver operating characteristic curves. Biometrics 44(3).
    """
    happened = outcome == 1
    n, events = len(outcome), int(happened.sum())
    if not 0 < events < n:
        return Headline("auc", float("nan"), np.full(n, np.nan))
    ranks = rankdata(score)
    placed = np.empty(n)
    # how many of the other kind each unit outranks (is outranked by), as a share
    placed[happened] = (ranks[happened] - rankdata(score[happened])) / (n - events)
    placed[~happened] = 1 - (ranks[~happened] - rankdata(score[~happened])) / events
    value = float(placed[happened].mean())
    return Headline("auc", value, (placed - value) * np.where(happened, n / events, n / (n - events)))


def interval(value: float, error: float, z: float = Z95) -> Figure:
    """Return a figure with its interval by the normal approximation, 95 % by default."""
    return Figure(value, value - z * error, value + z * error)
