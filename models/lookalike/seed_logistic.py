"""Our method: logistic regression of the seeds against the background, strongly regularised."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from models.lookalike.fitted import FittedLookalike, Ranker, taught_by
from models.lookalike.logistic import Vector, fit_logistic, inverse_strength
from models.lookalike.space import Points
from models.prediction import Scores


class SeedLogistic(FittedLookalike):
    """Ranks by the probability of being a seed rather than anybody."""

    method: ClassVar[str] = "seed_logistic"

    def ranker(self, groups: Sequence[Points], background: Points) -> Ranker:
        """Fit a regression for each group; the scores are probabilities of an artificial mixture, for ranking alone."""
        found: list[Vector] = []
        for seeds in groups:
            # folds of one group differ little: each fit begins where the first one ended
            found.append(self.weights(seeds, background, start=found[0] if found else None))
        weights, intercepts = np.column_stack(found)[:-1], np.array([each[-1] for each in found])

        def ranked(points: Points) -> Scores:
            # in the points' own precision: a copy of everybody in a wider one would cost more than the product
            odds: Scores = (points.vectors @ weights.astype(points.vectors.dtype)).T + intercepts[:, None]
            return 1 / (1 + np.exp(-odds))

        return ranked

    def weights(self, seeds: Points, background: Points, *, start: Vector | None = None) -> Vector:
        """Return the weight of each direction of the space, then the intercept, shape (d + 1,)."""
        learnt = taught_by(seeds)
        x = np.vstack([learnt.vectors, background.vectors])
        y = np.r_[np.ones(len(learnt)), np.zeros(len(background))]
        c = inverse_strength(len(x), len(learnt), strength=self.strength)
        return fit_logistic(x, y, np.ones(len(x)), c=c, start=start)
