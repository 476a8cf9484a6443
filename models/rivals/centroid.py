"""Centroid: rank by the cosine of the angle to the mean of the seeds."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from models.lookalike.fitted import FittedLookalike, Ranker
from models.lookalike.space import Points
from models.prediction import Scores


class Centroid(FittedLookalike):
    """Ranks by the cosine to the seeds' centroid in the same space."""

    method: ClassVar[str] = "centroid"

    def ranker(self, groups: Sequence[Points], background: Points) -> Ranker:
        """Take the mean of each group."""
        centres = np.column_stack([seeds.vectors.mean(axis=0) for seeds in groups])
        lengths = np.linalg.norm(centres, axis=0)
        directions = centres / np.where(lengths > 0, lengths, 1.0)

        def ranked(points: Points) -> Scores:
            far = np.linalg.norm(points.vectors, axis=1)
            cosines = points.vectors @ directions.astype(points.vectors.dtype) / np.where(far > 0, far, 1.0)[:, None]
            return cosines.T.astype(np.float64)

        return ranked
