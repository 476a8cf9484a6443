"""Why an item is recommended: a past purchase, a rule, or popularity."""

from dataclasses import dataclass

import numpy as np

from models.next_best_product.asking import Asked
from models.next_best_product.messages import ProductReason
from models.next_best_product.profiles import Ints
from models.next_best_product.recommender import Level
from models.next_best_product.shelf import Shelf
from models.next_best_product.statistics import POPULAR_WINDOW, WINDOWS_DAYS

LEAST_LIFT = 1.0


@dataclass(frozen=True)
class Explainer:
    """Explains one customer's items at one level.

    Parameters
    ----------
    level : Level
        What ranked them.
    shelf : Shelf
        What they are called.
    asked : Asked
        The question.
    row : int
        The customer's position in it.
    """

    level: Level
    shelf: Shelf
    asked: Asked
    row: int

    def reason(self, item: int, *, filled: bool) -> ProductReason:
        """Return the reason for one item: of the basket where there is one, else of the history."""
        if not filled:
            told = (self._rule, self._past) if self.asked.baskets else (self._past, self._rule)
            for tell in told:
                found = tell(item)
                if found is not None:
                    return found
        return self._popularity(item)

    def _past(self, item: int) -> ProductReason | None:
        known = self.asked.profiles
        span = known.span(self.row)
        at = span.start + int(np.searchsorted(known.item[span], item))
        if at == span.stop or known.item[at] != item:
            return None
        count, last = int(known.orders[at]), int(known.last_days[at])
        return ProductReason.model_construct(
            kind="past_purchase",
            text=f"bought on {_days(count)}, last {_days(last)} ago",
            count=count,
            last_days=last,
        )

    def _rule(self, item: int) -> ProductReason | None:
        """Return the rule with the highest lift from what the customer has to the item."""
        partners, together = self.level.rules.of(item)
        mine = self._antecedents()
        fits = np.isin(partners, mine)
        if not fits.any():
            return None
        orders, total = self.level.statistics.orders, float(self.level.statistics.total_orders)
        partners, together = partners[fits], together[fits]
        lift = together * total / (orders[partners] * orders[item])
        pick = int(np.argmax(lift))
        if lift[pick] <= LEAST_LIFT:
            return None
        support, confidence = float(together[pick] / total), float(together[pick] / orders[partners[pick]])
        with_ = self.level.vocabulary.names[int(partners[pick])]
        name = self.shelf.name_of(int(partners[pick]))["name"] or with_
        return ProductReason.model_construct(
            kind="rule",
            text=f"{confidence:.0%} of the orders with {name} hold it too, {lift[pick]:.1f} times as many as of all",
            item=with_,
            support=support,
            confidence=confidence,
            lift=float(lift[pick]),
        )

    def _antecedents(self) -> Ints:
        if self.asked.baskets:
            return self.asked.baskets[self.row]
        return self.asked.profiles.item[self.asked.profiles.span(self.row)]

    def _popularity(self, item: int) -> ProductReason:
        share = float(self.level.statistics.popularity[item])
        days = WINDOWS_DAYS[POPULAR_WINDOW]
        return ProductReason.model_construct(
            kind="popularity", text=f"{share:.1%} of all customers bought it in the last {days} days"
        )


def _days(count: int) -> str:
    return f"{count} {'day' if count == 1 else 'days'}"
