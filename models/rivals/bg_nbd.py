"""BG/NBD: the buy-till-you-die model of Fader, Hardie and Lee, scored as P(an order within H days).

Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005), "Counting your customers" the easy way: an alternative to the
Pareto/NBD model. Marketing Science 24(2). While a customer is alive, orders come at a rate drawn from Gamma(r, alpha);
after each order the customer drops out with a probability drawn from Beta(a, b).
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import betaln, gammaln

from models.prediction import Scores
from models.rivals.buy_till_you_die import (
    DAYS_A_WEEK,
    BuyTillYouDie,
    FittedBuyTillYouDie,
    Parameters,
    Vector,
    most_likely,
)

STARTS = ((0.0, 0.0, 0.0, 0.0), (0.0, 1.0, -2.0, 1.0))


@dataclass(frozen=True)
class FittedBGNBD(FittedBuyTillYouDie):
    """Fitted parameters.

    Parameters
    ----------
    r, alpha, a, b : float
        Parameters; time in weeks.
    """

    r: float
    alpha: float
    a: float
    b: float
    method: str = "bg_nbd"

    @property
    def parameters(self) -> Parameters:
        """Return r, alpha, a, b."""
        return self.r, self.alpha, self.a, self.b

    def alive(self, x: Vector, t_x: Vector, T: Vector) -> Vector:
        """Return the probability that each customer has not dropped out by now, shape (n,)."""
        log_died = np.log(self.a) - np.log(self.b + np.maximum(x, 1) - 1)
        log_died = log_died + (self.r + x) * (np.log(self.alpha + T) - np.log(self.alpha + t_x))
        # somebody who ordered once cannot have dropped out in this model
        probability: Vector = np.where(x > 0, 1 / (1 + np.exp(np.minimum(log_died, 700))), 1.0)
        return probability

    def within(self, x: Vector, T: Vector) -> Scores:
        """Return the probability of an order within each horizon for those who are alive, shape (n, k)."""
        weeks = np.array(self.horizons) / DAYS_A_WEEK
        posterior = (self.alpha + T)[:, None]
        orders: Scores = -np.expm1(-(self.r + x)[:, None] * np.log1p(weeks / posterior))
        return orders


@dataclass(frozen=True)
class BGNBD(BuyTillYouDie[FittedBGNBD]):
    """Fits as ``BuyTillYouDie`` says, and is made with its ``silence``."""

    name: str = "bg_nbd"

    def most_likely(self, x: Vector, t_x: Vector, T: Vector) -> Parameters:
        """Return r, alpha, a, b."""
        return fit_parameters(x, t_x, T)

    def fitted(self, parameters: Parameters, *, horizons: tuple[int, ...], silence: bool) -> FittedBGNBD:
        """Return the fit that has these parameters."""
        return FittedBGNBD(*parameters, horizons=horizons, silence=silence)


def fit_parameters(x: Vector, t_x: Vector, T: Vector) -> Parameters:
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
    return most_likely("bg_nbd", partial(log_likelihood, x=x, t_x=t_x, T=T), STARTS)


def log_likelihood(r: float, alpha: float, a: float, b: float, *, x: Vector, t_x: Vector, T: Vector) -> Vector:
    """Return each customer's log-likelihood, shape (n,); equation 6 of the paper."""
    shared = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    stayed = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + T)
    left = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
    likelihood: Vector = shared + np.where(x > 0, np.logaddexp(stayed, left), stayed)
    return likelihood
