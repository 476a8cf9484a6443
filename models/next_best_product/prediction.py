"""Next-best-product: which products each customer should be offered next."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from ibis.expr import types as ir
from numpy.typing import NDArray

from models import columns as col
from models.errors import InvalidRequestError
from models.examples import NOBODY, inline_customer
from models.labels import next_products
from models.next_best_product.asking import Asked
from models.next_best_product.batch import as_table
from models.next_best_product.candidates import GROUPS
from models.next_best_product.golden import golden_histories
from models.next_best_product.messages import LevelName, NextBestProductRequest, NextBestProductResponse
from models.next_best_product.profiles import Ints, events_of, profiles_of
from models.next_best_product.recommender import FittedRecommender, ItemMethod, Level, Levels, load_level
from models.next_best_product.serving import Counter, counter_for, people_asked, people_stored
from models.next_best_product.settings import NextBestProductSettings
from models.next_best_product.shelf import Shelf
from models.next_best_product.teaching import Teaching
from models.next_best_product.two_stage import TwoStage, TwoStageMethod
from models.next_best_product.vocabulary import GROUPINGS
from models.prediction import BatchOptions, Customers, Examples, Fitted, Matrix, Prediction, Scores, Served, Task
from models.purchases import Histories
from models.ranking import RankingMeasurement, measured
from models.rivals.ease import EASE
from models.rivals.item_knn import ItemKNN
from models.rivals.most_popular import Popularity
from models.rivals.personal_frequency import PersonalFrequency
from models.settings import FeatureSettings
from models.store import Store

LEVELS: tuple[LevelName, ...] = ("category", "product")
MODES = {"next_basket": "any", "new": "new", "repeat": "repeat", "basket": "basket"}
PRODUCT = "product_"
CHOOSING = ("next_basket", "new")
SAMPLE = 300
KEPT_SHELVES = 4


class NextBestProduct(Prediction):
    """Products that a customer will buy in the next ``horizon`` days, ranked, for customers who bought a product."""

    name = "next-best-product"
    question = "Which product should each customer be offered next?"
    request = NextBestProductRequest
    response = NextBestProductResponse
    reads_histories = True
    Settings = NextBestProductSettings
    settings: NextBestProductSettings
    not_eligible = "bought no product that is recommended here"
    candidates: tuple[ItemMethod, ...] = (TwoStageMethod(), EASE(), ItemKNN(), PersonalFrequency(), Popularity())

    def __init__(self, features: FeatureSettings, settings: NextBestProductSettings) -> None:
        super().__init__(features, settings)
        self._teaching = Teaching(settings)
        self._shelves: dict[tuple[int, str], Shelf] = {}

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The modes by category, then by product; the next basket and the new products by category choose."""
        days = self.settings.horizon
        category = tuple(Task(mode, days, chooses=mode in CHOOSING) for mode in MODES)
        return category + tuple(Task(f"{PRODUCT}{mode}", days, chooses=False) for mode in MODES)

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the candidates."""
        return tuple(method.name for method in self.candidates)

    def labels(self, tables: Mapping[str, ir.Table], spine: ir.Table) -> ir.Table:
        """Return what was bought next, without what is never recommended."""
        lines, products = tables[col.ORDER_LINES], tables[col.PRODUCTS]
        names = self.settings.exclude_categories
        if names:
            out = [products[column].isin(names) for column in GROUPINGS]
            never = products.filter(out[0] | out[1] | out[2]).select(col.PRODUCT_ID)
            lines = lines.anti_join(never, col.PRODUCT_ID)
        return next_products({**tables, col.ORDER_LINES: lines}, spine, horizon=self.settings.horizon)

    def eligible(self, customers: Customers) -> NDArray[np.bool_]:
        """Say who ordered before."""
        ordered: NDArray[np.bool_] = customers.column("orders") > 0
        return ordered

    def target(self, examples: Examples) -> Scores:
        """Return how many products were bought in the window, shape (n, 1); NaN = not eligible or not known yet."""
        bought = examples.labels[col.WINDOW_PRODUCTS]
        counts = np.array([0 if each is None else len(each) for each in bought], float)
        known = self.eligible(examples.customers) & (examples.observed_days >= self.settings.horizon)
        return np.where(known, counts, np.nan)[:, None]

    def fit(
        self, method: str, examples: Examples, *, horizon: int, seed: int, choices: Mapping[str, Any] | None = None
    ) -> FittedRecommender:
        """Fit as ``Prediction.fit`` says; a level is fitted when it is first used, the categories at once."""
        chosen = self._method(method)
        teach = partial(
            self._teaching.level, method=chosen, examples=examples, horizon=horizon, seed=seed, choices=choices or {}
        )
        makers = {name: partial(teach, name) for name in self._levels(examples)}
        fitted = FittedRecommender(method, Levels(makers))
        assert fitted.levels[next(iter(makers))]
        return fitted

    def load(self, method: str, parts: Mapping[str, bytes]) -> FittedRecommender:
        """Return the fitted method that ``parts`` hold."""
        names = [name for name in LEVELS if any(part.startswith(f"{name}.") for part in parts)]
        levels: dict[str, Level] = {
            name: load_level(
                self._method(method),
                {part.removeprefix(f"{name}."): each for part, each in parts.items() if part.startswith(f"{name}.")},
            )
            for name in names
        }
        return FittedRecommender(method, levels)

    def golden_histories(self, fitted: Fitted, count: int) -> Histories:
        """Return synthetic purchases of the items themselves."""
        return golden_histories(_recommender(fitted), count)

    def measure(self, fitted: Fitted, examples: Examples, task: Task) -> RankingMeasurement:
        """Measure the lists of those who ordered lately and bought something that counts."""
        name, mode = (
            ("product", task.tag.removeprefix("product_")) if "product_" in task.tag else ("category", task.tag)
        )
        level = _recommender(fitted).levels.get(name)
        if level is None:
            return measured([], [], [], items=0)
        seen = self._teaching.seen_with(level.vocabulary, name, examples)
        asked, right = seen.question(MODES[mode])
        taught = seen.taught(right)
        ranked = level.rank(asked.take(taught), k=10)
        return measured(ranked.items, ranked.filled, [right[row] for row in taught], items=len(level.vocabulary))

    def drivers(self, fitted: Fitted, customers: Customers, medians: Matrix) -> dict[str, float]:
        """Return the mean absolute TreeSHAP contribution of each group to the ranker of the next basket."""
        level = next(iter(_recommender(fitted).levels.values()))
        if not isinstance(level.scorer, TwoStage) or customers.histories is None:
            return {}
        codes = level.vocabulary.codes(customers.histories.products)
        few = customers.histories.take(np.arange(min(len(customers), SAMPLE)))
        asked = Asked(profiles_of(events_of(few, codes, len(level.vocabulary))), "any")
        found = level.scorer.generators.candidates(asked).features[:: max(1, len(asked) // 20)]
        shap = np.abs(level.scorer.rankers["any"].predict(found, pred_contrib=True, num_threads=1)).mean(axis=0)
        ends = np.cumsum([len(names) for names in GROUPS.values()])
        return {group: float(part.sum()) for group, part in zip(GROUPS, np.split(shap[:-1], ends[:-1]), strict=True)}

    def cut_points(self, fitted: Fitted, store: Store) -> NDArray[np.float64]:
        """Return the 1st to 99th percentile of the best scores of some of the store's customers, shape (99,)."""
        rows = np.unique(np.linspace(0, len(store) - 1, min(len(store), SAMPLE)).astype(np.int64))
        as_of = np.full(len(rows), np.datetime64(store.as_of, "D"))
        histories = store.histories_at(rows, as_of)
        customers = Customers([""] * len(rows), as_of, store.features_at(rows), store.names, histories)
        return np.quantile(fitted.score(customers)[:, 0], np.arange(1, 100) / 100)

    def answer(self, served: Served, request: NextBestProductRequest) -> NextBestProductResponse:
        """Answer a request: one answer for each customer asked for, in order."""
        level, shelf = self._level(served, request.level)
        counter, unknown = counter_for(level, shelf, request)
        answers = counter.answers(people_asked(served, shelf, request.customers))
        return NextBestProductResponse.model_construct(**served.envelope, unknown_products=unknown, answers=answers)

    def example(self, served: Served) -> dict[str, Any]:
        """Ask for a known customer, somebody unknown, and a history sent inline."""
        return {"customers": [*served.known_customers(1), NOBODY, inline_customer(served)], "k": 3}

    def warm(self, served: Served) -> None:
        """Answer once at each level."""
        for name in LEVELS:
            if name in _recommender(served.fitted).levels:
                self.table(served, np.arange(min(2, len(served.store))), BatchOptions(level=name))

    def table(self, served: Served, rows: Ints, options: BatchOptions) -> pa.Table:
        """Answer for the store's customers at ``rows``: a row for each product, best first."""
        level, shelf = self._level(served, options.level)
        if options.mode == "basket":
            raise InvalidRequestError("mode 'basket' is for the service: a batch has no basket; any, new or repeat")
        counter = Counter(level, shelf, options.mode, options.k, None, np.empty(0, np.int64))
        return as_table(counter.answers(people_stored(served, shelf, rows)))

    def _level(self, served: Served, name: str) -> tuple[Level, Shelf]:
        levels = _recommender(served.fitted).levels
        if name not in levels:
            raise InvalidRequestError(
                f"level {name!r}: the products have no categories; ask for the level 'product'", field="level"
            )
        level = levels[name]
        key = (id(served.store.products), name)
        found = self._shelves.get(key)
        if found is None or found.vocabulary is not level.vocabulary:
            while len(self._shelves) >= KEPT_SHELVES:
                self._shelves.pop(next(iter(self._shelves)), None)
            found = self._shelves[key] = Shelf(served.store.products, level.vocabulary)
        return level, found

    def _levels(self, examples: Examples) -> tuple[str, ...]:
        histories = examples.customers.histories
        assert histories is not None
        present = [name for name in GROUPINGS if name in histories.products.column_names]
        grouped = any(histories.products[name].null_count < histories.products.num_rows for name in present)
        return LEVELS if grouped else LEVELS[1:]

    def _method(self, name: str) -> ItemMethod:
        return next(method for method in self.candidates if method.name == name)


def _recommender(fitted: Fitted) -> FittedRecommender:
    assert isinstance(fitted, FittedRecommender)
    return fitted
