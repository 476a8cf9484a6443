"""Spend rank: rank by the money of the last 90 days, whoever the seeds are."""

from typing import ClassVar

import numpy as np

from models.lookalike.fitted import FittedLookalike, Ranker
from models.lookalike.space import Points
from models.prediction import Scores


class SpendRank(FittedLookalike):
    """Ranks by spend; where no spend is known at all, by orders."""

    method: ClassVar[str] = "spend_rank"

    def ranker(self, seeds: Points, background: Points) -> Ranker:
        """Learn nothing."""
        return spend_rank


def spend_rank(points: Points) -> Scores:
    """Return the spend, somebody whose spend is not known below everybody else, shape (n,)."""
    known = np.isfinite(points.spend)
    lowest = points.spend[known].min(initial=0.0) - 1.0
    return np.where(known, points.spend, lowest)
