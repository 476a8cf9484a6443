"""The space in which customers are compared: standardised features, tastes and likes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from models.lookalike.likes import Levels, Likes, fit_likes, no_likes, telling
from models.lookalike.tastes import Tastes, Vectors, fit_tastes
from models.parts import canonical_json, npy_array, npy_bytes
from models.prediction import Customers, Matrix
from models.sampling import thinned
from models.sign_log import medians_of, sign_log

SPEND, ORDERS = "spend_90d", "orders_90d"
MAX_TELLING_SEEDS = 2_000
"""So many seeds tell which categories they like; more tell the same."""
EVER = {SPEND: "spend", ORDERS: "orders"}
"""What breaks ties among those of whom the last 90 days say nothing."""


@dataclass(frozen=True)
class Points:
    """Customers in the space.

    Parameters
    ----------
    vectors : float64 array, shape (n, d)
        Standardised features, then standardised tastes; never null. Of a whole store: float32, by memory map.
    spend : float64 array, shape (n,)
        What the spend rank ranks by; see ``rank_by``. -inf where unknown, which the spend rank's scores have as
        ``spend_rank.LOWEST``. Of a whole store: float32.
    likes : uint8 array, shape (n, k)
        Levels of liking single categories.
    """

    vectors: NDArray[np.floating[Any]]
    spend: NDArray[np.floating[Any]]
    likes: Levels

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, rows: NDArray[np.int64]) -> "Points":
        """Return the points at the given rows, in float64: what is fitted, is fitted in full precision."""
        return Points(self.vectors[rows].astype(np.float64), self.spend[rows].astype(np.float64), self.likes[rows])

    def between(self, start: int, end: int) -> "Points":
        """Return the points of some rows as they are, without a copy."""
        return Points(self.vectors[start:end], self.spend[start:end], self.likes[start:end])


@dataclass(frozen=True)
class Space:
    """A fitted space.

    Parameters
    ----------
    names : tuple of str, length f
        Features, in order.
    medians, means, scales : float64 arrays, shape (f,)
        Fill, and the standardisation after the sign-log.
    tastes : Tastes
        The embedding of purchases.
    taste_means, taste_scales : float64 arrays, shape (tastes.size,)
        Its standardisation.
    likes : Likes
        The categories that count by themselves.
    activity : str
        The feature that the spend rank reads.
    """

    names: tuple[str, ...]
    medians: Vectors
    means: Vectors
    scales: Vectors
    tastes: Tastes
    taste_means: Vectors
    taste_scales: Vectors
    likes: Likes
    activity: str

    @property
    def dimensions(self) -> int:
        """How many directions it has: features, then tastes."""
        return len(self.names) + self.tastes.size

    def points(self, customers: Customers) -> Points:
        """Put customers into the space, each by itself."""
        features = (sign_log(customers.features, self.medians) - self.means) / self.scales
        counts = self.tastes.counts(customers.histories, len(customers))
        tastes = (self.tastes.embedded(counts) - self.taste_means) / self.taste_scales
        spend = rank_by(customers.column(self.activity), customers.column(EVER[self.activity]))
        return Points(np.hstack([features, tastes]), spend, self.likes.of(counts))

    def telling_likes(self, seeds: Points, background: Points) -> tuple[NDArray[np.int64], Vectors]:
        """Return the likes that set the seeds apart beyond the features, and what each weighs; see ``telling``."""
        seeds = seeds.take(thinned(np.arange(len(seeds)), MAX_TELLING_SEEDS))
        likes = self.likes.standardised(np.vstack([seeds.likes, background.likes]), np.arange(len(self.likes)))
        features = np.vstack([points.vectors[:, : len(self.names)] for points in (seeds, background)])
        return telling(likes, features, np.r_[np.ones(len(seeds)), np.zeros(len(background))])

    def figure(self, position: int, standardised: float) -> float:
        """Return the value of the feature at a position that ``points`` standardised."""
        logged = standardised * self.scales[position] + self.means[position]
        return float(np.sign(logged) * np.expm1(np.abs(logged)))

    def parts(self) -> Mapping[str, bytes]:
        """Return its files."""
        tastes = self.tastes
        about = {
            "names": list(self.names),
            "activity": self.activity,
            "level": tastes.level,
            "categories": list(tastes.categories),
        }
        return {
            "space.json": canonical_json(about),
            "scaling.npy": npy_bytes(np.stack([self.medians, self.means, self.scales])),
            "tastes.npy": npy_bytes(tastes.axes),
            "taste_scaling.npy": npy_bytes(np.stack([self.taste_means, self.taste_scales])),
            "likes.npy": npy_bytes(self.likes.columns),
            "like_scaling.npy": npy_bytes(np.stack([self.likes.means, self.likes.scales])),
        }


def fit_space(customers: Customers, level: str, *, dimensions: int, seed: int) -> Space:
    """Fit the space on everybody at one cutoff.

    Parameters
    ----------
    customers : Customers
        n rows, with histories where there are any.
    level : str
        Column of the product table that tastes are made of.
    dimensions : int
        Figures that a taste has at most.
    seed : int
        Seed of the embedding.
    """
    raw = customers.features
    medians = medians_of(raw)
    means, scales = _standard(sign_log(raw, medians))
    tastes = fit_tastes(customers.histories, level, dimensions=dimensions, seed=seed)
    counts = tastes.counts(customers.histories, len(customers))
    taste_means, taste_scales = _standard(tastes.embedded(counts))
    likes = fit_likes(counts) if tastes.size else no_likes()
    spend_known = bool((~np.isnan(customers.column(SPEND)) & (customers.column(SPEND) != 0)).any())
    activity = SPEND if spend_known else ORDERS
    return Space(customers.names, medians, means, scales, tastes, taste_means, taste_scales, likes, activity)


def load_space(parts: Mapping[str, bytes]) -> Space:
    """Return the space that ``Space.parts`` gave."""
    about = orjson.loads(parts["space.json"])
    tastes = Tastes(about["level"], tuple(about["categories"]), npy_array(parts["tastes.npy"]))
    medians, means, scales = npy_array(parts["scaling.npy"])
    taste_means, taste_scales = npy_array(parts["taste_scaling.npy"])
    likes = Likes(npy_array(parts["likes.npy"]), *npy_array(parts["like_scaling.npy"]))
    names = tuple(about["names"])
    return Space(names, medians, means, scales, tastes, taste_means, taste_scales, likes, about["activity"])


def rank_by(recent: Matrix, ever: Matrix) -> Vectors:
    """Return what the spend rank ranks by, shape (n,): the last 90 days, and where they are empty, all that is known.

    Parameters
    ----------
    recent, ever : float32 arrays, shape (n,)
        Money spent (or orders) in the last 90 days and altogether; NaN = unknown.

    Returns
    -------
    float64 array, shape (n,)
        As ``recent`` above 0; in (-1, 0] where it is 0, rising with ``ever``; 1 lower below 0; -inf where unknown.
    """
    spent, total = recent.astype(np.float64), np.maximum(np.nan_to_num(ever.astype(np.float64)), 0.0)
    idle = np.where(spent < 0, spent - 1, -1 / (1 + total))
    return np.where(np.isnan(spent), -np.inf, np.where(spent > 0, spent, idle))


def _standard(values: Vectors) -> tuple[Vectors, Vectors]:
    spread = values.std(axis=0)
    return values.mean(axis=0), np.where(spread > 1e-9, spread, 1.0)
