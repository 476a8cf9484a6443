"""An audience: the people who are most like some seeds, what to expect of it, and what sets the seeds apart."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.lookalike.fitted import FittedLookalike
from models.lookalike.messages import QualityPoint
from models.lookalike.space import Points
from models.prediction import Scores, Served
from models.rivals.spend_rank import spend_rank

CHUNK_ROWS = 50_000
FOLDS, FOLDS_OF_FEW, FEW_SEEDS = 5, 10, 100
CURVE_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
_FOLD_SEED = 1

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Ranked:
    """Everybody, scored by likeness to some seeds.

    Parameters
    ----------
    scores : float64 array, shape (n,)
        By the ranker that learnt from all seeds.
    held_out : float64 array, shape (folds, n)
        By rankers that did not see one fold of the seeds.
    folds : int64 array, shape (m,)
        The fold of each seed.
    spend : float64 array, shape (n,)
        What the spend rank ranks by.
    """

    scores: Scores
    held_out: Scores
    folds: NDArray[np.int64]
    spend: Scores

    def quality(self, seeds: Rows, others: Rows, sizes: Sequence[int]) -> list[QualityPoint]:
        """Tell what audiences of some sizes can be expected to reach.

        Each fold of the seeds is hidden among the others and looked for by a ranker that has not seen it.

        Parameters
        ----------
        seeds : int64 array, shape (m,)
            Rows of the seeds.
        others : int64 array
            Rows of the candidates that are no seeds.
        sizes : sequence of int
            Rising.
        """
        hits, spend_hits, chance = np.zeros(len(sizes)), np.zeros(len(sizes)), np.zeros(len(sizes))
        for fold, scores in enumerate(self.held_out):
            hidden = seeds[self.folds == fold]
            pool = np.sort(np.concatenate([others, hidden]))
            hits += _found(scores, pool, hidden, sizes)
            spend_hits += _found(self.spend, pool, hidden, sizes)
            chance += len(hidden) * np.minimum(np.array(sizes) / len(pool), 1.0)
        lifts, recalls = ([found / by for found in (hits, spend_hits)] for by in (chance, len(seeds)))
        return [
            QualityPoint(
                size=size,
                expected_lift=lifts[0][at],
                expected_recall=recalls[0][at],
                spend_rank_lift=lifts[1][at],
                spend_rank_recall=recalls[1][at],
            )
            for at, size in enumerate(sizes)
        ]


def rank_store(served: Served, fitted: FittedLookalike, seeds: Points, background: Points) -> Ranked:
    """Learn from the seeds, all of them and all but each fold, and score the whole store once, chunk by chunk."""
    return ranked(fitted, seeds, background, _chunks(served, fitted))


def ranked(fitted: FittedLookalike, seeds: Points, background: Points, chunks: Iterable[Points]) -> Ranked:
    """Do the same with everybody's points at hand, in chunks."""
    folds = folds_of(len(seeds))
    learnt = [seeds, *(seeds.take(np.flatnonzero(folds != fold)) for fold in range(folds.max() + 1))]
    rankers = [fitted.ranker(each, background) for each in learnt]
    scores = np.hstack([np.vstack([*(ranker(points) for ranker in rankers), spend_rank(points)]) for points in chunks])
    return Ranked(scores[0], scores[1:-1], folds, scores[-1])


def points_at(served: Served, fitted: FittedLookalike, rows: Rows) -> Points:
    """Return the store's customers at the given rows in the method's space."""
    return fitted.space.points(served.customers_at(rows))


def folds_of(count: int) -> NDArray[np.int64]:
    """Deal seeds into folds of equal size at random, shape (count,); few seeds into more folds."""
    folds = FOLDS if count >= FEW_SEEDS else FOLDS_OF_FEW
    dealt: NDArray[np.int64] = np.random.default_rng(_FOLD_SEED).permutation(np.arange(count) % folds)
    return dealt


def best(scores: Scores, candidates: Rows, size: int) -> Rows:
    """Return the ``size`` candidates with the highest scores, best first; equal ones in the store's order."""
    order = np.argsort(-scores[candidates], kind="stable")
    return candidates[order[:size]]


def curve_sizes(candidates: int, size: int) -> list[int]:
    """Return the sizes to tell the quality of: shares of the candidates, and the size that was asked for."""
    shares = {max(1, round(candidates * share)) for share in CURVE_SHARES}
    return sorted({*shares, min(size, candidates)})


def _found(scores: Scores, pool: Rows, hidden: Rows, sizes: Sequence[int]) -> Scores:
    """Count the hidden among the best of the pool, by size."""
    ranked = np.isin(best(scores, pool, len(pool)), hidden, assume_unique=True)
    caught = np.concatenate([[0.0], np.cumsum(ranked)])
    found: Scores = caught[np.minimum(sizes, len(pool))]
    return found


def _chunks(served: Served, fitted: FittedLookalike) -> Iterator[Points]:
    for start in range(0, len(served.store), CHUNK_ROWS):
        yield points_at(served, fitted, np.arange(start, min(start + CHUNK_ROWS, len(served.store))))
