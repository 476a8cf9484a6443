"""Why an item is recommended: a past purchase, or a rule; where there is neither, it is popular and nothing more."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.metrics import Z95
from models.next_best_product.asking import Asked
from models.next_best_product.neighbours import Neighbours
from models.next_best_product.profiles import among
from models.next_best_product.statistics import Statistics

LEAST_LIFT = 1.0


@dataclass(frozen=True)
class PastPurchase:
    """The customer bought the item before.

    Parameters
    ----------
    orders : int
        Order days with it.
    last_days : int
        Days since the newest.
    """

    orders: int
    last_days: int


@dataclass(frozen=True)
class Rule:
    """Something that the customer has goes with the item.

    Agrawal, R., Imielinski, T. and Swami, A. (1993), Mining association rules between sets of items in large databases.
    SIGMOD 22(2); lift: Brin, S. et al. (1997), Dynamic itemset counting. SIGMOD 26(2).

    The interval is log-normal, with the delta method's variance of a ratio of multinomial shares: Agresti, A. (2013),
    Categorical Data Analysis, 3rd ed., section 16.1.

    Parameters
    ----------
    antecedent : int
        The item that the customer has.
    support : float
        Share of all orders that hold both.
    confidence : float
        Share of the orders with the antecedent that hold the item too.
    lift : float
        Confidence over the share of all orders that hold the item; above 1.
    lift_low, lift_high : float
        Its 95 % interval; it includes 1 where too few orders hold both to be sure.
    """

    antecedent: int
    support: float
    confidence: float
    lift: float
    lift_low: float
    lift_high: float


Why = PastPurchase | Rule | None
"""None = popularity: nothing of the customer's own speaks for the item."""


@dataclass(frozen=True)
class Explainer:
    """Explains one customer's items.

    Parameters
    ----------
    statistics : Statistics
        Of the items.
    rules : Neighbours
        Orders that hold both of two items.
    asked : Asked
        The question.
    row : int
        The customer's position in it.
    """

    statistics: Statistics
    rules: Neighbours
    asked: Asked
    row: int

    def why(self, items: NDArray[np.int64]) -> tuple[Why, ...]:
        """Return what speaks for each item: a past purchase, or else a rule."""
        past = self._past(items)
        return tuple(known or self._rule(item) for item, known in zip(items.tolist(), past, strict=True))

    def _past(self, items: NDArray[np.int64]) -> list[PastPurchase | None]:
        known = self.asked.profiles
        span = known.span(self.row)
        own = known.item[span]
        bought = among(items, own).tolist()
        at = (span.start + np.searchsorted(own, items)).tolist()
        return [
            PastPurchase(int(known.orders[where]), int(known.last_days[where])) if here else None
            for where, here in zip(at, bought, strict=True)
        ]

    def _rule(self, item: int) -> Rule | None:
        """Return the rule that contributes most for sure: of those that lift, the one with the highest lower end."""
        partners, together = self.rules.of(item)
        has = among(partners, self._antecedents())
        if not has.any():
            return None
        partners, together = partners[has], together[has].astype(np.float64)
        orders, total = self.statistics.orders, float(self.statistics.total_orders)
        lift = together * total / (orders[partners] * orders[item])
        if lift.max() <= LEAST_LIFT:
            return None
        # of the logarithm: orders are drawn, and so are those with either item among them
        variance = 1 / together - 1 / orders[partners] - 1 / orders[item] + (2 * lift - 1) / total
        reach = np.exp(Z95 * np.sqrt(np.maximum(variance, 0.0)))
        pick = int(np.argmax(np.where(lift > LEAST_LIFT, lift / reach, 0.0)))
        antecedent = int(partners[pick])
        return Rule(
            antecedent=antecedent,
            support=float(together[pick] / total),
            confidence=float(together[pick] / orders[antecedent]),
            lift=float(lift[pick]),
            lift_low=float(lift[pick] / reach[pick]),
            lift_high=float(lift[pick] * reach[pick]),
        )

    def _antecedents(self) -> NDArray[np.int64]:
        """Return what the customer has, rising."""
        if self.asked.baskets:
            return self.asked.baskets[self.row]
        return self.asked.profiles.item[self.asked.profiles.span(self.row)]
