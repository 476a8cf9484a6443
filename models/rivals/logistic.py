"""Logistic regression: on recency alone, on four numbers of recency, frequency and monetary value, on everything."""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from scipy.special import expit

from models.errors import NotConvergedError
from models.methods import MAX_EXAMPLES, check_target
from models.parts import canonical_json, npy_array, npy_bytes
from models.prediction import Customers, Scores
from models.sampling import thinned
from models.sign_log import medians_of, sign_log

INVERSE_STRENGTH = 1.0
MAX_ITERATIONS = 1_000
NO_SPREAD = 1e-9
"""A feature that spreads less than this, after the sign-log, is a constant."""

Vector = NDArray[np.float64]


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
    medians: Vector
    means: Vector
    scales: Vector
    weights: Scores

    @property
    def choices(self) -> Mapping[str, Any]:
        """Nothing is chosen."""
        return {}

    def score(self, customers: Customers) -> Scores:
        """Return the probability within each horizon, shape (n, k)."""
        scores: Scores = expit(self.odds(customers))
        return scores

    def odds(self, customers: Customers) -> Scores:
        """Return the log-odds within each horizon, shape (n, k)."""
        x = self._standardised(customers.columns(self.inputs))
        # a sum over the last axis, not a matrix product: one row and many rows round alike
        return np.column_stack([(x * weights[:-1]).sum(axis=1) + weights[-1] for weights in self.weights])

    def contributions(self, customers: Customers, output: int) -> Scores:
        """Return what each feature adds to the log-odds, compared with its median, shape (n, f)."""
        usual = self._standardised(self.medians[None])
        x = self._standardised(customers.columns(self.inputs))
        added = np.zeros((len(customers), len(customers.names)))
        added[:, [customers.names.index(name) for name in self.inputs]] = (x - usual) * self.weights[output, :-1]
        return added

    def median(self, name: str) -> float:
        """Return the median of one of the inputs over the examples."""
        return float(self.medians[self.inputs.index(name)])

    def parts(self) -> Mapping[str, bytes]:
        """Return the weights and the standardisation."""
        scaling = np.stack([self.medians, self.means, self.scales])
        return {
            "logistic.json": canonical_json({"method": self.method, "inputs": list(self.inputs)}),
            "scaling.npy": npy_bytes(scaling),
            "weights.npy": npy_bytes(self.weights),
        }

    def _standardised(self, raw: NDArray[Any]) -> Scores:
        standardised = sign_log(raw, self.medians)
        standardised -= self.means
        standardised /= self.scales
        return standardised


@dataclass(frozen=True)
class Logistic:
    """L2-regularised logistic regression on sign-log1p, median-filled, standardised features.

    Parameters
    ----------
    name : str
        Name of the method.
    inputs : tuple of str, optional
        Features that it reads; default: every one whose window is not longer than the history before the first cutoff.
    """

    name: str
    inputs: tuple[str, ...] | None = None

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
        taught = thinned(np.flatnonzero(~np.isnan(target).all(axis=1)), MAX_EXAMPLES)
        check_target(target[taught], horizons)
        inputs = self.inputs or _seen_in_full(customers.take(taught))
        raw = customers.take(taught).columns(inputs)
        medians = medians_of(raw)
        x = sign_log(raw, medians)
        # a constant does not spread by nothing but by what its mean is rounded by
        means, scales = x.mean(axis=0), np.where(x.std(axis=0) > NO_SPREAD, x.std(axis=0), 1.0)
        x = (x - means) / scales
        weights = np.array([self._weights(x, outcome) for outcome in target[taught].T])
        return FittedLogistic(self.name, inputs, medians, means, scales, weights)

    def load(self, parts: Mapping[str, bytes]) -> FittedLogistic:
        """Return the regression that ``parts`` hold."""
        about = orjson.loads(parts["logistic.json"])
        medians, means, scales = npy_array(parts["scaling.npy"])
        weights = npy_array(parts["weights.npy"])
        return FittedLogistic(about["method"], tuple(about["inputs"]), medians, means, scales, weights)

    def _weights(self, x: Scores, outcome: Vector) -> Vector:
        known = ~np.isnan(outcome)
        # only fitting needs scikit-learn: what serves has no use for it
        from scipy.linalg import LinAlgWarning
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        model = LogisticRegression(C=INVERSE_STRENGTH, max_iter=MAX_ITERATIONS, solver="newton-cholesky")
        # sums that threads share round otherwise: the same data must give the same bytes, whatever the machine
        with threadpool_limits(1), warnings.catch_warnings():
            # where inputs repeat each other it goes on with L-BFGS by itself
            warnings.simplefilter("ignore", LinAlgWarning)
            warnings.simplefilter("error", ConvergenceWarning)
            try:
                model.fit(x[known], outcome[known])
            except ConvergenceWarning:
                raise NotConvergedError(
                    f"{self.name}: no answer after {MAX_ITERATIONS} rounds on {int(known.sum())} examples; look for "
                    "features with absurd values"
                ) from None
        weights: Vector = np.r_[model.coef_[0], model.intercept_]
        return weights


RECENCY = Logistic("recency", ("recency_days",))
FOUR_NUMBERS = Logistic("rfm_logistic", ("recency_days", "orders", "spend", "tenure_days"))
WIDE = Logistic("wide_logistic")
_WINDOW = re.compile(r"^(?!attribute_).*_(\d+)d$")
"""Our own features that see so many days; an attribute may be called anything."""
_MOST = 0.99


def _seen_in_full(customers: Customers) -> tuple[str, ...]:
    """Return the features whose window lies within the history before the first cutoff.

    What a longer window holds grows with the calendar: a straight line that was fitted on a part of it runs away. Of a
    trend the recent days count, and not those before that they are compared with: it is a ratio of usual days, which a
    part of them gives as well (without such trends log loss was worse: docs/decisions/0013).
    """
    tenure = customers.take(customers.as_of == customers.as_of.min()).column("tenure_days")
    ordered = tenure[~np.isnan(tenure)]
    # not the longest: one order with a wrong date would say that there are years of history
    history = np.quantile(ordered, _MOST) if len(ordered) else 0
    windows = {name: _WINDOW.match(name) for name in customers.names}
    return tuple(name for name, window in windows.items() if window is None or int(window[1]) <= history)
