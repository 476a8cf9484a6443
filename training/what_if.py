"""What if so many of the first customers were contacted: how many are reached of those meant, and how many missed."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.metrics import RECALL_SHARES, BinaryMeasurement, QueryMeasurement, Vector, bootstrap
from models.prediction import Measurement
from training.evaluate import Figure
from training.headline import mean

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True)
class Contacted:
    """The customers with the highest scores, up to a share of all.

    Parameters
    ----------
    share : float
        Of the customers.
    customers : int or None
        How many they are; None = it differs from query to query.
    caught, others, missed : Figure
        How many of them are meant, how many are not, and how many of those meant are not among them, each with its 95 %
        interval. Where ``customers`` is None: shares of those meant, and ``others`` is not a figure.
    """

    share: float
    customers: int | None
    caught: Figure
    others: Figure | None
    missed: Figure


def what_if(measurement: Measurement, *, draws: int, seed: int) -> tuple[Contacted, ...]:
    """Return the table for each of ``SHARES``; empty for a measurement that does not rank customers.

    Parameters
    ----------
    measurement : Measurement
        Probabilities, or queries.
    draws : int
        Bootstrap draws behind each interval.
    seed : int
        Of the draws.
    """
    if isinstance(measurement, QueryMeasurement):
        return tuple(_of_queries(measurement, share) for share in SHARES)
    if not isinstance(measurement, BinaryMeasurement) or not len(measurement.outcome):
        return ()
    first = _First.of(measurement)
    counted = first.counts(None)
    intervals = bootstrap(first.counts, units=len(measurement.outcome), draws=draws, seed=seed)
    figures = {name: Figure(value, *intervals[name]) for name, value in counted.items()}
    return tuple(
        Contacted(share, first.size(share), *(figures[f"{kind} {share}"] for kind in ("caught", "others", "missed")))
        for share in SHARES
    )


@dataclass(frozen=True)
class _First:
    """Customers with the highest probabilities first."""

    order: NDArray[np.int64]
    happened: Vector
    tie_ends: NDArray[np.int64]

    @classmethod
    def of(cls, measurement: BinaryMeasurement) -> "_First":
        order = np.argsort(-measurement.probability, kind="stable")
        falling = measurement.probability[order]
        return cls(order, measurement.outcome[order], np.flatnonzero(np.r_[falling[1:] != falling[:-1], True]))

    def size(self, share: float) -> int:
        return max(1, round(share * len(self.order)))

    def counts(self, weights: Vector | None = None) -> Mapping[str, float]:
        """Count with the weights of a draw; of equal probabilities so many are taken as a random choice would take."""
        w = np.ones(len(self.order)) if weights is None else weights[self.order]
        picked = np.r_[0.0, np.cumsum(w)[self.tie_ends]]
        events = np.r_[0.0, np.cumsum(w * self.happened)[self.tie_ends]]
        found: dict[str, float] = {}
        for share in SHARES:
            size = self.size(share)
            caught = float(np.interp(size, picked, events))
            found |= {
                f"caught {share}": caught,
                f"others {share}": size - caught,
                f"missed {share}": float(events[-1]) - caught,
            }
        return found


def _of_queries(measurement: QueryMeasurement, share: float) -> Contacted:
    caught = mean("recall", measurement.recall[:, RECALL_SHARES.index(share)]).figure
    return Contacted(share, None, caught, None, Figure(1 - caught.value, 1 - caught.high, 1 - caught.low))
