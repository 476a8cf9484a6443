"""The space in which customers are compared: standardised features and tastes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from models.lookalike.tastes import Tastes, Vectors, fit_tastes
from models.parts import canonical_json, npy_array, npy_bytes
from models.prediction import Customers, Matrix

SPEND, ORDERS = "spend_90d", "orders_90d"
TASTE_WEIGHT = 2.0
"""How far a taste counts beside a feature; chosen on queries of earlier months than the published ones."""


@dataclass(frozen=True)
class Points:
    """Customers in the space.

    Parameters
    ----------
    vectors : float64 array, shape (n, d)
        Standardised features, then standardised tastes; never null. Of a whole store: float32, by memory map.
    spend : float64 array, shape (n,)
        Money spent in 90 days (orders, where nobody's spend is known); -inf where unknown. Of a whole store: float32.
    """

    vectors: NDArray[np.floating[Any]]
    spend: NDArray[np.floating[Any]]

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, rows: NDArray[np.int64]) -> "Points":
        """Return the points at the given rows, in float64: what is fitted, is fitted in full precision."""
        return Points(self.vectors[rows].astype(np.float64), self.spend[rows].astype(np.float64))

    def between(self, start: int, end: int) -> "Points":
        """Return the points of some rows as they are, without a copy."""
        return Points(self.vectors[start:end], self.spend[start:end])


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
    activity: str

    def points(self, customers: Customers) -> Points:
        """Put customers into the space, each by itself."""
        features = (sign_log(customers.features, self.medians) - self.means) / self.scales
        tastes = self.tastes.of(customers.histories, len(customers))
        tastes = TASTE_WEIGHT * (tastes - self.taste_means) / self.taste_scales
        spend = customers.column(self.activity).astype(np.float64)
        return Points(np.hstack([features, tastes]), np.where(np.isnan(spend), -np.inf, spend))

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
    medians = np.array([np.median(c[~np.isnan(c)]) if (~np.isnan(c)).any() else 0.0 for c in raw.T], np.float64)
    means, scales = _standard(sign_log(raw, medians))
    tastes = fit_tastes(customers.histories, level, dimensions=dimensions, seed=seed)
    taste_means, taste_scales = _standard(tastes.of(customers.histories, len(customers)))
    spend_known = bool((~np.isnan(customers.column(SPEND)) & (customers.column(SPEND) != 0)).any())
    activity = SPEND if spend_known else ORDERS
    return Space(customers.names, medians, means, scales, tastes, taste_means, taste_scales, activity)


def load_space(parts: Mapping[str, bytes]) -> Space:
    """Return the space that ``Space.parts`` gave."""
    about = orjson.loads(parts["space.json"])
    tastes = Tastes(about["level"], tuple(about["categories"]), npy_array(parts["tastes.npy"]))
    medians, means, scales = npy_array(parts["scaling.npy"])
    taste_means, taste_scales = npy_array(parts["taste_scaling.npy"])
    names = tuple(about["names"])
    return Space(names, medians, means, scales, tastes, taste_means, taste_scales, about["activity"])


def sign_log(raw: Matrix, medians: Vectors) -> Vectors:
    """Return sign(x) log(1 + |x|), null as the median."""
    filled = np.where(np.isnan(raw), medians, raw.astype(np.float64))
    logged: Vectors = np.sign(filled) * np.log1p(np.abs(filled))
    return logged


def _standard(values: Vectors) -> tuple[Vectors, Vectors]:
    spread = values.std(axis=0)
    return values.mean(axis=0), np.where(spread > 1e-9, spread, 1.0)
