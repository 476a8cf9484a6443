"""What the buy-till-you-die models share: repeat orders as they count them, the fit, the score, the parts.

Schmittlein, D. C., Morrison, D. G. and Colombo, R. (1987), Counting your customers: who are they and what will they do
next? Management Science 33(1): while customers are alive they order at a rate of their own; at some moment, which
nobody sees, they are gone.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.errors import NotConvergedError, NotEnoughDataError
from models.methods import MIN_EXAMPLES
from models.parts import npy_array, npy_bytes
from models.prediction import Customers, Scores

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

MAX_CUSTOMERS = 6_000
DAYS_A_WEEK = 7
# keeps the drop-out parameters finite where nobody seems to drop out
PENALTY = 1e-5
MAX_STEPS = 1_000
# logarithms beyond which a parameter, or one over it, is no longer a double
FARTHEST = 700

Vector = NDArray[np.float64]
Parameters = tuple[float, float, float, float]
FittedT = TypeVar("FittedT", bound="FittedBuyTillYouDie")


@dataclass(frozen=True, kw_only=True)
class FittedBuyTillYouDie(ABC):
    """A fitted model; the four parameters are fields of each.

    Parameters
    ----------
    horizons : tuple of int, length k
        Days.
    silence : bool
        Score P(no order) in place of P(an order).
    """

    horizons: tuple[int, ...]
    silence: bool

    @property
    @abstractmethod
    def parameters(self) -> Parameters:
        """The four, in the order of the paper; time in weeks."""

    @property
    def choices(self) -> Mapping[str, Any]:
        """Nothing is chosen."""
        return {}

    @abstractmethod
    def alive(self, x: Vector, t_x: Vector, T: Vector) -> Vector:
        """Return the probability that each customer has not dropped out by now, shape (n,)."""

    @abstractmethod
    def within(self, x: Vector, T: Vector) -> Scores:
        """Return the probability of an order within each horizon for those who are alive, shape (n, k)."""

    def score(self, customers: Customers) -> Scores:
        """Return the probability within each horizon, shape (n, k); NaN for somebody who never ordered."""
        x, t_x, T = repeat_orders(customers)
        orders: Scores = self.alive(x, t_x, T)[:, None] * self.within(x, T)
        return 1 - orders if self.silence else orders

    def parts(self) -> Mapping[str, bytes]:
        """Return the four parameters, the horizons and which side is scored."""
        return {
            "parameters.npy": npy_bytes(np.array(self.parameters)),
            "horizons.npy": npy_bytes(np.array(self.horizons)),
            "silence.npy": npy_bytes(np.array(self.silence)),
        }


@dataclass(frozen=True)
class BuyTillYouDie(ABC, Generic[FittedT]):
    """Fits on the histories of everyone at the newest cutoff: it learns from no label, and not from the active alone.

    Parameters
    ----------
    silence : bool
        The event is no order within the horizon.
    """

    silence: bool

    @abstractmethod
    def most_likely(self, x: Vector, t_x: Vector, T: Vector) -> Parameters:
        """Return the maximum-likelihood parameters of histories as ``repeat_orders`` gives them, each of shape (n,)."""

    @abstractmethod
    def fitted(self, parameters: Parameters, *, horizons: tuple[int, ...], silence: bool) -> FittedT:
        """Return the fit that has these parameters."""

    def fit(
        self,
        customers: Customers,
        target: Scores,
        *,
        horizons: Sequence[int],
        seed: int,
        choices: Mapping[str, Any] | None = None,
    ) -> FittedT:
        """Fit as ``models.methods.Method`` says.

        Raises
        ------
        NotEnoughDataError
            Fewer than ``MIN_EXAMPLES`` customers have ordered.
        NotConvergedError
            The likelihood has no maximum that was found.
        """
        parameters = self.most_likely(*newest_histories(customers, seed=seed))
        return self.fitted(parameters, horizons=tuple(horizons), silence=self.silence)

    def load(self, parts: Mapping[str, bytes]) -> FittedT:
        """Return the fit that ``parts`` hold."""
        first, second, third, fourth = (float(value) for value in npy_array(parts["parameters.npy"]))
        horizons = tuple(int(days) for days in npy_array(parts["horizons.npy"]))
        silence = bool(npy_array(parts["silence.npy"]))
        return self.fitted((first, second, third, fourth), horizons=horizons, silence=silence)


def newest_histories(customers: Customers, *, seed: int) -> tuple[Vector, Vector, Vector]:
    """Return the repeat orders of those who have ordered by the newest cutoff, ``MAX_CUSTOMERS`` of them drawn.

    Everyone is drawn from: fitted on the recently active alone, the models take nobody to be gone.

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
    return repeat_orders(ordered.take(np.sort(rows)))


def repeat_orders(customers: Customers) -> tuple[Vector, Vector, Vector]:
    """Return what the models know of each customer; NaN for somebody who never ordered.

    Returns
    -------
    x : float64 array, shape (n,)
        Repeat orders: all but the first.
    t_x : float64 array, shape (n,)
        Weeks from the first order to the last.
    T : float64 array, shape (n,)
        Weeks from the first order to as_of.
    """
    orders, recency, tenure = customers.columns(("orders", "recency_days", "tenure_days")).T.astype(np.float64)
    # a reason sets one group to its median: the last order may then lie before the first
    between = np.maximum(tenure - recency, 0)
    return orders - 1, between / DAYS_A_WEEK, tenure / DAYS_A_WEEK


def most_likely(name: str, log_likelihood: Callable[..., Vector], starts: Sequence[Sequence[float]]) -> Parameters:
    """Return the four positive parameters with the highest mean log-likelihood, less a small penalty.

    Parameters
    ----------
    name : str
        The method, for the message.
    log_likelihood : callable
        Takes the four parameters, returns each customer's log-likelihood.
    starts : sequence of sequence of float
        Where to begin, as logarithms.

    Raises
    ------
    NotConvergedError
        Says what was tried.
    """
    # only fitting needs it: what serves has no use for it
    from scipy.optimize import minimize

    def loss(logs: Vector) -> float:
        return float(-log_likelihood(*np.exp(logs)).mean() + PENALTY * (logs**2).sum())

    with np.errstate(all="ignore"):  # a step too far gives no number, and is not taken
        found = [minimize(loss, np.array(start), method="L-BFGS-B") for start in starts]
        best = min(found, key=_height)
        if not best.success and np.isfinite(best.fun):
            # slower, and not misled by slopes that are differences of nearly equal figures
            best = minimize(loss, best.x, method="Nelder-Mead", options={"maxiter": MAX_STEPS})
    if not (best.success and np.isfinite(best.fun) and (np.abs(best.x) < FARTHEST).all()):
        raise NotConvergedError(
            f"{name} did not converge: neither L-BFGS-B from {len(starts)} starts nor Nelder-Mead found a highest "
            f"likelihood ({best.message})"
        )
    first, second, third, fourth = np.exp(best.x).tolist()
    return first, second, third, fourth


def _height(result: "OptimizeResult") -> float:
    return float(result.fun) if np.isfinite(result.fun) else np.inf
