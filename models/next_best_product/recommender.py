"""A fitted method at each level: ranks items for customers, and fills up with what is popular."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from models.next_best_product.arrays import array_parts, from_parts
from models.next_best_product.asking import NOT_SCORED, Asked, Mode, scored_only
from models.next_best_product.assortment import Assortment
from models.next_best_product.learning import Learnt
from models.next_best_product.neighbours import Neighbours
from models.next_best_product.profiles import Events, Floats, Ints, events_of, profiles_of
from models.next_best_product.reasons import Explainer, Why
from models.next_best_product.statistics import Statistics
from models.next_best_product.vocabulary import Vocabulary
from models.parts import canonical_json
from models.prediction import Customers, Scores
from models.ranking import TOP

CHUNK = 128
SCORED_MODES = ("any", "new")


class Scorer(Protocol):
    """A fitted method at one level."""

    @property
    def choices(self) -> Mapping[str, Any]:
        """What fitting chose (JSON)."""

    def score(self, asked: Asked) -> Floats:
        """Score each customer by itself, shape (n, items); ``-inf`` = not scored, never NaN."""

    def parts(self) -> Mapping[str, bytes]:
        """Return the files that hold it."""


@runtime_checkable
class PartlyPersonal(Protocol):
    """A scorer that in some modes scores the same for everybody; any other is personal in every mode."""

    def personal(self, mode: Mode) -> bool:
        """Say whether scores of a mode are of the customer's own."""


class ItemMethod(Protocol):
    """A method of ranking items; ours and every rival is one."""

    @property
    def name(self) -> str:
        """Short name; part of metric names."""

    def fit(self, learnt: Learnt, *, seed: int, choices: Mapping[str, Any] | None = None) -> Scorer:
        """Fit at one level."""

    def load(self, parts: Mapping[str, bytes], statistics: Statistics, rules: Neighbours) -> Scorer:
        """Return what ``Scorer.parts`` gave."""


@dataclass(frozen=True)
class Ranked:
    """The best items of n customers, best first.

    Parameters
    ----------
    items : tuple of int64 array, length n
        At most k each.
    scores : tuple of float64 array, length n
        Beside the items; NaN where the method says nothing and popularity filled the place.
    why : tuple of tuple of Why, length n
        What speaks for each; None = popularity alone.
    """

    items: tuple[Ints, ...]
    scores: tuple[Floats, ...]
    why: tuple[tuple[Why, ...], ...]

    @property
    def fallbacks(self) -> tuple[NDArray[np.bool_], ...]:
        """Say which items are not personal."""
        return tuple(np.array([reason is None for reason in row], bool) for row in self.why)


@dataclass(frozen=True)
class Level:
    """A fitted method at one level.

    Parameters
    ----------
    vocabulary : Vocabulary
        The items.
    statistics : Statistics
        What is known of them at the limit.
    rules : Neighbours
        Orders that hold both of two items.
    scorer : Scorer
        The method.
    """

    vocabulary: Vocabulary
    statistics: Statistics
    rules: Neighbours
    scorer: Scorer

    def rank(self, asked: Asked, k: int) -> Ranked:
        """Return the k best items of each customer, each by itself; fewer where no more may be answered."""
        rows: list[tuple[Ints, Floats, tuple[Why, ...]]] = []
        for start in range(0, len(asked), CHUNK):
            rows.extend(self._chunk(asked.chunk(start, min(start + CHUNK, len(asked))), k))
        items, scores, why = zip(*rows, strict=True) if rows else ((), (), ())
        return Ranked(items, scores, why)

    def _chunk(self, asked: Asked, k: int) -> Iterator[tuple[Ints, Floats, tuple[Why, ...]]]:
        scores, fits = scored_only(self.scorer.score(asked), asked), asked.open_items
        personal = is_personal(self.scorer, asked.mode)
        for row in range(len(asked)):
            scored = best(scores[row], self.statistics.popularity, k)
            fill = popular(self.statistics, fits[row], scored, k - len(scored))
            items = np.concatenate([scored, fill])
            # what is popular is the same for everybody, unless everything in question was bought before
            explained = len(items) if asked.mode == "repeat" else len(scored) * personal
            why = Explainer(self.statistics, self.rules, asked, row).why(items[:explained])
            yield (
                items,
                np.concatenate([scores[row, scored], np.full(len(fill), np.nan)]),
                (*why, *[None] * (len(items) - explained)),
            )

    def parts(self) -> Mapping[str, bytes]:
        """Return the files that hold it."""
        about = {"column": self.vocabulary.column, "excluded": self.vocabulary.excluded, "names": self.vocabulary.names}
        shared = array_parts("statistics", self.statistics) | array_parts("rules", self.rules)
        own = {f"scorer_{name}": content for name, content in self.scorer.parts().items()}
        return {"items.json": canonical_json(about), **shared, **own}


def load_level(method: ItemMethod, parts: Mapping[str, bytes]) -> Level:
    """Return the level that ``parts`` hold."""
    about = orjson.loads(parts["items.json"])
    statistics, rules = from_parts(Statistics, "statistics", parts), from_parts(Neighbours, "rules", parts)
    own = {name.removeprefix("scorer_"): each for name, each in parts.items() if name.startswith("scorer_")}
    vocabulary = Vocabulary(about["column"], tuple(about["names"]), tuple(about["excluded"]))
    return Level(vocabulary, statistics, rules, method.load(own, statistics, rules))


def is_personal(scorer: Scorer, mode: Mode) -> bool:
    """Say whether what a method scores in a mode is of the customer's own."""
    return not isinstance(scorer, PartlyPersonal) or scorer.personal(mode)


def best(scores: Floats, popularity: Floats, k: int) -> Ints:
    """Return the items with the highest k scores, best first; of equal ones the more popular, then the first."""
    found = np.flatnonzero(scores > NOT_SCORED)
    if len(found) > k:
        least = -np.partition(-scores[found], k - 1)[k - 1]
        found = found[scores[found] >= least]
    order = np.lexsort((found, -popularity[found], -scores[found]))
    picked: Ints = found[order[:k]]
    return picked


def popular(statistics: Statistics, fits: NDArray[np.bool_], taken: Ints, count: int) -> Ints:
    """Return the most popular items that fit and are not taken; what nobody ever bought is not popular."""
    if not count:
        return taken[:0]
    spare = fits & (statistics.buyers > 0)
    spare[taken] = False
    order = statistics.by_popularity
    return order[spare[order]][:count]


def best_lists(scorer: Scorer, statistics: Statistics, asked: Asked, k: int) -> list[Ints]:
    """Return the k best items of each customer as ``Level.rank`` does, without scores and reasons."""
    lists: list[Ints] = []
    for start in range(0, len(asked), CHUNK):
        part = asked.chunk(start, min(start + CHUNK, len(asked)))
        scores, fits = scored_only(scorer.score(part), part), part.open_items
        for row in range(len(part)):
            personal = best(scores[row], statistics.popularity, k)
            lists.append(np.concatenate([personal, popular(statistics, fits[row], personal, k - len(personal))]))
    return lists


class Levels(Mapping[str, Level]):
    """The levels of a method, each fitted when it is first asked for: who measures one does not pay for the other.

    Parameters
    ----------
    makers : mapping of str to callable
        Makes a level.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Level]]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, Level] = {}

    def __getitem__(self, name: str) -> Level:
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


@dataclass(frozen=True)
class FittedRecommender:
    """One method, fitted at each level.

    Parameters
    ----------
    method : str
        Its name.
    levels : Levels
        ``category`` and ``product``, as far as the data have them.
    """

    method: str
    levels: Mapping[str, Level]
    _assortments: dict[str, Assortment] = field(default_factory=dict, compare=False, repr=False)

    def assortment(self, level: str, products: pa.Table) -> Assortment:
        """Return a store's products as a level sees them; indexed once, as a fitted method serves from one store."""
        found = self._assortments.get(level)
        if found is None or found.products is not products:
            found = self._assortments[level] = Assortment(products, self.levels[level].vocabulary)
        return found

    @property
    def choices(self) -> Mapping[str, Any]:
        """What fitting chose at each level that chooses anything."""
        return {name: dict(level.scorer.choices) for name, level in self.levels.items() if level.scorer.choices}

    def score(self, customers: Customers) -> Scores:
        """Return the ten best scores of each level in the modes any and new, shape (n, 20 x levels); 0 = no more.

        Where popularity filled a place it is the share of buyers. Customers without histories are scored as such who
        bought nothing.
        """
        columns = [np.zeros((len(customers), 0))]
        for level in self.levels.values():
            profiles = profiles_of(_events(customers, level))
            for mode in SCORED_MODES:
                ranked = level.rank(Asked(profiles, mode), TOP)  # type: ignore[arg-type]
                found = np.zeros((len(customers), TOP))
                for row, (items, scores) in enumerate(zip(ranked.items, ranked.scores, strict=True)):
                    shares = level.statistics.popularity[items]
                    found[row, : len(items)] = np.where(np.isnan(scores), shares, scores)
                columns.append(found)
        return np.column_stack(columns)

    def parts(self) -> Mapping[str, bytes]:
        """Return the files of each level under its name."""
        return {
            f"{name}.{file}": content for name, level in self.levels.items() for file, content in level.parts().items()
        }


def _events(customers: Customers, level: Level) -> Events:
    items = len(level.vocabulary)
    if customers.histories is None:
        nothing = np.empty(0, np.int64)
        return Events(len(customers), items, nothing, nothing, nothing)
    return events_of(customers.histories, level.vocabulary.codes(customers.histories.products), items)
