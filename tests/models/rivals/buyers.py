"""The two buy-till-you-die models with parameters that are known, and customers drawn from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from models.rivals import bg_nbd, pareto_nbd
from models.rivals.bg_nbd import BGNBD, FittedBGNBD
from models.rivals.buy_till_you_die import BuyTillYouDie, FittedBuyTillYouDie
from models.rivals.pareto_nbd import FittedParetoNBD, ParetoNBD

WEEKS = 52.0
Fates = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Model:
    """A model: its module, method and fit, the parameters that customers are drawn from, and what becomes of them."""

    module: ModuleType
    method: type[BuyTillYouDie[Any]]
    fit: type[FittedBuyTillYouDie]
    truth: Mapping[str, float]
    fates: Callable[[np.random.Generator, int], Fates]
    """The week in which each drops out, and the probability to drop out after an order."""

    @property
    def name(self) -> str:
        return str(self.module.__name__.rpartition(".")[2])

    def fitted(self, *, silence: bool = False, horizons: tuple[int, ...] = (7, 30), **parameters: float) -> Any:
        """Return a fit; a parameter that is not given is 1."""
        return self.fit(**self._parameters(parameters), horizons=horizons, silence=silence)  # type: ignore[arg-type]

    def likelihood(self, x: float, t_x: float, T: float, **parameters: float) -> float:
        """Return the likelihood of one customer; a parameter that is not given is 1."""
        arrays = {name: np.array([value]) for name, value in {"x": x, "t_x": t_x, "T": T}.items()}
        return float(np.exp(self.module.log_likelihood(**self._parameters(parameters), **arrays))[0])

    def simulated(self, count: int, *, future: float = 0.0, seed: int = 0) -> tuple[np.ndarray, ...]:
        """Draw repeat orders x, their last week t_x, and whether an order came in the future weeks after ``WEEKS``."""
        rng = np.random.default_rng(seed)
        rates = rng.gamma(self.truth["r"], 1 / self.truth["alpha"], count)
        rows = []
        for rate, life, leaves in zip(rates, *self.fates(rng, count), strict=True):
            x, t_x, now, later = 0, 0.0, 0.0, False
            while True:
                now += rng.exponential(1 / rate)
                if now > min(WEEKS, life):
                    later = WEEKS < now <= min(WEEKS + future, life)
                    break
                x, t_x = x + 1, now
                if leaves and rng.random() < leaves:
                    break
            rows.append((x, t_x, later))
        return tuple(np.array(column, float) for column in zip(*rows, strict=True))

    def _parameters(self, given: Mapping[str, float]) -> dict[str, float]:
        return dict.fromkeys(self.truth, 1.0) | given


def _after_orders(rng: np.random.Generator, count: int) -> Fates:
    return np.full(count, np.inf), rng.beta(BG_NBD.truth["a"], BG_NBD.truth["b"], count)


def _at_any_time(rng: np.random.Generator, count: int) -> Fates:
    rates = rng.gamma(PARETO_NBD.truth["s"], 1 / PARETO_NBD.truth["beta"], count)
    return rng.exponential(1 / rates), np.zeros(count)


BG_NBD = Model(bg_nbd, BGNBD, FittedBGNBD, {"r": 1.5, "alpha": 5.0, "a": 0.8, "b": 3.0}, _after_orders)
PARETO_NBD = Model(
    pareto_nbd, ParetoNBD, FittedParetoNBD, {"r": 1.5, "alpha": 5.0, "s": 0.8, "beta": 12.0}, _at_any_time
)
