"""Centroid: rank by the cosine of the angle to the mean of the seeds."""

from typing import ClassVar

import numpy as np

from models.lookalike.fitted import FittedLookalike, Ranker
from models.lookalike.space import Points
from models.prediction import Scores


class Centroid(FittedLookalike):
    """Ranks by the cosine to the seeds' centroid in the same space."""

    method: ClassVar[str] = "centroid"

    def ranker(self, seeds: Points, background: Points) -> Ranker:
        """Take the mean of the seeds."""
        centre = seeds.vectors.mean(axis=0)
        length = float(np.linalg.norm(centre)) or 1.0

        def ranked(points: Points) -> Scores:
            lengths = np.linalg.norm(points.vectors, axis=1)
            cosine: Scores = points.vectors @ (centre / length) / np.where(lengths > 0, lengths, 1.0)
            return cosine

        return ranked
