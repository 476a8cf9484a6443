"""Centroid: rank by the cosine of the angle to the mean of the seeds."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from models.lookalike.fitted import FittedLookalike, Ranker
from models.lookalike.space import Points
from models.prediction import Scores


class Centroid(FittedLookalike):
    """Ranks by the cosine to the seeds' centroid, standardised among those who are ranked.

    The space was standardised when it was fitted; some features grow with the calendar, and a cosine, unlike a
    regression, depends on where the middle is.
    """

    method: ClassVar[str] = "centroid"

    def ranker(self, groups: Sequence[Points], background: Points) -> Ranker:
        """Take the mean of each group."""
        middle, spread = background.vectors.mean(axis=0), background.vectors.std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        centres = np.column_stack([(seeds.vectors.mean(axis=0) - middle) / spread for seeds in groups])
        lengths = np.linalg.norm(centres, axis=0)
        directions = centres / np.where(lengths > 0, lengths, 1.0)

        def ranked(points: Points) -> Scores:
            dtype = points.vectors.dtype
            vectors = (points.vectors - middle.astype(dtype)) / spread.astype(dtype)
            far = np.linalg.norm(vectors, axis=1)
            cosines: Scores = (vectors @ directions.astype(dtype) / np.where(far > 0, far, 1.0)[:, None]).T
            return cosines.astype(np.float64)

        return ranked
