"""Our own method: candidates of several generators, ranked by one LightGBM a mode.

Each ranker is taught at past cutoffs by what was bought next, with generators that knew no more than those cutoffs.
Small trees as in ``models.boosting``; most of what was not bought is left out, which changes the order of nothing.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from models.boosting import PARAMETERS
from models.errors import NotEnoughDataError
from models.next_best_product.affinity import Affinity, affinity_of
from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.candidates import FEATURES, Generators
from models.next_best_product.learning import MIN_CUSTOMERS, Learnt, Snapshot
from models.next_best_product.profiles import Floats
from models.next_best_product.statistics import Neighbours, Statistics, similar_items
from models.parts import npy_array, npy_bytes

TREES = 80
LEARNING_RATE = 0.1
NEGATIVES = 0.25
"""Share of the candidates that were not bought that teach."""
MAX_TAUGHT = 2_000
"""Customers of one cutoff that teach."""
CHUNK = 256
RANKERS = ("any", "new", "basket")

Taught = tuple[NDArray[np.float32], NDArray[np.bool_]]


@dataclass(frozen=True)
class TwoStage:
    """Generators and a ranker for each mode; ``repeat`` is ranked as ``any``.

    Parameters
    ----------
    generators : Generators
        At the limit.
    rankers : mapping of str to lightgbm.Booster
        By mode.
    """

    generators: Generators
    rankers: Mapping[str, lgb.Booster]

    @property
    def choices(self) -> Mapping[str, Any]:
        """The number of trees of each mode."""
        return {mode: self.rankers[mode].num_trees() for mode in RANKERS}

    def score(self, asked: Asked) -> Floats:
        """Return the probability that a candidate is bought, shape (n, items); others are not scored."""
        scores = np.full((len(asked), asked.profiles.items), NOT_SCORED)
        found = self.generators.candidates(asked)
        if len(found.row):
            ranker = self.rankers["any" if asked.mode == "repeat" else asked.mode]
            # one thread: waking others costs more than the rows of a customer
            scores[found.row, found.item] = ranker.predict(found.features, num_threads=1)
        return scores

    def parts(self) -> Mapping[str, bytes]:
        """Return the rankers as LightGBM text, the generators as npy."""
        similar, affinity = self.generators.similar, self.generators.affinity
        arrays: dict[str, NDArray[Any]] = {
            "similar_indptr": similar.indptr,
            "similar_indices": similar.indices.astype(np.int32),
            "similar_values": similar.values.astype(np.float32),
            "affinity_items": affinity.items,
            "affinity_weights": affinity.weights,
        }
        texts = {f"ranker_{mode}.txt": self.rankers[mode].model_to_string().encode() for mode in RANKERS}
        return {f"{name}.npy": npy_bytes(array) for name, array in arrays.items()} | texts


@dataclass(frozen=True)
class TwoStageMethod:
    """Candidates and rankers."""

    name: str = "two_stage"

    def fit(
        self, learnt: Learnt, rules: Neighbours, *, seed: int, choices: Mapping[str, Any] | None = None
    ) -> TwoStage:
        """Fit as ``models.next_best_product.recommender.ItemMethod`` says.

        Raises
        ------
        NotEnoughDataError
            Too few customers bought something in a closed window.
        """
        examples: dict[str, list[Taught]] = {mode: [] for mode in RANKERS}
        for number, past in enumerate(learnt.past()):
            known = generators_of(past, past.rules)
            for mode in RANKERS:
                examples[mode].append(_examples(known, past, mode, seed=seed + number))
        trees = dict(choices) if choices else dict.fromkeys(RANKERS, TREES)
        with ThreadPoolExecutor(2) as pool:
            rankers = pool.map(lambda mode: _ranker(examples[mode], trees[mode], seed), RANKERS)
            return TwoStage(generators_of(learnt.now, rules), dict(zip(RANKERS, rankers, strict=True)))

    def load(self, parts: Mapping[str, bytes], statistics: Statistics, rules: Neighbours) -> TwoStage:
        """Return what ``parts`` hold."""
        array = {name.removesuffix(".npy"): npy_array(each) for name, each in parts.items() if name.endswith(".npy")}
        similar = Neighbours(
            array["similar_indptr"], array["similar_indices"].astype(np.int64), array["similar_values"].astype(float)
        )
        affinity = Affinity(array["affinity_items"], array["affinity_weights"])
        rankers = {mode: lgb.Booster(model_str=parts[f"ranker_{mode}.txt"].decode()) for mode in RANKERS}
        return TwoStage(Generators(statistics, similar, rules, affinity), rankers)


def generators_of(known: Snapshot, rules: Neighbours) -> Generators:
    """Fit the generators at one cutoff; ``rules`` must be of that cutoff too."""
    similar = similar_items(known.profiles)
    similar = replace(similar, values=similar.values.astype(np.float32).astype(np.float64))
    bought = np.ones(len(known.profiles.item))
    return Generators(known.statistics, similar, rules, affinity_of(known.profiles, bought))


def _examples(generators: Generators, past: Snapshot, mode: str, *, seed: int) -> Taught:
    rng = np.random.default_rng(seed)
    asked, right = past.question(mode)
    taught = past.taught(right)
    if len(taught) > MAX_TAUGHT:
        taught = np.sort(rng.choice(taught, MAX_TAUGHT, replace=False))
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


def _ranker(examples: list[Taught], trees: int, seed: int) -> lgb.Booster:
    features, bought = (np.concatenate(each) for each in zip(*examples, strict=True))
    if bought.sum() < MIN_CUSTOMERS:
        raise NotEnoughDataError(
            f"{int(bought.sum())} examples of a product that was bought next, at least {MIN_CUSTOMERS} are needed: "
            "bring more customers, or a longer history"
        )
    parameters = {**PARAMETERS, "learning_rate": LEARNING_RATE, "seed": seed}
    return lgb.train(parameters, lgb.Dataset(features, bought.astype(np.float32)), trees)
