"""Settings that a method chooses at the newest past cutoff, by what was bought next there."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from models.next_best_product.asking import Asked, Mode
from models.next_best_product.learning import MIN_CUSTOMERS, Learnt, Snapshot
from models.next_best_product.profiles import Ints
from models.next_best_product.recommender import Scorer, best_lists
from models.next_best_product.statistics import Statistics
from models.ranking import TOP, measured
from models.sampling import thinned

MAX_TRIED = 600
"""Customers whose lists are compared."""
TRIED: tuple[Mode, ...] = ("any", "new")

S = TypeVar("S", bound=Hashable)


@dataclass(frozen=True)
class Trial:
    """What was asked, and what would have been right, at a past cutoff.

    Parameters
    ----------
    statistics : Statistics
        Of the items then.
    questions : mapping of str to (Asked, tuple of int64 array)
        By mode: at most ``MAX_TRIED`` customers with an order lately and something right, and what was right.
    """

    statistics: Statistics
    questions: Mapping[str, tuple[Asked, tuple[Ints, ...]]]

    def best(self, mode: Mode, scorers: Mapping[S, Scorer]) -> S:
        """Return the setting with the highest mean NDCG@10, of equal ones the first.

        The first, too, where fewer than ``MIN_CUSTOMERS`` have lists to compare.
        """
        if len(self.questions[mode][1]) < MIN_CUSTOMERS:
            return next(iter(scorers))
        means = {setting: self._ndcg(mode, scorer) for setting, scorer in scorers.items()}
        return max(means, key=lambda setting: means[setting])

    def _ndcg(self, mode: Mode, scorer: Scorer) -> float:
        asked, right = self.questions[mode]
        lists = best_lists(scorer, self.statistics, asked, TOP)
        nobody = [np.zeros(len(each), bool) for each in lists]
        return float(measured(lists, nobody, right, offered=self.statistics.buyers > 0).ndcg.mean())


def trial_of(learnt: Learnt) -> Trial | None:
    """Return the trial at the newest past cutoff, read once for every method that asks; None = there is no past."""
    if not learnt.past:
        return None
    newest = learnt.past[0]
    key = ("trial", newest.key)
    if key not in learnt.kept:
        learnt.kept[key] = _read(newest.read())
    found: Trial = learnt.kept[key]
    return found


def _read(seen: Snapshot) -> Trial:
    questions: dict[str, tuple[Asked, tuple[Ints, ...]]] = {}
    for mode in TRIED:
        asked, right = seen.question(mode)
        rows = thinned(seen.taught(right), MAX_TRIED)
        questions[mode] = (asked.take(rows), tuple(right[row] for row in rows))
    return Trial(seen.statistics, questions)
