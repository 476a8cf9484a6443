"""BG/NBD: the buy-till-you-die model of Fader, Hardie and Lee, scored as P(an order within H days).

Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005), "Counting your customers" the easy way: an alternative to the
Pareto/NBD model. Marketing Science 24(2). While a customer is alive, orders come at a rate drawn from Gamma(r, alpha);
after each order the customer drops out with a probability drawn from Beta(a, b).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

from models.errors import NotEnoughDataError
from models.methods import MIN_EXAMPLES
from models.parts import npy_array, npy_bytes
from models.prediction import Customers, Scores

MAX_CUSTOMERS = 6_000
DAYS_A_WEEK = 7
# keeps the drop-out parameters finite where nobody seems to drop out
PENALTY = 1e-4

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class FittedBGNBD:
    """Fitted parameters.

    Parameters
    ----------
    r, alpha, a, b : float
        Parameters; time in weeks.
    horizons : tuple of int, length k
        Days.
    silence : bool
        Score P(no order) in place of P(an order).
    """

    r: float
    alpha: float
    a: float
    b: float
    horizons: tuple[int, ...]
    silence: bool
    method: str = "bg_nbd"

    @property
    def choices(self) -> Mapping[str, Any]:
        """Nothing is chosen."""
        return {}

    def score(self, customers: Customers) -> Scores:
        """Return the probability within each horizon, shape (n, k); NaN for somebody who never ordered."""
        x, t_x, T = _history(customers)
        log_died = np.log(self.a) - np.log(self.b + np.maximum(x, 1) - 1)
        log_died = log_died + (self.r + x) * (np.log(self.alpha + T) - np.log(self.alpha + t_x))
        # somebody who ordered once cannot have dropped out in this model
        alive = np.where(x > 0, 1 / (1 + np.exp(np.minimum(log_died, 700))), 1.0)
        weeks = np.array(self.horizons) / DAYS_A_WEEK
        posterior = (self.alpha + T)[:, None]
        within: Scores = alive[:, None] * -np.expm1(-(self.r + x)[:, None] * np.log1p(weeks / posterior))
        return 1 - within if self.silence else within

    def parts(self) -> Mapping[str, bytes]:
        """Return the four parameters, the horizons and which side is scored."""
        return {
            "parameters.npy": npy_bytes(np.array([self.r, self.alpha, self.a, self.b])),
            "horizons.npy": npy_bytes(np.array(self.horizons)),
            "silence.npy": npy_bytes(np.array(self.silence)),
        }


@dataclass(frozen=True)
class BGNBD:
    """Fits on the histories of everyone at the newest cutoff: it learns from no label, and not from the active alone.

    Parameters
    ----------
    silence : bool
        The event is no order within the horizon.
    """

    silence: bool
    name: str = "bg_nbd"

    def fit(
        self,
        customers: Customers,
        target: Scores,
        *,
        horizons: Sequence[int],
        seed: int,
        choices: Mapping[str, Any] | None = None,
    ) -> FittedBGNBD:
        """Fit as ``models.methods.Method`` says.

        Raises
        ------
        NotEnoughDataError
            Fewer than ``MIN_EXAMPLES`` customers have ordered.
        """
        newest = customers.take(customers.as_of == customers.as_of.max())
        ordered = newest.take(newest.column("orders") > 0)
        if len(ordered) < MIN_EXAMPLES:
            raise NotEnoughDataError(
                f"{len(ordered)} customers with an order at the newest cutoff, at least {MIN_EXAMPLES} are needed: "
                "bring more customers, or a longer history"
            )
        rows = np.random.default_rng(seed).permutation(len(ordered))[:MAX_CUSTOMERS]
        r, alpha, a, b = fit_parameters(*_history(ordered.take(np.sort(rows))))
        return FittedBGNBD(r, alpha, a, b, tuple(horizons), self.silence)

    def load(self, parts: Mapping[str, bytes]) -> FittedBGNBD:
        """Return the fit that ``parts`` hold."""
        r, alpha, a, b = (float(value) for value in npy_array(parts["parameters.npy"]))
        horizons = tuple(int(days) for days in npy_array(parts["horizons.npy"]))
        return FittedBGNBD(r, alpha, a, b, horizons, bool(npy_array(parts["silence.npy"])))


def fit_parameters(x: Vector, t_x: Vector, T: Vector) -> tuple[float, float, float, float]:
    """Return the maximum-likelihood r, alpha, a, b.

    Parameters
    ----------
    x : float64 array, shape (n,)
        Repeat orders.
    t_x : float64 array, shape (n,)
        Weeks from the first order to the last.
    T : float64 array, shape (n,)
        Weeks from the first order to the cutoff.
    """

    def loss(logs: Vector) -> float:
        return float(-log_likelihood(*np.exp(logs), x=x, t_x=t_x, T=T).mean() + PENALTY * (logs**2).sum())

    starts = [np.zeros(4), np.array([0.0, 1.0, -2.0, 1.0])]
    best = min((minimize(loss, start, method="L-BFGS-B") for start in starts), key=lambda result: float(result.fun))
    r, alpha, a, b = np.exp(best.x)
    return float(r), float(alpha), float(a), float(b)


def log_likelihood(r: float, alpha: float, a: float, b: float, *, x: Vector, t_x: Vector, T: Vector) -> Vector:
    """Return each customer's log-likelihood, shape (n,); equation 6 of the paper."""
    shared = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    stayed = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + T)
    left = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
    likelihood: Vector = shared + np.where(x > 0, np.logaddexp(stayed, left), stayed)
    return likelihood


def _history(customers: Customers) -> tuple[Vector, Vector, Vector]:
    orders, recency, tenure = (
        customers.column(name).astype(np.float64) for name in ("orders", "recency_days", "tenure_days")
    )
    # a reason sets one group to its median: the last order may then lie before the first
    between = np.maximum(tenure - recency, 0)
    return orders - 1, between / DAYS_A_WEEK, tenure / DAYS_A_WEEK
