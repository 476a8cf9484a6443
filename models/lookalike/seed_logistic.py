"""Our method: logistic regression of the seeds against the background, strongly regularised towards a learnt prior."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from models.lookalike.fitted import FittedLookalike, Ranker, taught_by
from models.lookalike.logistic import Vector, fit_logistic, inverse_strength
from models.lookalike.space import Points
from models.prediction import Scores


@dataclass(frozen=True)
class Weights:
    """What one group of seeds taught.

    Parameters
    ----------
    vectors : float64 array, shape (d,)
        The weight of each direction of the space.
    fitted : float64 array, shape (d,)
        The same as they were fitted, in the directions of the prior.
    picked : int64 array, shape (m,)
        The likes that take part.
    likes : float64 array, shape (m,)
        Their weights.
    intercept : float
    """

    vectors: Vector
    fitted: Vector
    picked: NDArray[np.int64]
    likes: Vector
    intercept: float

    def start(self, picked: NDArray[np.int64], scales: Vector) -> Vector:
        """Return where the fit of similar seeds begins that picked these likes on these scales."""
        known = dict(zip(self.picked.tolist(), self.likes.tolist(), strict=True))
        likes = np.array([known.get(like, 0.0) for like in picked.tolist()])
        weights = np.divide(likes, scales, out=np.zeros(len(likes)), where=scales > 0)
        return np.concatenate([self.fitted, weights, [self.intercept]])


class SeedLogistic(FittedLookalike):
    """Ranks by the probability of being a seed rather than anybody.

    The weights of the space have the prior that past lists taught; the few single categories that set the seeds apart
    beyond their features are added by themselves.
    """

    method: ClassVar[str] = "seed_logistic"

    def ranker(self, groups: Sequence[Points], background: Points) -> Ranker:
        """Fit a regression for each group; the scores are probabilities of an artificial mixture, for ranking alone."""
        found = self.learnt(groups, background)
        weights = np.column_stack([each.vectors for each in found])
        intercepts = np.array([each.intercept for each in found])
        picked = np.unique(np.concatenate([each.picked for each in found]))
        liked = np.zeros((len(picked), len(found)))
        for group, each in enumerate(found):
            liked[np.searchsorted(picked, each.picked), group] = each.likes

        def ranked(points: Points) -> Scores:
            # in the points' own precision: a copy of everybody in a wider one would cost more than the product
            dtype = points.vectors.dtype
            odds = points.vectors @ weights.astype(dtype)
            if len(picked):
                odds += self.space.likes.standardised(points.likes, picked, dtype) @ liked.astype(dtype)
            found: Scores = 1 / (1 + np.exp(-(odds.T + intercepts[:, None])))
            return found

        return ranked

    def learnt(self, groups: Sequence[Points], background: Points) -> list[Weights]:
        """Fit the regression of each group."""
        common = background.vectors @ self.prior
        found: list[Weights] = []
        for seeds in groups:
            # folds of one group differ little: each fit begins where the first one ended
            found.append(self._weights(taught_by(seeds), background, common, found[0] if found else None))
        return found

    def _weights(self, seeds: Points, background: Points, common: Vector, like: Weights | None) -> Weights:
        picked, scales = self.space.telling_likes(seeds, background)
        likes = self.space.likes.standardised(np.vstack([seeds.likes, background.likes]), picked)
        x = np.hstack([np.vstack([seeds.vectors @ self.prior, common]), likes * scales])
        is_seed = np.r_[np.ones(len(seeds)), np.zeros(len(background))]
        c = inverse_strength(len(x), len(seeds), strength=self.strength)
        start = like.start(picked, scales) if like else None
        found = fit_logistic(x, is_seed, np.ones(len(x)), c=c, start=start)
        size = len(self.prior)
        return Weights(self.prior @ found[:size], found[:size], picked, found[size:-1] * scales, float(found[-1]))
