"""Measures of ranked lists, weighted so that a bootstrap draw is a vector of counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

TOP = 10


@dataclass(frozen=True)
class RankingMeasurement:
    """How well each customer's ranked list found what was right.

    Parameters
    ----------
    ndcg, recall, fallback : float64 arrays, shape (n,)
        NDCG at 10, the share of the right items among the first 10, and the share of the list that is not personal.
    shown : int64 array, shape (n, 10)
        The items of each list; -1 = none.
    offered : bool array, shape (items,)
        Which items may be shown at all.
    """

    ndcg: Vector
    recall: Vector
    fallback: Vector
    shown: NDArray[np.int64]
    offered: NDArray[np.bool_]

    @property
    def loss(self) -> Vector:
        """1 - NDCG of each customer, shape (n,)."""
        return 1 - self.ndcg

    def metrics(self, weights: Vector | None = None) -> Mapping[str, float]:
        """Return NDCG, recall, the share of items shown to anybody, and the share of fallbacks."""
        w = np.ones(len(self.ndcg)) if weights is None else weights
        return {
            "ndcg_10": _mean(self.ndcg, w),
            "recall_10": _mean(self.recall, w),
            "coverage": self._shown_at_all(w > 0) / max(int(self.offered.sum()), 1),
            "fallback_share": _mean(self.fallback, w),
        }

    def _shown_at_all(self, rows: NDArray[np.bool_]) -> int:
        # a mask: sorting the items in each of hundreds of bootstrap draws would cost more than ranking them
        seen = np.zeros(len(self.offered) + 1, bool)
        seen[self.shown[rows]] = True
        return int((seen[:-1] & self.offered).sum())


def measured(
    ranked: Sequence[NDArray[np.int64]],
    fallbacks: Sequence[NDArray[np.bool_]],
    right: Sequence[NDArray[np.int64]],
    *,
    offered: NDArray[np.bool_],
) -> RankingMeasurement:
    """Measure the lists of n customers.

    Parameters
    ----------
    ranked : sequence of int64 array, length n
        Items, best first; those after the tenth do not count.
    fallbacks : sequence of bool array, length n
        Where an item is not personal.
    right : sequence of int64 array, length n
        What was right, at least one each, rising.
    offered : bool array, shape (items,)
        Which items may be shown at all; coverage is of these.

    Notes
    -----
    Jarvelin, K. and Kekalainen, J. (2002), Cumulated gain-based evaluation of IR techniques. ACM TOIS 20(4). The best
    list has min(10, right items) hits.
    """
    shown = np.full((len(ranked), TOP), -1, np.int64)
    for row, each in enumerate(ranked):
        shown[row, : min(len(each), TOP)] = each[:TOP]
    wanted = np.array([len(each) for each in right], np.int64)
    hits = _hits(shown, right, len(offered))
    gains = 1 / np.log2(np.arange(2, TOP + 2))
    best = np.concatenate([[0.0], np.cumsum(gains)])[np.minimum(wanted, TOP)]
    return RankingMeasurement(
        ndcg=(hits * gains).sum(axis=1) / best,
        recall=hits.sum(axis=1) / wanted,
        fallback=np.array([each[:TOP].mean() if len(each) else 0.0 for each in fallbacks], float),
        shown=shown,
        offered=offered,
    )


def _hits(shown: NDArray[np.int64], right: Sequence[NDArray[np.int64]], items: int) -> NDArray[np.bool_]:
    """Say which of the items shown were right, shape (n, 10)."""
    rows = np.repeat(np.arange(len(right)), [len(each) for each in right])
    found = np.concatenate([np.empty(0, np.int64), *right]) + rows * items
    asked = np.where(shown >= 0, shown + np.arange(len(shown))[:, None] * items, -1)
    at = np.searchsorted(found, asked)
    hits: NDArray[np.bool_] = np.r_[found, -2][at] == asked
    return hits


def _mean(values: Vector, weights: Vector) -> float:
    return float(np.average(values, weights=weights)) if weights.sum() else float("nan")
