"""The points behind the plots: lift, gain, ROC, precision-recall, calibration and the error of a date."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.metrics import RECALL_SHARES, BinaryMeasurement, IntervalMeasurement, QueryMeasurement

Vector = NDArray[np.float64]

MAX_POINTS = 400
# lift over the first few customers is noise
SMALLEST_SHARE = 0.01


@dataclass(frozen=True)
class Curve:
    """A line to draw.

    Parameters
    ----------
    x, y : float64 arrays, shape (points,)
        Its points, ``x`` rising.
    """

    x: Vector
    y: Vector

    def thinned(self) -> "Curve":
        """Return at most ``MAX_POINTS`` of its points, both ends among them."""
        if len(self.x) <= MAX_POINTS:
            return self
        kept = np.linspace(0, len(self.x) - 1, MAX_POINTS).round().astype(int)
        return Curve(self.x[kept], self.y[kept])


def gain(measurement: BinaryMeasurement) -> Curve:
    """Return the share of events found (y) among the share of customers with the highest scores (x)."""
    picked, caught = _picked(measurement)
    return Curve(picked / max(picked[-1], 1), caught / max(caught[-1], 1))


def lift(measurement: BinaryMeasurement) -> Curve:
    """Return how many times the average rate (y) the events have among the highest-scored share x of customers."""
    found = gain(measurement)
    shown = found.x >= min(SMALLEST_SHARE, found.x[-1])
    return Curve(found.x[shown], found.y[shown] / found.x[shown])


def roc(measurement: BinaryMeasurement) -> Curve:
    """Return the true positive rate (y) over the false positive rate (x)."""
    picked, caught = _picked(measurement)
    missed = picked - caught
    return Curve(missed / max(missed[-1], 1), caught / max(caught[-1], 1))


def precision_recall(measurement: BinaryMeasurement) -> Curve:
    """Return precision (y) over recall (x)."""
    picked, caught = (side[1:] for side in _picked(measurement))
    return Curve(caught / max(caught[-1], 1), caught / picked)


def calibration(measurement: BinaryMeasurement) -> Curve:
    """Return the observed share (y) over the mean probability (x) of ten equal-mass bins."""
    return Curve(*measurement.calibration_curve())


def error_within(measurement: IntervalMeasurement) -> Curve:
    """Return the share of customers (y) whose expected day lies at most x days from the actual one."""
    days = np.arange(measurement.cut_at + 1, dtype=float)
    ordered = np.sort(measurement.loss)
    return Curve(days, np.searchsorted(ordered, days, side="right") / max(len(ordered), 1))


def recall(measurement: QueryMeasurement) -> Curve:
    """Return the mean share of those to be found (y) among the first share x of each query's ranking."""
    return Curve(np.array(RECALL_SHARES), measurement.recall.mean(axis=0))


def _picked(measurement: BinaryMeasurement) -> tuple[Vector, Vector]:
    """Count customers and events from the highest score down, at each distinct score, beginning with none."""
    falling = np.argsort(-measurement.probability, kind="stable")
    scores = measurement.probability[falling]
    last_of_tie = np.r_[scores[1:] != scores[:-1], True]
    caught = np.cumsum(measurement.outcome[falling])[last_of_tie]
    picked = np.flatnonzero(last_of_tie) + 1.0
    return np.r_[0.0, picked], np.r_[0.0, caught]
