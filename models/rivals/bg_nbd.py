"""BG/NBD: the buy-till-you-die model of Fader, Hardie and Lee, scored as P(an order within H days).

Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005), "Counting your customers" the easy way: an alternative to the
Pareto/NBD model. Marketing Science 24(2). While a customer is alive, orders come at a rate drawn from Gamma(r, alpha);
after each order the customer drops out with a probability drawn from Beta(a, b).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import betaln, gammaln

from models.parts import npy_array, npy_bytes
from models.prediction import Customers, Scores
from models.rivals.buy_till_you_die import DAYS_A_WEEK, Vector, most_likely, newest_histories, repeat_orders

STARTS = ((0.0, 0.0, 0.0, 0.0), (0.0, 1.0, -2.0, 1.0))


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

    def alive(self, x: Vector, t_x: Vector, T: Vector) -> Vector:
        """Return the probability that each customer has not dropped out by now, shape (n,)."""
        log_died = np.log(self.a) - np.log(self.b + np.maximum(x, 1) - 1)
        log_died = log_died + (self.r + x) * (np.log(self.alpha + T) - np.log(self.alpha + t_x))
        # somebody who ordered once cannot have dropped out in this model
        probability: Vector = np.where(x > 0, 1 / (1 + np.exp(np.minimum(log_died, 700))), 1.0)
        return probability

    def score(self, customers: Customers) -> Scores:
        """Return the probability within each horizon, shape (n, k); NaN for somebody who never ordered."""
        x, t_x, T = repeat_orders(customers)
        weeks = np.array(self.horizons) / DAYS_A_WEEK
        posterior = (self.alpha + T)[:, None]
        orders = -np.expm1(-(self.r + x)[:, None] * np.log1p(weeks / posterior))
        within: Scores = self.alive(x, t_x, T)[:, None] * orders
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
        NotConvergedError
            The likelihood has no maximum that was found.
        """
        r, alpha, a, b = fit_parameters(*newest_histories(customers, seed=seed))
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
    x, t_x, T : float64 arrays, shape (n,)
        As ``models.rivals.buy_till_you_die.repeat_orders`` gives them.

    Raises
    ------
    NotConvergedError
        The likelihood has no maximum that was found.
    """

    def likelihood(r: float, alpha: float, a: float, b: float) -> Vector:
        return log_likelihood(r, alpha, a, b, x=x, t_x=t_x, T=T)

    return most_likely("bg_nbd", likelihood, STARTS)


def log_likelihood(r: float, alpha: float, a: float, b: float, *, x: Vector, t_x: Vector, T: Vector) -> Vector:
    """Return each customer's log-likelihood, shape (n,); equation 6 of the paper."""
    shared = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    stayed = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + T)
    left = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
    likelihood: Vector = shared + np.where(x > 0, np.logaddexp(stayed, left), stayed)
    return likelihood
