"""Pareto/NBD: the first buy-till-you-die model, scored as P(an order within H days).

Schmittlein, D. C., Morrison, D. G. and Colombo, R. (1987), Counting your customers: who are they and what will they do
next? Management Science 33(1); written down as in Fader, P. S. and Hardie, B. G. S. (2005), A note on deriving the
Pareto/NBD model and related expressions. While a customer is alive, orders come at a rate drawn from Gamma(r, alpha);
the customer drops out at any time, at a rate drawn from Gamma(s, beta).
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from models.prediction import Scores
from models.rivals.buy_till_you_die import (
    DAYS_A_WEEK,
    BuyTillYouDie,
    FittedBuyTillYouDie,
    Parameters,
    Vector,
    most_likely,
)

STARTS = ((0.0, 0.0, 0.0, 0.0), (0.0, 1.0, -1.0, 2.0))
NODES, WEIGHTS = np.polynomial.legendre.leggauss(32)
# a factor of exp(-40) is nothing beside 1 in the doubles that are summed
VANISHED = 40.0
# a smaller power leaves something over any time there is
LEAST_POWER = 0.1
# customers whose integrals are summed at once: all of a store at once would take 1.4 kB each
BLOCK = 8_192
TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class FittedParetoNBD(FittedBuyTillYouDie):
    """Fitted parameters.

    Parameters
    ----------
    r, alpha, s, beta : float
        Parameters; time in weeks.
    """

    r: float
    alpha: float
    s: float
    beta: float
    method: str = "pareto_nbd"

    @property
    def parameters(self) -> Parameters:
        """Return r, alpha, s, beta."""
        return self.r, self.alpha, self.s, self.beta

    def alive(self, x: Vector, t_x: Vector, T: Vector) -> Vector:
        """Return the probability that each customer has not dropped out by now, shape (n,)."""
        log_alive, log_gone = _log_fates(self.r, self.alpha, self.s, self.beta, x=x, t_x=t_x, T=T)
        probability: Vector = 1 / (1 + np.exp(np.minimum(log_gone - log_alive, 700)))
        return probability

    def within(self, x: Vector, T: Vector) -> Scores:
        """Return the probability of an order within each horizon for those who are alive, shape (n, k).

        Notes
        -----
        Somebody who is alive orders for the first time t weeks from now, and not after dropping out, with the density
        (r + x) / (alpha + T) * (1 + t / (alpha + T)) ** -(r + x + 1) * (1 + t / (beta + T)) ** -s.
        """
        rate = (self.r + x) / (self.alpha + T)
        columns = [
            rate * _integral(self.alpha + T, self.r + x + 1, self.beta + T, self.s, np.full(len(x), days / DAYS_A_WEEK))
            for days in self.horizons
        ]
        orders: Scores = np.minimum(np.column_stack(columns), 1)
        return orders


@dataclass(frozen=True)
class ParetoNBD(BuyTillYouDie[FittedParetoNBD]):
    """Fits as ``BuyTillYouDie`` says, and is made with its ``silence``."""

    name: str = "pareto_nbd"

    def most_likely(self, x: Vector, t_x: Vector, T: Vector) -> Parameters:
        """Return r, alpha, s, beta."""
        return fit_parameters(x, t_x, T)

    def fitted(self, parameters: Parameters, *, horizons: tuple[int, ...], silence: bool) -> FittedParetoNBD:
        """Return the fit that has these parameters."""
        return FittedParetoNBD(*parameters, horizons=horizons, silence=silence)


def fit_parameters(x: Vector, t_x: Vector, T: Vector) -> Parameters:
    """Return the maximum-likelihood r, alpha, s, beta.

    Parameters
    ----------
    x, t_x, T : float64 arrays, shape (n,)
        As ``models.rivals.buy_till_you_die.repeat_orders`` gives them.

    Raises
    ------
    NotConvergedError
        The likelihood has no maximum that was found.
    """
    return most_likely("pareto_nbd", partial(log_likelihood, x=x, t_x=t_x, T=T), STARTS)


def log_likelihood(r: float, alpha: float, s: float, beta: float, *, x: Vector, t_x: Vector, T: Vector) -> Vector:
    """Return each customer's log-likelihood, shape (n,)."""
    shared = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    likelihood: Vector = shared + np.logaddexp(*_log_fates(r, alpha, s, beta, x=x, t_x=t_x, T=T))
    return likelihood


def _log_fates(
    r: float, alpha: float, s: float, beta: float, *, x: Vector, t_x: Vector, T: Vector
) -> tuple[Vector, Vector]:
    """Return the two terms of the likelihood without the factor that they share: still alive, and gone since t_x.

    The second is usually written as the difference of two hypergeometric functions, which cancel; the integral over the
    moment of dropping out that they stand for is a sum of positive terms.
    """
    gone = _integral(alpha + t_x, r + x, beta + t_x, s + 1, T - t_x)
    log_alive = -(r + x) * np.log(alpha + T) - s * np.log(beta + T)
    log_gone = np.log(s * np.maximum(gone, TINY)) - (r + x) * np.log(alpha + t_x) - (s + 1) * np.log(beta + t_x)
    return log_alive, log_gone


def _integral(a: Vector, p: Vector, b: Vector, q: float, until: Vector) -> Vector:
    """Return the integral of (1 + t / a) ** -p * (1 + t / b) ** -q for t from 0 to ``until``, each of shape (n,)."""
    found = np.empty(len(until))
    for start in range(0, len(found), BLOCK):
        rows = slice(start, start + BLOCK)
        found[rows] = _integral_of_few(a[rows], p[rows], b[rows], q, until[rows])
    return found


def _integral_of_few(a: Vector, p: Vector, b: Vector, q: float, until: Vector) -> Vector:
    """Integrate by Gauss and Legendre's rule in log(1 + t / min(a, b)), where the integrand is smooth.

    What has vanished is left out.
    """
    least = np.minimum(a, b)
    until = np.minimum(until, np.minimum(a * _beyond(p), b * _beyond(q)))
    half = np.log1p(until / least) / 2
    y = half[:, None] * (NODES + 1)
    t = least[:, None] * np.expm1(y)
    logs = y - p[:, None] * np.log1p(t / a[:, None]) - q * np.log1p(t / b[:, None])
    # a sum over the last axis, not a matrix product: one row and many rows round alike
    found: NDArray[np.float64] = least * half * (WEIGHTS * np.exp(logs)).sum(axis=1)
    return found


def _beyond(power: Any) -> Any:
    """Return the u from which (1 + u) ** -power has vanished."""
    return np.expm1(VANISHED / np.maximum(power, LEAST_POWER))
