"""Spend rank: rank by the money of the last 90 days, whoever the seeds are."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from models.lookalike.fitted import FittedLookalike, Ranker
from models.lookalike.space import Points
from models.prediction import Scores

LOWEST = -1e12
"""The score of somebody whose spend is not known, below any spend: an answer in JSON has no infinity."""


class SpendRank(FittedLookalike):
    """Ranks by spend of 90 days, the idle by all they ever spent; where no spend is known at all, by orders."""

    method: ClassVar[str] = "spend_rank"

    def ranker(self, groups: Sequence[Points], background: Points) -> Ranker:
        """Learn nothing."""
        return lambda points: np.tile(spend_rank(points), (len(groups), 1))


def spend_rank(points: Points) -> Scores:
    """Return the spend, somebody whose spend is not known below everybody else, shape (n,)."""
    return np.where(np.isfinite(points.spend), points.spend, LOWEST).astype(np.float64)
