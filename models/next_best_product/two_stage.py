"""Our own method: candidates of several generators, ranked by one LightGBM a mode, or by the best generator alone.

Each ranker is taught at past cutoffs by what was bought next, with generators that knew no more than those cutoffs.
Small trees as in ``models.boosting``; most of what was not bought is left out, which changes the order of nothing.
Where a single generator was surely better at the newest past cutoff, it serves (``models.next_best_product.handover``).
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray

from models.boosting import PARAMETERS
from models.errors import InvalidModelOutputError, NotEnoughDataError
from models.next_best_product.affinity import Affinity
from models.next_best_product.arrays import array_parts, from_parts
from models.next_best_product.asking import NOT_SCORED, Asked, Mode, scored_only
from models.next_best_product.candidates import FALLING, FEATURES, GROUPS, RISING, Generators
from models.next_best_product.handover import held_out
from models.next_best_product.learning import Learnt, Past, Snapshot
from models.next_best_product.neighbourhood import Neighbourhood
from models.next_best_product.neighbours import Neighbours
from models.next_best_product.profiles import Floats, Profiles, profiles_of
from models.next_best_product.recommender import ItemMethod, Scorer, is_personal
from models.next_best_product.statistics import Statistics
from models.parts import canonical_json
from models.rivals.decayed_frequency import DecayedFrequency
from models.rivals.ease import EASE
from models.rivals.item_knn import ItemKNN
from models.rivals.most_popular import MostPopular
from models.rivals.tifu_knn import TIFUKNN
from models.rivals.up_cf import UPCF
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
RANKERS: tuple[Mode, ...] = ("any", "new", "basket")
MAIN: Mode = "any"
SINGLES: tuple[ItemMethod, ...] = (MostPopular(), DecayedFrequency(), ItemKNN(), UPCF(), TIFUKNN(), EASE())
"""The generators that a mode may be handed over to, the simplest first."""
HANDED = "handed_over"
MIN_POSITIVES = 100
"""Bought candidates that a ranker learns from at least."""
EXPLAINED, EXPLAINED_ROWS = 200, 5_000
"""Customers, and candidates among theirs, that what drives the ranker is measured on."""

_Found = TypeVar("_Found")
Taught = tuple[NDArray[np.float32], NDArray[np.bool_]]


@dataclass(frozen=True)
class TwoStage:
    """Generators, and for each mode that had enough to learn from what ranks it; the others are ranked as ``any``.

    Parameters
    ----------
    generators : Generators
        At the limit.
    rankers : mapping of str to lightgbm.Booster
        By mode.
    handed : mapping of str to str
        The single generator that serves a mode in place of a ranker, by mode.
    singles : mapping of str to Scorer
        Those generators, by name.
    """

    generators: Generators
    rankers: "Mapping[str, lgb.Booster]"
    handed: Mapping[str, str] = field(default_factory=dict)
    singles: Mapping[str, Scorer] = field(default_factory=dict)

    @property
    def choices(self) -> Mapping[str, Any]:
        """The number of trees of each mode, or the name of the generator that serves it."""
        return {**{mode: ranker.num_trees() for mode, ranker in self.rankers.items()}, **self.handed}

    def score(self, asked: Asked) -> Floats:
        """Score each customer by itself, shape (n, items); what is no candidate is not scored.

        A ranker gives the probability that a candidate is bought, a generator its own score.
        """
        single = self._single(asked.mode)
        if single is not None:
            return scored_only(single.score(asked), asked)
        return _Ranked(self.generators, self.rankers[asked.mode if asked.mode in self.rankers else MAIN]).score(asked)

    def personal(self, mode: Mode) -> bool:
        """Say whether scores of a mode are of the customer's own: not where popularity serves it."""
        single = self._single(mode)
        return single is None or is_personal(single, mode)

    def _single(self, mode: Mode) -> Scorer | None:
        """Return the generator that serves a mode; None = a ranker does."""
        served = mode if mode in {*self.rankers, *self.handed} else MAIN
        return self.singles[self.handed[served]] if served in self.handed else None

    def parts(self) -> Mapping[str, bytes]:
        """Return the rankers as LightGBM text, the generators as npy, and what was handed over as JSON."""
        own = self.generators
        arrays = (
            array_parts("similar", own.similar)
            | array_parts("affinity", own.affinity)
            | array_parts("neighbourhood", own.neighbourhood)
        )
        singles = {
            f"{name}_{part}": content for name, each in self.singles.items() for part, content in each.parts().items()
        }
        rankers = {f"ranker_{mode}.txt": each.model_to_string().encode() for mode, each in self.rankers.items()}
        return arrays | singles | rankers | {f"{HANDED}.json": canonical_json(dict(self.handed))}


@dataclass(frozen=True)
class _Ranked:
    """One mode's ranker, as what scores."""

    generators: Generators
    ranker: "lgb.Booster"
    choices: Mapping[str, Any] = field(default_factory=dict)

    def score(self, asked: Asked) -> Floats:
        scores = np.full((len(asked), asked.profiles.items), NOT_SCORED)
        found = self.generators.candidates(asked)
        if len(found.row):
            # one thread: waking others costs more than the rows of a customer
            taught = np.asarray(self.ranker.predict(found.features, num_threads=1))
            # what is not a number would pass for not scored, and popular products for the answer
            if not np.isfinite(taught).all():
                raise InvalidModelOutputError("next-best-product: a probability is not a number; roll the release back")
            # fewer of what was not bought taught than there are: their odds are put right
            scores[found.row, found.item] = taught * NEGATIVES / (1 - taught * (1 - NEGATIVES))
        return scores

    def parts(self) -> Mapping[str, bytes]:
        return {}


@dataclass(frozen=True)
class TwoStageMethod:
    """Candidates and rankers, or the single generator that does better.

    Parameters
    ----------
    singles : tuple of ItemMethod
        What a mode may be handed over to.
    """

    name: str = "two_stage"
    singles: tuple[ItemMethod, ...] = SINGLES

    def fit(self, learnt: Learnt, *, seed: int, choices: Mapping[str, Any] | None = None) -> TwoStage:
        """Fit as ``models.next_best_product.recommender.ItemMethod`` says.

        ``choices`` has the trees of each mode, or the name of the generator that serves it. Where it is not given, the
        newest past cutoff says who serves; with fewer than three there is none to hold out, and rankers serve.

        Raises
        ------
        NotEnoughDataError
            Too few customers bought something in a closed window.
        """
        # the newest past cutoff teaches, and is held out as well
        newest = tuple(replace(past, read=cache(past.read)) for past in learnt.past[:1])
        learnt = replace(learnt, past=newest + learnt.past[1:])
        taught = [_once(learnt.kept, past, seed) for past in learnt.past]
        _check(taught)
        chosen = dict(choices) if choices else self._chosen(learnt, taught, seed)
        handed = {mode: name for mode, name in chosen.items() if isinstance(name, str)}
        trees = {mode: count for mode, count in chosen.items() if mode not in handed}
        rankers = _rankers(taught, {mode: trees[mode] for mode in _teachable(taught, list(trees))}, seed)
        singles = {each.name: each.fit(learnt, seed=seed) for each in self.singles if each.name in set(handed.values())}
        return TwoStage(generators_of(learnt.now), rankers, handed, singles)

    def _chosen(self, learnt: Learnt, taught: Sequence[Mapping[str, Taught]], seed: int) -> dict[str, Any]:
        """Return the trees of each mode, or the generator that surely did better at the newest past cutoff."""
        chosen: dict[str, Any] = dict.fromkeys(RANKERS, TREES)
        older = taught[1:]
        modes = [mode for mode in RANKERS if mode in _teachable(taught, RANKERS) and mode in _teachable(older, RANKERS)]
        held = held_out(learnt, self.singles, seed) if modes else None
        if held is None:
            return chosen
        generators, rankers = generators_of(held.seen), _rankers(older, dict.fromkeys(modes, TREES), seed)
        better = _by_mode(modes, lambda mode: held.better(mode, _Ranked(generators, rankers[mode])))
        return chosen | {mode: single or TREES for mode, single in better.items()}

    def load(self, parts: Mapping[str, bytes], statistics: Statistics, rules: Neighbours) -> TwoStage:
        """Return what ``parts`` hold."""
        import lightgbm as lgb

        similar, affinity = from_parts(Neighbours, "similar", parts), from_parts(Affinity, "affinity", parts)
        neighbourhood = from_parts(Neighbourhood, "neighbourhood", parts)
        rankers: dict[str, lgb.Booster] = {
            mode: lgb.Booster(model_str=parts[f"ranker_{mode}.txt"].decode())
            for mode in RANKERS
            if f"ranker_{mode}.txt" in parts
        }
        handed: Mapping[str, str] = orjson.loads(parts[f"{HANDED}.json"])
        singles = {
            each.name: each.load(_under(each.name, parts), statistics, rules)
            for each in self.singles
            if each.name in set(handed.values())
        }
        return TwoStage(Generators(statistics, similar, rules, affinity, neighbourhood), rankers, handed, singles)


def _under(name: str, parts: Mapping[str, bytes]) -> Mapping[str, bytes]:
    prefix = f"{name}_"
    return {part.removeprefix(prefix): content for part, content in parts.items() if part.startswith(prefix)}


def generators_of(known: Snapshot) -> Generators:
    """Return the generators at one cutoff."""
    return Generators(known.statistics, known.similar, known.rules, known.affinity, known.neighbourhood)


def _once(kept: dict[Hashable, Any], past: Past, seed: int) -> Mapping[str, Taught]:
    """Return what a past cutoff teaches each mode; read once for all limits that learn from it."""
    key = (past.key, seed)
    if key not in kept:
        seen = past.read()
        generators = generators_of(seen)
        kept[key] = _by_mode(RANKERS, lambda mode: _examples(generators, seen, mode, seed=seed + past.day.toordinal()))
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


def _teachable(taught: Sequence[Mapping[str, Taught]], modes: Sequence[str]) -> list[str]:
    return [mode for mode in modes if _positives(taught, mode) >= MIN_POSITIVES]


def _positives(taught: Sequence[Mapping[str, Taught]], mode: str) -> int:
    return sum(int(each[mode][1].sum()) for each in taught)


def _check(taught: Sequence[Mapping[str, Taught]]) -> None:
    found = _positives(taught, MAIN)
    if found < MIN_POSITIVES:
        raise NotEnoughDataError(
            f"{found} examples of a product that was bought next, at least {MIN_POSITIVES} are needed: bring more "
            "customers, or a longer history"
        )


def _rankers(taught: Sequence[Mapping[str, Taught]], trees: Mapping[str, int], seed: int) -> "dict[str, lgb.Booster]":
    return _by_mode(trees, lambda mode: _ranker([each[mode] for each in taught], mode, trees[mode], seed))


def _by_mode(modes: Iterable[str], work: Callable[[Any], _Found]) -> dict[str, _Found]:
    """Do some work for each mode, two at a time."""
    modes = list(modes)
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(modes, pool.map(work, modes), strict=True))


def _ranker(examples: list[Taught], mode: str, trees: int, seed: int) -> "lgb.Booster":
    import lightgbm as lgb

    features, bought = (np.concatenate(each) for each in zip(*examples, strict=True))
    parameters: dict[str, Any] = {**PARAMETERS, "learning_rate": LEARNING_RATE, "seed": seed}
    if mode == "new":
        # nothing else is known of what was never bought: what links it to the customer never speaks against it
        parameters["monotone_constraints"] = [(name in RISING) - (name in FALLING) for name in FEATURES]
    return lgb.train(parameters, lgb.Dataset(features, bought.astype(np.float32)), trees)


def contributions(scorer: TwoStage, profiles: Profiles) -> dict[str, float]:
    """Return the mean absolute TreeSHAP contribution of each group of features to the ranker of the next basket.

    Nothing where a single generator serves the next basket.
    """
    if MAIN not in scorer.rankers:
        return {}
    asked = Asked(profiles, "any").take(thinned(np.arange(profiles.customers), EXPLAINED))
    found = scorer.generators.candidates(asked).features
    drawn = found[thinned(np.arange(len(found)), EXPLAINED_ROWS)]
    effects = np.asarray(scorer.rankers[MAIN].predict(drawn, pred_contrib=True, num_threads=1))
    ends = np.cumsum([len(names) for names in GROUPS.values()])
    # the last column is the base rate
    parts = np.split(effects[:, :-1], ends[:-1], axis=1)
    return {group: float(np.abs(part.sum(axis=1)).mean()) for group, part in zip(GROUPS, parts, strict=True)}
