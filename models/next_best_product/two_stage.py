"""Our own method: candidates of several generators, ranked by one LightGBM a mode.

Each ranker is taught at past cutoffs by what was bought next, with generators that knew no more than those cutoffs.
Small trees as in ``models.boosting``; most of what was not bought is left out, which changes the order of nothing.
"""

from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.boosting import PARAMETERS
from models.errors import NotEnoughDataError
from models.next_best_product.affinity import Affinity
from models.next_best_product.arrays import array_parts, from_parts
from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.candidates import FEATURES, GROUPS, Generators
from models.next_best_product.learning import Learnt, Past, Snapshot
from models.next_best_product.neighbours import Neighbours
from models.next_best_product.profiles import Floats, Profiles, profiles_of
from models.next_best_product.statistics import Statistics
from models.sampling import thinned

if TYPE_CHECKING:
    # imported where it is called: see models.boosting
    import lightgbm as lgb

TREES = 80
LEARNING_RATE = 0.1
NEGATIVES = 0.25
"""Share of the candidates that were not bought that teach."""
MAX_TAUGHT = 2_000
"""Customers of one cutoff that teach."""
CHUNK = 256
HIDDEN = 0.4
"""Share of the customers whose history is hidden from the ranker of baskets."""
RANKERS = ("any", "new", "basket")
MAIN = "any"
MIN_POSITIVES = 100
"""Bought candidates that a ranker learns from at least."""
EXPLAINED, EXPLAINED_ROWS = 200, 5_000
"""Customers, and candidates among theirs, that what drives the ranker is measured on."""

Taught = tuple[NDArray[np.float32], NDArray[np.bool_]]


@dataclass(frozen=True)
class TwoStage:
    """Generators and a ranker for each mode that had enough to learn from; the others are ranked as ``any``.

    Parameters
    ----------
    generators : Generators
        At the limit.
    rankers : mapping of str to lightgbm.Booster
        By mode.
    """

    generators: Generators
    rankers: "Mapping[str, lgb.Booster]"

    @property
    def choices(self) -> Mapping[str, Any]:
        """The number of trees of each mode."""
        return {mode: ranker.num_trees() for mode, ranker in self.rankers.items()}

    def score(self, asked: Asked) -> Floats:
        """Return the probability that a candidate is bought, shape (n, items); others are not scored."""
        scores = np.full((len(asked), asked.profiles.items), NOT_SCORED)
        found = self.generators.candidates(asked)
        if len(found.row):
            ranker = self.rankers.get(asked.mode, self.rankers[MAIN])
            # one thread: waking others costs more than the rows of a customer
            taught = np.asarray(ranker.predict(found.features, num_threads=1))
            # fewer of what was not bought taught than there are: their odds are put right
            scores[found.row, found.item] = taught * NEGATIVES / (1 - taught * (1 - NEGATIVES))
        return scores

    def parts(self) -> Mapping[str, bytes]:
        """Return the rankers as LightGBM text, the generators as npy."""
        arrays = array_parts("similar", self.generators.similar) | array_parts("affinity", self.generators.affinity)
        return arrays | {f"ranker_{mode}.txt": each.model_to_string().encode() for mode, each in self.rankers.items()}


@dataclass(frozen=True)
class TwoStageMethod:
    """Candidates and rankers."""

    name: str = "two_stage"

    def fit(self, learnt: Learnt, *, seed: int, choices: Mapping[str, Any] | None = None) -> TwoStage:
        """Fit as ``models.next_best_product.recommender.ItemMethod`` says.

        Raises
        ------
        NotEnoughDataError
            Too few customers bought something in a closed window.
        """
        taught = [_once(learnt.kept, past, seed) for past in learnt.past]
        trees = dict(choices) if choices else dict.fromkeys(RANKERS, TREES)
        _check(taught)
        modes = [mode for mode in trees if _positives(taught, mode) >= MIN_POSITIVES]
        with ThreadPoolExecutor(2) as pool:
            fits = {mode: pool.submit(_ranker, [each[mode] for each in taught], trees[mode], seed) for mode in modes}
            generators = generators_of(learnt.now)
            return TwoStage(generators, {mode: fit.result() for mode, fit in fits.items()})

    def load(self, parts: Mapping[str, bytes], statistics: Statistics, rules: Neighbours) -> TwoStage:
        """Return what ``parts`` hold."""
        import lightgbm as lgb

        similar, affinity = from_parts(Neighbours, "similar", parts), from_parts(Affinity, "affinity", parts)
        rankers = {
            mode: lgb.Booster(model_str=parts[f"ranker_{mode}.txt"].decode())
            for mode in RANKERS
            if f"ranker_{mode}.txt" in parts
        }
        return TwoStage(Generators(statistics, similar, rules, affinity), rankers)


def generators_of(known: Snapshot) -> Generators:
    """Return the generators at one cutoff."""
    return Generators(known.statistics, known.similar, known.rules, known.affinity)


def _once(kept: dict[Hashable, Any], past: Past, seed: int) -> Mapping[str, Taught]:
    """Return what a past cutoff teaches each mode; read once for all limits that learn from it."""
    key = (past.key, seed)
    if key not in kept:
        seen = past.read()
        generators = generators_of(seen)
        kept[key] = {mode: _examples(generators, seen, mode, seed=seed + past.day.toordinal()) for mode in RANKERS}
    found: Mapping[str, Taught] = kept[key]
    return found


def _examples(generators: Generators, past: Snapshot, mode: str, *, seed: int) -> Taught:
    rng = np.random.default_rng(seed)
    asked, right = past.question(mode)
    if mode == "basket":
        # a till knows the basket and often not the customer
        seen = past.events.take_rows(rng.random(past.events.customers) >= HIDDEN)
        asked = replace(asked, profiles=profiles_of(seen))
    taught = thinned(past.taught(right), MAX_TAUGHT)
    asked = asked.take(taught)
    features, bought = [np.empty((0, len(FEATURES)), np.float32)], [np.empty(0, bool)]
    for start in range(0, len(asked), CHUNK):
        part = asked.chunk(start, min(start + CHUNK, len(asked)))
        found = generators.candidates(part)
        hits = np.zeros((len(part), part.profiles.items), bool)
        for row in range(len(part)):
            hits[row, right[taught[start + row]]] = True
        hit = hits[found.row, found.item]
        kept = hit | (rng.random(len(hit)) < NEGATIVES)
        features.append(found.features[kept])
        bought.append(hit[kept])
    return np.concatenate(features), np.concatenate(bought)


def _positives(taught: Sequence[Mapping[str, Taught]], mode: str) -> int:
    return sum(int(each[mode][1].sum()) for each in taught)


def _check(taught: Sequence[Mapping[str, Taught]]) -> None:
    found = _positives(taught, MAIN)
    if found < MIN_POSITIVES:
        raise NotEnoughDataError(
            f"{found} examples of a product that was bought next, at least {MIN_POSITIVES} are needed: bring more "
            "customers, or a longer history"
        )


def _ranker(examples: list[Taught], trees: int, seed: int) -> "lgb.Booster":
    import lightgbm as lgb

    features, bought = (np.concatenate(each) for each in zip(*examples, strict=True))
    parameters = {**PARAMETERS, "learning_rate": LEARNING_RATE, "seed": seed}
    return lgb.train(parameters, lgb.Dataset(features, bought.astype(np.float32)), trees)


def contributions(scorer: TwoStage, profiles: Profiles) -> dict[str, float]:
    """Return the mean absolute TreeSHAP contribution of each group of features to the ranker of the next basket."""
    asked = Asked(profiles, "any").take(thinned(np.arange(profiles.customers), EXPLAINED))
    found = scorer.generators.candidates(asked).features
    drawn = found[thinned(np.arange(len(found)), EXPLAINED_ROWS)]
    effects = np.asarray(scorer.rankers[MAIN].predict(drawn, pred_contrib=True, num_threads=1))
    ends = np.cumsum([len(names) for names in GROUPS.values()])
    # the last column is the base rate
    parts = np.split(effects[:, :-1], ends[:-1], axis=1)
    return {group: float(np.abs(part.sum(axis=1)).mean()) for group, part in zip(GROUPS, parts, strict=True)}
