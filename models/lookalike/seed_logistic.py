"""Our method: logistic regression of the seeds against the background, strongly regularised."""

from typing import ClassVar

import numpy as np

from models.lookalike.fitted import FittedLookalike, Ranker, thinned
from models.lookalike.logistic import fit_logistic, inverse_strength
from models.lookalike.space import Points
from models.prediction import Scores


class SeedLogistic(FittedLookalike):
    """Ranks by the probability of being a seed rather than anybody."""

    method: ClassVar[str] = "seed_logistic"

    def ranker(self, seeds: Points, background: Points) -> Ranker:
        """Fit the regression; the scores are probabilities of this artificial mixture, good for ranking alone."""
        weights, intercept = self.weights(seeds, background)

        def ranked(points: Points) -> Scores:
            odds: Scores = points.vectors @ weights + intercept
            return 1 / (1 + np.exp(-odds))

        return ranked

    def weights(self, seeds: Points, background: Points) -> tuple[Scores, float]:
        """Return the weight of each direction of the space, shape (d,), and the intercept."""
        learnt = thinned(seeds)
        x = np.vstack([learnt.vectors, background.vectors])
        y = np.r_[np.ones(len(learnt)), np.zeros(len(background))]
        c = inverse_strength(len(x), len(learnt), strength=self.strength)
        return fit_logistic(x, y, np.ones(len(x)), c=c)
