"""What is trained, promoted and released: the space, a background sample, the prior and the rule for the strength."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from models.lookalike.space import Points, Space, load_space
from models.parts import canonical_json, npy_array, npy_bytes
from models.prediction import Customers, Scores
from models.sampling import thinned

MAX_LEARNT_SEEDS = 10_000
_DRAW_SEED = 1

Ranker = Callable[[Points], Scores]
"""Scores customers by likeness to some groups of seeds at once, shape (groups, n)."""


@dataclass(frozen=True)
class FittedLookalike:
    """A method of ranking people by their likeness to seeds, ready for any seeds.

    Parameters
    ----------
    space : Space
        Where customers are compared.
    background : Points
        A random sample of everybody, without ids.
    strength : float
        The rule for the regularisation; see ``logistic.inverse_strength``.
    prior : float64 array, shape (d, d)
        In which directions lists lie apart; see ``prior.fit_prior``.
    """

    method: ClassVar[str]
    space: Space
    background: Points
    strength: float
    prior: NDArray[np.float64]

    @property
    def choices(self) -> Mapping[str, Any]:
        """Nothing is chosen."""
        return {}

    @abstractmethod
    def ranker(self, groups: Sequence[Points], background: Points) -> Ranker:
        """Learn what to rank by.

        Parameters
        ----------
        groups : sequence of Points
            Groups of seeds, each learnt from by itself.
        background : Points
            A random sample of those who will be ranked.
        """

    def drawn_from(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Draw the background among the customers of a call: rising rows, at most as many as the artifact's own."""
        drawn = np.random.default_rng(_DRAW_SEED).permutation(len(rows))[: len(self.background)]
        return rows[np.sort(drawn)]

    def score(self, customers: Customers) -> Scores:
        """Return each customer's point in the space and its likes, shape (n, d + k)."""
        points = self.space.points(customers)
        return np.hstack([points.vectors, points.likes])

    def parts(self) -> Mapping[str, bytes]:
        """Return the space, the background, the prior and the rule."""
        return {
            **self.space.parts(),
            "lookalike.json": canonical_json({"strength": self.strength}),
            "background.npy": npy_bytes(self.background.vectors),
            "background_spend.npy": npy_bytes(self.background.spend),
            "background_likes.npy": npy_bytes(self.background.likes),
            "prior.npy": npy_bytes(self.prior),
        }

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> Self:
        """Return what ``parts`` hold."""
        background = Points(*(npy_array(parts[f"background{kind}.npy"]) for kind in ("", "_spend", "_likes")))
        strength = orjson.loads(parts["lookalike.json"])["strength"]
        return cls(load_space(parts), background, strength, npy_array(parts["prior.npy"]))


def taught_by(seeds: Points) -> Points:
    """Return at most ``MAX_LEARNT_SEEDS`` of the seeds, evenly spread: more teach nothing new."""
    return seeds.take(thinned(np.arange(len(seeds)), MAX_LEARNT_SEEDS))
