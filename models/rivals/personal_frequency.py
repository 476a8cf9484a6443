"""Personal frequency: what the customer bought most often, ties and the rest by popularity.

Hu, H. et al. (2020), Modeling personalized item frequency information for next-basket recommendation. SIGIR 43.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.learning import Learnt
from models.next_best_product.neighbours import Neighbours
from models.next_best_product.profiles import Floats
from models.next_best_product.statistics import Statistics


@dataclass(frozen=True)
class PersonalFrequency:
    """Order days with the item; the places that are left are filled with what is popular."""

    name: str = "personal_frequency"

    @property
    def choices(self) -> Mapping[str, Any]:
        """Nothing is chosen."""
        return {}

    def fit(self, learnt: Learnt, *, seed: int, choices: Mapping[str, Any] | None = None) -> "PersonalFrequency":
        """Nothing is learnt: the customer's own history says it."""
        return self

    def load(self, parts: Mapping[str, bytes], statistics: Statistics, rules: Neighbours) -> "PersonalFrequency":
        """There is nothing to load."""
        return self

    def score(self, asked: Asked) -> Floats:
        """Return the order days with each item, shape (n, items); what was never bought is not scored."""
        return asked.profiles.dense(asked.profiles.orders, NOT_SCORED)

    def parts(self) -> Mapping[str, bytes]:
        """There is nothing to keep."""
        return {}
