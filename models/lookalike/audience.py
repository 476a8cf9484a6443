"""An audience: the people who are most like some seeds, what to expect of it, and what sets the seeds apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidModelOutputError
from models.lookalike.fitted import MAX_LEARNT_SEEDS, FittedLookalike
from models.lookalike.messages import QualityPoint
from models.lookalike.space import Points
from models.metrics import Z95
from models.prediction import Scores, Served
from models.rivals.spend_rank import spend_rank
from models.sampling import thinned

CHUNK_ROWS = 50_000
FOLDS, FOLDS_OF_FEW, FEW_SEEDS = 5, 10, 100
CURVE_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
_FOLD_SEED = 1
VECTORS, SPEND, LIKES = "points", "spend", "likes"
"""What a release prepares of everybody; see ``Points``."""

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
            hits += _found(scores, others, hidden, sizes)
            spend_hits += _found(self.spend, others, hidden, sizes)
            chance += len(hidden) * np.minimum(np.array(sizes) / (len(others) + len(hidden)), 1.0)
        lifts, recalls = ([found / by for found in (hits, spend_hits)] for by in (chance, len(seeds)))
        low, high = wilson(recalls[0], len(seeds))
        return [
            QualityPoint(
                size=size,
                expected_lift=lifts[0][at],
                expected_recall=recalls[0][at],
                expected_recall_low=low[at],
                expected_recall_high=high[at],
                spend_rank_lift=lifts[1][at],
                spend_rank_recall=recalls[1][at],
            )
            for at, size in enumerate(sizes)
        ]


def ranked(fitted: FittedLookalike, seeds: Points, background: Points, everybody: Points) -> Ranked:
    """Learn from the seeds, all of them and all but each fold, and score everybody once, chunk by chunk.

    Raises
    ------
    InvalidModelOutputError
        A score is not finite.
    """
    folds = folds_of(len(seeds))
    # thinned before they are copied: of many seeds most would be copied for nothing
    rows = [np.arange(len(seeds)), *(np.flatnonzero(folds != fold) for fold in range(folds.max() + 1))]
    learnt = [seeds.take(thinned(each, MAX_LEARNT_SEEDS)) for each in rows]
    ranker = fitted.ranker(learnt, background)
    scores = np.empty((len(learnt), len(everybody)))
    for start in range(0, len(everybody), CHUNK_ROWS):
        end = min(start + CHUNK_ROWS, len(everybody))
        scores[:, start:end] = ranker(everybody.between(start, end))
    # nobody would be above an edge that is not a number, and the audience empty
    if not np.isfinite(scores).all():
        raise InvalidModelOutputError("lookalike: a score is not a number; roll the release back")
    return Ranked(scores[0], scores[1:], folds, spend_rank(everybody))


def everybody_of(served: Served) -> Points:
    """Return everybody in the store in the method's space, as the release prepared it."""
    return Points(served.prepared[VECTORS], served.prepared[SPEND], served.prepared[LIKES])


def folds_of(count: int) -> NDArray[np.int64]:
    """Deal seeds into folds of equal size at random, shape (count,); few seeds into more folds."""
    folds = FOLDS if count >= FEW_SEEDS else FOLDS_OF_FEW
    dealt: NDArray[np.int64] = np.random.default_rng(_FOLD_SEED).permutation(np.arange(count) % folds)
    return dealt


def best(scores: Scores, candidates: Rows, size: int) -> Rows:
    """Return the ``size`` (1..) candidates with the highest scores, best first; equal ones in the store's order."""
    wanted = scores[candidates]
    # those at the edge and above are few; to order everybody would cost ten times as much
    edge = np.partition(wanted, len(wanted) - size)[len(wanted) - size]
    kept = np.flatnonzero(wanted >= edge)
    order = np.argsort(-wanted[kept], kind="stable")[:size]
    return candidates[kept[order]]


def curve_sizes(candidates: int, size: int) -> list[int]:
    """Return the sizes to tell the quality of: shares of the candidates, and the size that was asked for."""
    shares = {max(1, round(candidates * share)) for share in CURVE_SHARES}
    return sorted({*shares, min(size, candidates)})


def wilson(shares: Scores, count: int) -> tuple[Scores, Scores]:
    """Return the 95 % interval of shares that were seen among so many.

    Wilson, E. B. (1927), Probable inference, the law of succession, and statistical inference. JASA 22(158).
    """
    z2 = Z95**2
    middle = (shares + z2 / (2 * count)) / (1 + z2 / count)
    half = Z95 * np.sqrt(shares * (1 - shares) / count + z2 / (4 * count**2)) / (1 + z2 / count)
    # at 0 and 1 the ends meet the share but for rounding
    return np.clip(middle - half, 0.0, shares), np.clip(middle + half, shares, 1.0)


def _found(scores: Scores, others: Rows, hidden: Rows, sizes: Sequence[int]) -> Scores:
    """Count the hidden among the best of others and hidden, by size; of equal scores at the edge, their share."""
    sought = scores[hidden]
    pool = np.concatenate([scores[others], sought])
    places = len(pool) - np.minimum(sizes, len(pool))
    # only the edges matter, not the order between them
    edges = np.partition(pool, np.unique(places))[places]
    found = [
        float(np.count_nonzero(sought > edge)) + _at_the_edge(pool, sought, edge, len(pool) - place)
        for edge, place in zip(edges.tolist(), places.tolist(), strict=True)
    ]
    return np.array(found)


def _at_the_edge(pool: Scores, sought: Scores, edge: float, size: int) -> float:
    """Return how many of the hidden who score as the last one does can be expected among so many."""
    tied = np.count_nonzero(sought == edge)
    if not tied:
        return 0.0
    room = size - np.count_nonzero(pool > edge)
    return float(tied * room / np.count_nonzero(pool == edge))
