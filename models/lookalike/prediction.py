"""Lookalike: who resembles the customers of a list. Fitted per call; what is trained is what every fit needs."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from ibis.expr import types as ir
from numpy.typing import NDArray
from pydantic import Field

from models import columns as col
from models.errors import InvalidRequestError, NotEnoughDataError
from models.examples import NOBODY
from models.labels import next_order, next_products
from models.lookalike.answer import reply
from models.lookalike.audience import LIKES, SPEND, VECTORS, everybody_of
from models.lookalike.fitted import FittedLookalike
from models.lookalike.messages import LookalikeRequest, LookalikeResponse
from models.lookalike.prior import fit_prior, plain_prior
from models.lookalike.queries import draw_queries, measured, past_lists
from models.lookalike.seed_logistic import SeedLogistic
from models.lookalike.space import Space, fit_space
from models.lookalike.traits import buyers_of_each, mean_apart
from models.methods import MIN_EXAMPLES
from models.metrics import QueryMeasurement
from models.prediction import BatchOptions, Customers, Examples, Fitted, Matrix, Prediction, Scores, Served, Task
from models.purchases import Histories, purchases_of
from models.rivals.centroid import Centroid
from models.rivals.spend_rank import SpendRank
from models.section import Section
from models.settings import Days
from models.store import Store

CATEGORY, NEW_CATEGORY = "category", "new_category"
_EXAMPLE_SEEDS = 25


class LookalikeSettings(Section):
    """How customers are compared, and what methods are measured by."""

    horizon: Days = Field(default=30, description="Days in which the buyers of a measured query buy.")
    active_days: Days = Field(default=180, description="Measured among customers with an order in this many days.")
    level: Literal["subcategory", "category", "department", "product_id"] = Field(
        default="category", description="Column of the product table that tastes are made of."
    )
    dimensions: int = Field(default=32, ge=1, le=128, description="Figures that a taste has.")
    background: int = Field(default=2_000, ge=200, le=20_000, description="Customers that seeds are compared with.")
    strength: float = Field(
        default=3.0, gt=0, le=1_000, description="C x rows of the regression on 50 seeds; lower = more regularised."
    )
    queries: int = Field(default=20, ge=1, le=200, description="Queries that a method is measured by, for each task.")
    seeds: int = Field(default=50, ge=20, le=1_000, description="Seeds of a measured query.")


class Lookalike(Prediction):
    """Likeness to the seeds of a request, for anybody in any table.

    Measured by queries: of the buyers of a category in the ``horizon`` days after a cutoff, ``seeds`` are the seeds
    (half of them, where they are few); the others are hidden among all customers with an order in the ``active_days``
    before it, and have to be found. New buyers are those who had never bought the category before. Where no category
    can be asked for, the buyers are those who order at all, and the new ones those who come back after a pause.
    """

    name = "lookalike"
    question = "Who is most like the customers of a given list?"
    request = LookalikeRequest
    response = LookalikeResponse
    reads_histories = True
    in_batch = False
    reached = "hidden buyers"
    drivers_are = (
        "Each call has its own drivers, and its answer names them as traits. What sets lists of customers apart in "
        "general: the distance from everybody, in everybody's standard deviations, of the feature of each group that "
        "differs most; the mean over lists, each of those who ever bought one category."
    )
    Settings = LookalikeSettings
    settings: LookalikeSettings
    candidates: ClassVar[tuple[type[FittedLookalike], ...]] = (SeedLogistic, Centroid, SpendRank)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Buyers of a category, and those who buy it for the first time."""
        days = self.settings.horizon
        return (
            Task(CATEGORY, days, title=f"Buyers of a category in the next {days} days"),
            Task(NEW_CATEGORY, days, title=f"New buyers of a category in the next {days} days"),
        )

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the candidates."""
        return tuple(candidate.method for candidate in self.candidates)

    def labels(self, tables: Mapping[str, ir.Table], spine: ir.Table) -> ir.Table:
        """Days to the next order, and the products of the window."""
        orders, bought = next_order(tables, spine), next_products(tables, spine, horizon=self.settings.horizon)
        keys = [col.CUSTOMER_ID, col.AS_OF]
        joined = orders.inner_join(bought, keys)
        return joined.select(*keys, col.NEXT_ORDER_DAYS, col.WINDOW_PRODUCTS)

    def eligible(self, customers: Customers) -> NDArray[np.bool_]:
        """Everybody: people without an order take part with what is known of them."""
        return np.ones(len(customers), bool)

    def target(self, examples: Examples) -> Scores:
        """1 where an order came in the window: a query knows its buyers from then on."""
        ordered = examples.labels[col.NEXT_ORDER_DAYS] < self.settings.horizon
        return np.where(examples.observed_days >= self.settings.horizon, ordered, np.nan)[:, None]

    def fit(
        self, method: str, examples: Examples, *, horizon: int, seed: int, choices: Mapping[str, Any] | None = None
    ) -> Fitted:
        """Fit the space on everybody at the newest cutoff, draw the background, and learn the prior from past lists.

        The newest cutoff is today's: its window is open. The lists are those of the newest cutoff whose window has
        closed by the limit, with the customers as they were then; where there is none, the prior is the plain one.

        Raises
        ------
        NotEnoughDataError
            There are fewer than ``MIN_EXAMPLES`` customers.
        """
        customers = examples.customers
        newest = customers.as_of == max(customers.as_of, default=None)
        everybody = customers.take(newest)
        if len(everybody) < MIN_EXAMPLES:
            raise NotEnoughDataError(
                f"{len(everybody)} customers at the newest cutoff, at least {MIN_EXAMPLES} are needed: bring more "
                "customers"
            )
        # only fitting needs it, and what serves does not have it
        from threadpoolctl import threadpool_limits

        settings = self.settings
        # sums that threads share round otherwise: the same data must give the same bytes, whatever the machine
        with threadpool_limits(1):
            space = fit_space(everybody, settings.level, dimensions=settings.dimensions, seed=seed)
            points = space.points(everybody)
            drawn = np.random.default_rng(seed).permutation(len(everybody))[: settings.background]
            background = points.take(np.sort(drawn))
            return self._candidate(method)(space, background, settings.strength, self._prior(examples, space))

    def load(self, method: str, parts: Mapping[str, bytes]) -> Fitted:
        """Return the fitted method that ``parts`` hold."""
        return self._candidate(method).load(parts)

    def golden_histories(self, fitted: Fitted, count: int) -> Histories | None:
        """Give golden customer i one purchase of every (i + 1)th category."""
        assert isinstance(fitted, FittedLookalike)
        tastes = fitted.space.tastes
        names = pa.array(tastes.categories, pa.string())
        products = pa.table({col.PRODUCT_ID: names, tastes.level: names})
        bought = [(row, item) for row in range(count) for item in range(0, len(names), row + 1)]
        customers, items = [row for row, _ in bought], [item for _, item in bought]
        purchases = purchases_of(customers, items, [0] * len(items), count=count)
        return Histories(products, purchases, np.arange(count), np.full(count, np.datetime64("2000-01-01", "D")))

    def measure(self, fitted: Fitted, examples: Examples, task: Task) -> QueryMeasurement:
        """Look where the hidden buyers of the task's queries land."""
        assert isinstance(fitted, FittedLookalike)
        known = examples.take(~np.isnan(self.target(examples)[:, 0]))
        settings = self.settings
        queries = draw_queries(
            known,
            settings.level,
            new=task.tag == NEW_CATEGORY,
            horizon=settings.horizon,
            active_days=settings.active_days,
            seeds=settings.seeds,
            most=settings.queries,
        )
        return measured(fitted, fitted.space.points(known.customers), queries)

    def drivers(self, fitted: Fitted, customers: Customers, medians: Matrix) -> dict[str, float]:
        """Return how far lists of customers lie from everybody, by feature group; empty where nobody bought anything.

        What drives the scores is another thing in each call, and each answer tells it as traits: here the lists are
        the buyers of each category.
        """
        assert isinstance(fitted, FittedLookalike)
        points = fitted.space.points(customers)
        lists = buyers_of_each(customers.histories, fitted.space.tastes)
        return mean_apart([points.take(rows) for rows in lists], points, fitted.space, self.features)

    def cut_points(self, fitted: Fitted, store: Store) -> NDArray[np.float64]:
        """Return nothing: scores of different seeds have no percentiles in common."""
        return np.empty(0)

    def prepare(self, fitted: Fitted, customers: Customers) -> dict[str, NDArray[Any]]:
        """Return each customer's point in the space: vectors, shape (n, d), spend, shape (n,), likes, shape (n, k)."""
        assert isinstance(fitted, FittedLookalike)
        points = fitted.space.points(customers)
        return {
            VECTORS: points.vectors.astype(np.float32),
            SPEND: points.spend.astype(np.float32),
            LIKES: points.likes,
        }

    def reply(self, served: Served, request: LookalikeRequest) -> dict[str, Any]:
        """Fit on the seeds and rank the store."""
        return reply(served, request)

    def table(self, served: Served, rows: NDArray[np.int64], options: BatchOptions) -> pa.Table:
        """Refuse: without seeds nobody is alike.

        Raises
        ------
        InvalidRequestError
            Always.
        """
        raise InvalidRequestError(
            "lookalike needs seeds: run foresell audience --seeds FILE --size N --out FILE in place of foresell score"
        )

    def warm(self, served: Served) -> None:
        """Read a few of the points."""
        everybody_of(served).take(np.arange(min(2, len(served.store))))

    def examples(self, served: Served) -> list[dict[str, Any]]:
        """Ask for people like those who ordered last."""
        rows = np.arange(min(len(served.store), 10_000))
        recency = np.nan_to_num(served.customers_at(rows).column("recency_days"), nan=np.inf)
        seeds = served.store.ids_at(np.argsort(recency, kind="stable")[:_EXAMPLE_SEEDS])
        return [{"seeds": [*seeds, NOBODY], "size": 5}]

    def _prior(self, examples: Examples, space: Space) -> NDArray[np.float64]:
        """Learn from the lists of the newest cutoff whose window has closed; from none where every window is open."""
        settings, as_of = self.settings, examples.customers.as_of
        closed = as_of[examples.observed_days >= settings.horizon]
        if col.NEXT_ORDER_DAYS not in examples.labels or not len(closed):
            return plain_prior(space.dimensions)
        then = examples.take(as_of == closed.max())
        lists = past_lists(then, settings.level, horizon=settings.horizon, active_days=settings.active_days)
        return fit_prior(space.points(then.customers).vectors, lists)

    def _candidate(self, name: str) -> type[FittedLookalike]:
        return next(candidate for candidate in self.candidates if candidate.method == name)
