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
from models.examples import NOBODY, bought_most, inline_customer
from models.labels import next_products
from models.next_best_product.asking import Asked
from models.next_best_product.assortment import Assortment
from models.next_best_product.batch import as_table
from models.next_best_product.golden import golden_histories
from models.next_best_product.learning import BUT_ONE, MAX_MEASURED
from models.next_best_product.messages import MAX_PRODUCTS, LevelName, NextBestProductRequest, NextBestProductResponse
from models.next_best_product.profiles import Ints, events_of, profiles_of
from models.next_best_product.recommender import FittedRecommender, ItemMethod, Level, Levels, load_level
from models.next_best_product.serving import Wanted, answers, people_asked, people_stored, wanted_by
from models.next_best_product.settings import NextBestProductSettings
from models.next_best_product.teaching import Teaching
from models.next_best_product.two_stage import TwoStage, TwoStageMethod, contributions
from models.plain import only_finite
from models.prediction import BatchOptions, Customers, Examples, Fitted, Matrix, Prediction, Scores, Served, Task
from models.products import GROUPINGS, filled
from models.purchases import Histories
from models.ranking import TOP, RankingMeasurement, measured
from models.rivals.als import ALS
from models.rivals.decayed_frequency import DecayedFrequency
from models.rivals.ease import EASE
from models.rivals.item_knn import ItemKNN
from models.rivals.most_popular import MostPopular
from models.rivals.personal_frequency import PersonalFrequency
from models.rivals.tifu_knn import TIFUKNN
from models.rivals.up_cf import UPCF
from models.sampling import thinned
from models.settings import FeatureSettings
from models.store import Store

LEVELS: tuple[LevelName, ...] = ("category", "product")
MODES = {"next_basket": "any", "new": "new", "repeat": "repeat", "basket": BUT_ONE}
"""What is measured, and what is asked."""
TITLES = {
    "next_basket": "The next basket",
    "new": "Bought for the first time",
    "repeat": "Bought again",
    "basket": "One item of a basket by the others",
}
PRODUCT = "product_"
"""What the tags of the product level begin with."""
_BASKET_DRAWN = 50


class NextBestProduct(Prediction):
    """Products that a customer will buy in the next ``horizon`` days, ranked.

    Measured on customers with an order in the last 90 days: the next basket, what is bought for the first time, what is
    bought again, and one item of a basket by the others. Up to three of the newest cutoffs, 28 days apart (or a
    horizon, where it is shorter), teach the rankers; the newest of three says where a single generator serves instead.
    """

    name = "next-best-product"
    question = "Which product should each customer be offered next?"
    request = NextBestProductRequest
    response = NextBestProductResponse
    needs = (col.PRODUCT_ID,)
    reads_histories = True
    drivers_are = (
        "Mean absolute effect of each group of features on the log-odds that a candidate is in the next basket."
    )
    batch_options = frozenset({"k", "mode", "level"})
    Settings = NextBestProductSettings
    settings: NextBestProductSettings
    candidates: tuple[ItemMethod, ...] = (
        TwoStageMethod(), ALS(), EASE(), TIFUKNN(), UPCF(), ItemKNN(), DecayedFrequency(), PersonalFrequency(),
        MostPopular(),
    )  # fmt: skip

    def __init__(self, features: FeatureSettings, settings: NextBestProductSettings) -> None:
        super().__init__(features, settings)
        self._teaching = Teaching(settings)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The modes by category, of which two choose; then the next basket and the new products by product."""
        days = self.settings.horizon
        chosen_by = ("next_basket", "new")
        return (
            *(Task(tag, days, chooses=tag in chosen_by, title=TITLES[tag]) for tag in MODES),
            *(Task(f"{PRODUCT}{tag}", days, chooses=False, title=f"{TITLES[tag]}, by product") for tag in chosen_by),
        )

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the candidates."""
        return tuple(method.name for method in self.candidates)

    def labels(self, tables: Mapping[str, ir.Table], spine: ir.Table) -> ir.Table:
        """Return what was bought next, without what is never recommended."""
        lines, products = tables[col.ORDER_LINES], tables[col.PRODUCTS]
        names = self.settings.exclude_categories
        if names:
            out = [products[column].isin(names).fill_null(False) for column in GROUPINGS]
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
        """Fit as ``Prediction.fit`` says; a level is fitted when it is first used, the first one at once."""
        chosen = self._method(method)
        teach = partial(
            self._teaching.level, method=chosen, examples=examples, horizon=horizon, seed=seed, choices=choices or {}
        )
        makers = {name: partial(teach, name) for name in self._levels(examples)}
        fitted = FittedRecommender(method, Levels(makers))
        # too little data is refused here, and not where a figure is asked for
        next(iter(fitted.levels.values()))
        return fitted

    def load(self, method: str, parts: Mapping[str, bytes]) -> FittedRecommender:
        """Return the fitted method that ``parts`` hold."""
        levels: dict[str, Level] = {}
        for name in LEVELS:
            own = {part.removeprefix(f"{name}."): each for part, each in parts.items() if part.startswith(f"{name}.")}
            if own:
                levels[name] = load_level(self._method(method), own)
        return FittedRecommender(method, levels)

    def golden_histories(self, fitted: Fitted, count: int) -> Histories:
        """Return synthetic purchases of the items themselves."""
        return golden_histories(_recommender(fitted), count)

    def measure(self, fitted: Fitted, examples: Examples, task: Task) -> RankingMeasurement:
        """Measure the lists of those who ordered lately and bought something that counts.

        Products without categories are measured in place of categories.
        """
        name = _level_name(fitted, task)
        if name is None:
            return measured([], [], [], offered=np.zeros(0, bool))
        level = _recommender(fitted).levels[name]
        asked, right, taught = self._asked(fitted, name, examples, task)
        ranked = level.rank(asked.take(taught), k=TOP)
        return measured(
            ranked.items,
            ranked.fallbacks,
            [right[row] for row in taught],
            offered=level.statistics.buyers > 0,
        )

    def units(self, fitted: Fitted, examples: Examples, task: Task) -> Ints:
        """Return the rows of the customers whose lists are measured."""
        name = _level_name(fitted, task)
        return np.empty(0, np.int64) if name is None else self._asked(fitted, name, examples, task)[2]

    def drivers(self, fitted: Fitted, customers: Customers, medians: Matrix) -> dict[str, float]:
        """Return the mean absolute TreeSHAP contribution of each group to the ranker of the next basket."""
        level = next(iter(_recommender(fitted).levels.values()))
        if not isinstance(level.scorer, TwoStage) or customers.histories is None:
            return {}
        codes = level.vocabulary.codes(customers.histories.products)
        return contributions(level.scorer, profiles_of(events_of(customers.histories, codes, len(level.vocabulary))))

    def cut_points(self, fitted: Fitted, store: Store) -> NDArray[np.float64]:
        """Return nothing: scores of different products have no percentiles in common."""
        return np.empty(0)

    def reply(self, served: Served, request: NextBestProductRequest) -> dict[str, Any]:
        """Answer a request: one answer for each customer asked for, in order.

        Raises
        ------
        InvalidRequestError
            The level is not there, a filter names nothing, or nothing of the basket is known.
        InvalidModelOutputError
            A figure is not finite.
        """
        level, assortment = _opened(served, request.level)
        wanted, unknown = wanted_by(level, assortment, request)
        found = answers(wanted, people_asked(served, assortment, request.customers))
        return only_finite({**served.envelope, "unknown_products": unknown, "answers": found})

    def examples(self, served: Served) -> list[dict[str, Any]]:
        """Ask for a known customer, somebody unknown and a history sent inline; then complete a basket."""
        known = served.known_customers(1)
        asked: list[dict[str, Any]] = [{"customers": [*known, NOBODY, inline_customer(served)], "k": 3}]
        most = bought_most(served.store, _BASKET_DRAWN)
        items = _opened(served, None)[1].items(most)
        if basket := [product for product, item in zip(most, items.tolist(), strict=True) if item >= 0][:2]:
            asked.append({"customers": known, "mode": "basket", "basket": basket, "k": 3})
        return asked

    def warm(self, served: Served) -> None:
        """Answer once at each level."""
        for name in LEVELS:
            if name in set(_recommender(served.fitted).levels):
                self.table(served, np.arange(min(2, len(served.store))), BatchOptions(level=name))

    def table(self, served: Served, rows: Ints, options: BatchOptions) -> pa.Table:
        """Answer for the store's customers at ``rows``: a row for each product, best first.

        Raises
        ------
        InvalidRequestError
            The level is not there.
        """
        level, assortment = _opened(served, options.level)
        wanted = Wanted(level, assortment, options.mode, options.k, None, np.empty(0, np.int64))
        # an answer takes about 2 kB a product until it is a row of the table
        step = MAX_PRODUCTS // options.k
        parts = (rows[start : start + step] for start in range(0, max(len(rows), 1), step))
        return pa.concat_tables([as_table(answers(wanted, people_stored(served, assortment, part))) for part in parts])

    def _asked(
        self, fitted: Fitted, name: LevelName, examples: Examples, task: Task
    ) -> tuple[Asked, tuple[Ints, ...], Ints]:
        """Return a task's question, what would have been right, and the rows that are measured."""
        seen = self._teaching.seen_with(_recommender(fitted).levels[name].vocabulary, name, examples)
        asked, right = seen.question(MODES[task.tag.removeprefix(PRODUCT)])
        return asked, right, thinned(seen.taught(right), MAX_MEASURED)

    def _levels(self, examples: Examples) -> tuple[str, ...]:
        histories = examples.customers.histories
        assert histories is not None  # the prediction reads them
        if not filled(histories.products, GROUPINGS):
            return LEVELS[1:]
        return LEVELS if self._teaching.can_teach("product", examples) else LEVELS[:1]

    def _method(self, name: str) -> ItemMethod:
        return next(method for method in self.candidates if method.name == name)


def _opened(served: Served, asked: LevelName | None) -> tuple[Level, Assortment]:
    """Return a level, and the store's products as it sees them; None = the finest that there is."""
    fitted = _recommender(served.fitted)
    name = asked or ("product" if "product" in set(fitted.levels) else "category")
    if name not in set(fitted.levels):
        known = next(iter(fitted.levels))
        why = "the products have no categories" if name == "category" else "too few customers bought any one product"
        raise InvalidRequestError(f"level {name!r}: {why}; ask for the level {known!r}", field="level")
    return fitted.levels[name], fitted.assortment(name, served.store.products)


def _level_name(fitted: Fitted, task: Task) -> LevelName | None:
    """Return the level that a task is measured at; None = the one level that there is has been asked already."""
    levels = set(_recommender(fitted).levels)
    if not task.tag.startswith(PRODUCT):
        return "category" if "category" in levels else "product"
    return "product" if levels == set(LEVELS) else None


def _recommender(fitted: Fitted) -> FittedRecommender:
    assert isinstance(fitted, FittedRecommender)
    return fitted
