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
    items : int
        How many items there are.
    """

    ndcg: Vector
    recall: Vector
    fallback: Vector
    shown: NDArray[np.int64]
    items: int

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
            "coverage": self._shown_at_all(w > 0) / max(self.items, 1),
            "fallback_share": _mean(self.fallback, w),
        }

    def _shown_at_all(self, rows: NDArray[np.bool_]) -> int:
        # a mask: sorting the items in each of hundreds of bootstrap draws would cost more than ranking them
        seen = np.zeros(self.items + 1, bool)
        seen[self.shown[rows]] = True
        return int(seen[:-1].sum())


def ndcg(ranked: NDArray[np.int64], right: NDArray[np.int64], *, top: int = TOP) -> float:
    """Return the discounted gain of a list over that of the best list.

    Parameters
    ----------
    ranked : int64 array
        Items, best first; those after ``top`` do not count.
    right : int64 array
        What was right, each once; NaN where there is nothing.
    top : int
        Length of the list.

    Notes
    -----
    Jarvelin, K. and Kekalainen, J. (2002), Cumulated gain-based evaluation of IR techniques. ACM TOIS 20(4). The best
    list has min(top, right items) hits.
    """
    gains = 1 / np.log2(np.arange(2, top + 2))
    hits = np.isin(ranked[:top], right)
    best = gains[: min(top, len(right))].sum()
    return float((hits * gains[: len(hits)]).sum() / best) if best else float("nan")


def measured(
    ranked: Sequence[NDArray[np.int64]],
    filled: Sequence[NDArray[np.bool_]],
    right: Sequence[NDArray[np.int64]],
    *,
    items: int,
) -> RankingMeasurement:
    """Measure the lists of n customers.

    Parameters
    ----------
    ranked : sequence of int64 array, length n
        Items, best first.
    filled : sequence of bool array, length n
        Where an item is not personal.
    right : sequence of int64 array, length n
        What was right; at least one each.
    items : int
        How many items there are.
    """
    shown = np.full((len(ranked), TOP), -1, np.int64)
    for row, each in enumerate(ranked):
        shown[row, : min(len(each), TOP)] = each[:TOP]
    hits = [np.isin(each[:TOP], wanted).sum() / len(wanted) for each, wanted in zip(ranked, right, strict=True)]
    return RankingMeasurement(
        ndcg=np.array([ndcg(each, wanted) for each, wanted in zip(ranked, right, strict=True)], float),
        recall=np.array(hits, float),
        fallback=np.array([each[:TOP].mean() if len(each) else 0.0 for each in filled], float),
        shown=shown,
        items=items,
    )


def _mean(values: Vector, weights: Vector) -> float:
    return float(np.average(values, weights=weights)) if weights.sum() else float("nan")
