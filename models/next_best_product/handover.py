"""Hand-over: a mode that a single generator surely serves better than the ranker does is served by the generator.

The newest past cutoff decides, with a ranker that older ones taught: the lists of the same customers are compared by
NDCG@10. The ranker that serves learns from that cutoff too, and generators change places from month to month: what was
a little better there was worse at the next cutoff as often as not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.next_best_product.asking import Mode
from models.next_best_product.learning import MIN_CUSTOMERS, Learnt, Snapshot
from models.next_best_product.recommender import ItemMethod, Scorer, best_lists
from models.ranking import TOP, measured
from models.sampling import thinned

LEAST_PAST = 3
"""Past cutoffs that one of them is held out from: a ranker that one alone taught is weaker than the one that serves."""
SURE = 1.645
"""Standard errors of the customers' mean difference that the generator must be better by: one-sided, 95 %."""
MAX_COMPARED = 1_000
"""Customers of the held-out cutoff whose lists are compared."""


@dataclass(frozen=True)
class HeldOut:
    """The newest past cutoff, and what older ones are known by.

    Parameters
    ----------
    seen : Snapshot
        Everybody at the cutoff, with what came next.
    singles : mapping of str to Scorer
        The single generators, fitted at that cutoff.
    """

    seen: Snapshot
    singles: Mapping[str, Scorer]

    def better(self, mode: Mode, ranker: Scorer) -> str | None:
        """Return the generator that a mode is handed over to; None = the ranker serves.

        Of the generators the one with the highest mean is compared, of equal ones the first. Nothing is handed over
        where fewer than ``MIN_CUSTOMERS`` have lists to compare, nor where the lists are as good as the ranker's, or
        neither finds anything: the ranker that serves learns from one cutoff more.
        """
        if len(self._compared(mode)) < MIN_CUSTOMERS:
            return None
        told = {name: self.ndcg(mode, single) for name, single in self.singles.items()}
        best = max(told, key=lambda name: float(told[name].mean()))
        ahead = told[best] - self.ndcg(mode, ranker)
        error = float(ahead.std(ddof=1)) / np.sqrt(len(ahead))
        return best if float(ahead.mean()) > SURE * error else None

    def ndcg(self, mode: Mode, scorer: Scorer) -> NDArray[np.float64]:
        """Return NDCG@10 of each customer's list, shape (n,)."""
        asked, right = self.seen.question(mode)
        rows = self._compared(mode)
        statistics = self.seen.statistics
        lists = best_lists(scorer, statistics, asked.take(rows), TOP)
        nobody = [np.zeros(len(each), bool) for each in lists]
        return measured(lists, nobody, [right[row] for row in rows], offered=statistics.buyers > 0).ndcg

    def _compared(self, mode: Mode) -> NDArray[np.int64]:
        return thinned(self.seen.taught(self.seen.question(mode)[1]), MAX_COMPARED)


def held_out(learnt: Learnt, methods: Sequence[ItemMethod], seed: int) -> HeldOut | None:
    """Return the newest past cutoff with every single generator; None = there are too few to hold one out."""
    if len(learnt.past) < LEAST_PAST:
        return None
    newest, *older = learnt.past
    then = Learnt(newest.read(), tuple(older), learnt.kept)
    return HeldOut(then.now, {method.name: method.fit(then, seed=seed) for method in methods})
