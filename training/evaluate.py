"""Evaluation: metrics with intervals, and paired differences between methods on the same customers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.metrics import bootstrap
from models.prediction import Measurement


@dataclass(frozen=True)
class Figure:
    """A metric with its 95 % interval over customers."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


Figures = Mapping[str, Figure]


def figures(measurement: Measurement, *, draws: int, seed: int) -> Figures:
    """Return each metric of a measurement with its interval."""
    intervals = bootstrap(measurement.metrics, units=len(measurement.loss), draws=draws, seed=seed)
    return {name: _figure(value, *intervals[name]) for name, value in measurement.metrics().items()}


def _figure(value: float, low: float, high: float) -> Figure:
    # no metric is negative, whatever an interval that was centred says
    return Figure(value, max(low, 0.0), high)


def paired(ours: Measurement, theirs: Measurement, *, draws: int, seed: int) -> Figures:
    """Return the difference ours - theirs of each metric, with its interval over the same draws of customers."""

    def difference(weights: NDArray[np.float64] | None = None) -> dict[str, float]:
        other = theirs.metrics(weights)
        return {name: value - other[name] for name, value in ours.metrics(weights).items()}

    intervals = bootstrap(difference, units=len(ours.loss), draws=draws, seed=seed)
    return {name: Figure(value, *intervals[name]) for name, value in difference().items()}
