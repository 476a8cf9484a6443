"""Logistic regression on few numbers: recency alone, and the four of recency, frequency and monetary value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from models.methods import check_target
from models.parts import canonical_json, npy_array, npy_bytes
from models.prediction import Customers, Matrix, Scores

INVERSE_STRENGTH = 1.0


@dataclass(frozen=True)
class FittedLogistic:
    """Standardised logistic regressions, one a horizon.

    Parameters
    ----------
    method : str
        Name of the method.
    inputs : tuple of str, length m
        Features that it reads.
    medians, means, scales : float64 arrays, shape (m,)
        Fill and standardisation, after the sign-log.
    weights : float64 array, shape (k, m + 1)
        Weights and, last, the intercept, for each horizon.
    """

    method: str
    inputs: tuple[str, ...]
    medians: NDArray[np.float64]
    means: NDArray[np.float64]
    scales: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def choices(self) -> Mapping[str, Any]:
        """Nothing is chosen."""
        return {}

    def score(self, customers: Customers) -> Scores:
        """Return the probability within each horizon, shape (n, k)."""
        x = (_sign_log(_columns(customers, self.inputs), self.medians) - self.means) / self.scales
        # a sum over the last axis, not a matrix product: one row and many rows round alike
        odds = [(x * weights[:-1]).sum(axis=1) + weights[-1] for weights in self.weights]
        scores: Scores = 1 / (1 + np.exp(-np.column_stack(odds)))
        return scores

    def parts(self) -> Mapping[str, bytes]:
        """Return the weights and the standardisation."""
        return {
            "logistic.json": canonical_json({"method": self.method, "inputs": list(self.inputs)}),
            "scaling.npy": npy_bytes(np.stack([self.medians, self.means, self.scales])),
            "weights.npy": npy_bytes(self.weights),
        }


@dataclass(frozen=True)
class Logistic:
    """L2-regularised logistic regression on sign-log1p, median-filled, standardised features.

    Parameters
    ----------
    name : str
        Name of the method.
    inputs : tuple of str
        Features that it reads.
    """

    name: str
    inputs: tuple[str, ...]

    def fit(
        self,
        customers: Customers,
        target: Scores,
        *,
        horizons: Sequence[int],
        seed: int,
        choices: Mapping[str, Any] | None = None,
    ) -> FittedLogistic:
        """Fit as ``models.methods.Method`` says."""
        check_target(target, horizons)
        taught = np.flatnonzero(~np.isnan(target).all(axis=1))
        raw = _columns(customers.take(taught), self.inputs)
        medians = np.nan_to_num([np.median(c[~np.isnan(c)]) if (~np.isnan(c)).any() else 0.0 for c in raw.T])
        x = _sign_log(raw, medians)
        means, scales = x.mean(axis=0), np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
        x = (x - means) / scales
        weights = [_weights(x, outcome) for outcome in target[taught].T]
        return FittedLogistic(self.name, self.inputs, medians, means, scales, np.array(weights))

    def load(self, parts: Mapping[str, bytes]) -> FittedLogistic:
        """Return the regression that ``parts`` hold."""
        about = orjson.loads(parts["logistic.json"])
        medians, means, scales = npy_array(parts["scaling.npy"])
        weights = npy_array(parts["weights.npy"])
        return FittedLogistic(about["method"], tuple(about["inputs"]), medians, means, scales, weights)


RECENCY = Logistic("recency", ("recency_days",))
FOUR_NUMBERS = Logistic("rfm_logistic", ("recency_days", "orders", "spend", "tenure_days"))


def _weights(x: NDArray[np.float64], outcome: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(outcome)
    # only fitting needs scikit-learn: what serves has no use for it
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=INVERSE_STRENGTH, max_iter=1000).fit(x[known], outcome[known])
    weights: NDArray[np.float64] = np.r_[model.coef_[0], model.intercept_]
    return weights


def _columns(customers: Customers, inputs: tuple[str, ...]) -> Matrix:
    return np.column_stack([customers.column(name) for name in inputs])


def _sign_log(raw: Matrix, medians: NDArray[np.float64]) -> NDArray[np.float64]:
    filled = np.where(np.isnan(raw), medians, raw.astype(np.float64))
    logged: NDArray[np.float64] = np.sign(filled) * np.log1p(np.abs(filled))
    return logged
