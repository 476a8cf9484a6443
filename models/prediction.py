"""The one protocol that every prediction states and that training, the batch job and the service run.

A prediction says who is eligible, what the label is and how far it looks, which methods compete for it (our model and
its rivals), how a fitted method is measured, what a request and an answer look like, and how a request is answered from
a store. Nothing outside a prediction's own module knows which prediction it is handling.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel

from models.inline import InlineFeatures
from models.messages import Envelope, ModelReference
from models.purchases import Histories
from models.section import Section
from models.settings import FeatureSettings
from models.store import Store

Matrix = NDArray[np.float32]
Scores = NDArray[np.float64]
Prepared = Mapping[str, NDArray[Any]]
"""What answers need of each customer of a store beyond the store, by name: arrays of n rows."""


@dataclass(frozen=True)
class Customers:
    """A batch of customers as predictions see them, one row each.

    Parameters
    ----------
    ids : sequence of str, length n
        Customer ids.
    as_of : datetime64[D] array, shape (n,)
        The local midnight up to which each row knows.
    features : float32 array, shape (n, f)
        Feature values in the catalogue's order; NaN is null.
    names : tuple of str, length f
        Feature names.
    histories : Histories, optional
        What each row bought, where the prediction reads it.
    """

    ids: Sequence[str]
    as_of: NDArray[np.datetime64]
    features: Matrix
    names: tuple[str, ...]
    histories: Histories | None = None

    def __len__(self) -> int:
        return len(self.features)

    def column(self, name: str) -> Matrix:
        """Return one feature, shape (n,); NaN is null."""
        return self.features[:, self.names.index(name)]

    def columns(self, names: tuple[str, ...]) -> Matrix:
        """Return features in the given order, shape (n, len(names)), rows together in memory."""
        return np.take(self.features, _positions(self.names, names), axis=1)

    def take(self, rows: NDArray[Any]) -> "Customers":
        """Return the given rows (indices or a mask)."""
        picked = np.flatnonzero(rows) if rows.dtype == bool else rows
        ids = [self.ids[row] for row in picked.tolist()]
        histories = self.histories and self.histories.take(picked)
        return replace(self, ids=ids, as_of=self.as_of[picked], features=self.features[picked], histories=histories)


@lru_cache
def _positions(names: tuple[str, ...], wanted: tuple[str, ...]) -> NDArray[np.int64]:
    return np.array([names.index(name) for name in wanted], np.int64)


@dataclass(frozen=True)
class Examples:
    """Customers at past cutoffs with what happened next.

    Parameters
    ----------
    customers : Customers
        One row for each (customer, cutoff).
    labels : mapping of str to array, each of shape (n, ...)
        The prediction's label columns, looking forward to the end of the data.
    limit : date
        The local midnight up to which labels may be known; a label whose window ends later must be treated as unknown.
    """

    customers: Customers
    labels: Mapping[str, NDArray[Any]]
    limit: date

    def __len__(self) -> int:
        return len(self.customers)

    @property
    def observed_days(self) -> NDArray[np.int64]:
        """Whole days from each row's as_of to the limit, shape (n,)."""
        days: NDArray[np.int64] = (np.datetime64(self.limit, "D") - self.customers.as_of).astype(np.int64)
        return days

    def take(self, mask: NDArray[np.bool_]) -> "Examples":
        """Return the rows where ``mask`` is true."""
        labels = {name: values[mask] for name, values in self.labels.items()}
        return replace(self, customers=self.customers.take(mask), labels=labels)

    def at(self, cutoffs: Sequence[date]) -> "Examples":
        """Return the rows at the given cutoffs."""
        return self.take(np.isin(self.customers.as_of, np.array(cutoffs, dtype="datetime64[D]")))

    def known_by(self, limit: date) -> "Examples":
        """Return what could be known at ``limit``: rows up to it, later labels to be treated as unknown."""
        return replace(self.take(self.customers.as_of <= np.datetime64(limit, "D")), limit=limit)


class Fitted(Protocol):
    """A fitted method of one prediction."""

    @property
    def method(self) -> str:
        """Name of the method."""

    @property
    def choices(self) -> Mapping[str, Any]:
        """What fitting chose (JSON), e.g. the number of trees; given back to ``fit`` it is frozen."""

    def score(self, customers: Customers) -> Scores:
        """Score each row by itself: the same figures for one row and for many; shape (n, outputs)."""

    def parts(self) -> Mapping[str, bytes]:
        """Return the files that hold it: LightGBM text, npy and JSON; the same bytes for the same fit."""


class Measurement(Protocol):
    """How well scores did on the examples of one task, unit by unit (a unit is a customer)."""

    @property
    def loss(self) -> NDArray[np.float64]:
        """The loss of each unit that methods are compared by, shape (units,); lower is better."""

    def metrics(self, weights: NDArray[np.float64] | None = None) -> Mapping[str, float]:
        """Return the metrics by name; ``weights`` (units,) are how often a bootstrap draw has each unit."""


@dataclass(frozen=True)
class Task:
    """One question that a prediction is measured by, with its own label window.

    Parameters
    ----------
    tag : str
        The suffix of its metrics, e.g. ``h30``.
    horizon : int
        Length of the label window in days.
    chooses : bool
        Whether its loss counts in the choice between methods.
    title : str, optional
        What people call it; default: made from the tag.
    """

    tag: str
    horizon: int
    chooses: bool = True
    title: str | None = None


@dataclass(frozen=True)
class Direction:
    """Which way a feature group moves the scores.

    Parameters
    ----------
    feature : str
        The feature of the group that its effect follows most.
    correlation : float
        Rank correlation of the feature with the effect, -1..1; above 0, high values raise the score.
    """

    feature: str
    correlation: float


@dataclass(frozen=True)
class Served:
    """One prediction as a release serves it.

    Parameters
    ----------
    prediction : Prediction
        The prediction, with the settings that it was trained with.
    fitted : Fitted
        The champion.
    store : Store
        Everybody's features at the release's as_of.
    inline : InlineFeatures
        Computes the features of a history that a request brings.
    model : ModelReference
        Name, version and run.
    release : str
        The release's name.
    cut_points : float64 array, shape (99,), or (0,) where scores have no percentiles
        The 1st to 99th percentile of the eligible customers' scores at the store's as_of.
    medians : float32 array, shape (f,)
        The training examples' median of each feature, which reasons compare with; NaN = all null.
    prepared : mapping of str to array, each of n rows
        What ``Prediction.prepare`` says of everybody in the store; may be memory maps.
    others : mapping of str to Served
        Every prediction of the same release by name, this one included.
    """

    prediction: "Prediction"
    fitted: Fitted
    store: Store
    inline: InlineFeatures
    model: ModelReference
    release: str
    cut_points: NDArray[np.float64]
    medians: Matrix
    prepared: Prepared = field(default_factory=dict)
    others: Mapping[str, "Served"] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def envelope(self) -> Mapping[str, Any]:
        """The fields that every reply begins with, as plain data."""
        return Envelope(model=self.model, release=self.release, as_of=self.store.as_of).model_dump()

    def customers_at(self, rows: NDArray[np.int64]) -> Customers:
        """Return the store's customers at the given rows."""
        return replace(nameless(self.store, rows), ids=self.store.ids_at(rows))

    def known_customers(self, count: int) -> list[str]:
        """Return customers to ask about: eligible ones among the first, and one who is not where there is one."""
        customers = self.customers_at(np.arange(min(len(self.store), 1_000)))
        eligible = self.prediction.eligible(customers)
        picked = [*np.flatnonzero(eligible)[:count], *np.flatnonzero(~eligible)[:1]]
        return [customers.ids[row] for row in picked]


def nameless(store: Store, rows: NDArray[np.int64]) -> Customers:
    """Return a store's customers at the given rows without their ids, which take longest to read."""
    as_of = np.full(len(rows), np.datetime64(store.as_of, "D"))
    histories = store.histories_at(rows, as_of)
    return Customers([""] * len(rows), as_of, store.features_at(rows), store.names, histories)


@dataclass(frozen=True)
class BatchOptions:
    """What a batch job may ask for beyond the figures.

    Parameters
    ----------
    reasons : int
        Reasons for each customer, 0..10; they cost over a millisecond a row.
    k : int
        Products for each customer, 1..100, where products are answered.
    mode, level : str
        Which products, and whether products or categories; None = the finer of what there is.
    """

    reasons: int = 0
    k: int = 10
    mode: Literal["any", "new", "repeat"] = "any"
    level: Literal["product", "category"] | None = None


class Prediction(ABC):
    """A prediction. Subclasses live one to a file and are listed in ``models/__init__.py``."""

    name: ClassVar[str]
    """URL, MLflow experiment and registered model, e.g. ``churn``."""
    question: ClassVar[str]
    """What it answers, in a sentence for people."""
    request: ClassVar[type[BaseModel]]
    response: ClassVar[type[BaseModel]]

    needs: ClassVar[tuple[str, ...]] = ()
    """Optional columns of the order lines without which it cannot be."""
    reads_histories: ClassVar[bool] = False
    """Whether it needs ``Customers.histories``."""
    needs_prepared: ClassVar[bool] = True
    """Whether answers need what ``prepare`` returns; where not, they are only cheaper with it."""
    in_batch: ClassVar[bool] = True
    """Whether the batch job answers for everybody; where not, ``table`` refuses."""
    batch_options: ClassVar[frozenset[str]] = frozenset()
    """The fields of ``BatchOptions`` that the batch job heeds."""
    reached: ClassVar[str] = "customers to whom it happens"
    """Those whom its highest scores are meant to find, in words for the model card."""
    drivers_are: ClassVar[str] = "Mean absolute effect of each group of features on the log-odds."
    """What the figures of ``drivers`` are, in words for the model card."""
    Settings: ClassVar[type[Section]]
    """Its own section of the configuration; saved with each artifact."""

    def __init__(self, features: FeatureSettings, settings: Section) -> None:
        self.features = features
        self.settings = settings

    @property
    @abstractmethod
    def tasks(self) -> tuple[Task, ...]:
        """What it is measured by, by rising horizon."""

    @property
    @abstractmethod
    def methods(self) -> tuple[str, ...]:
        """The methods that compete: ours first, then its rivals, from the most complex to the simplest."""

    @property
    def rivals(self) -> tuple[str, ...]:
        """Those of ``methods`` that are simple or published ones rather than ours; default: all but the first."""
        return self.methods[1:]

    @abstractmethod
    def labels(self, tables: Mapping[str, Any], spine: Any) -> Any:
        """Return the labels as an Ibis table: customer_id, as_of and the label columns, one row a spine row."""

    @abstractmethod
    def eligible(self, customers: Customers) -> NDArray[np.bool_]:
        """Say for whom the prediction is defined, shape (n,)."""

    @abstractmethod
    def target(self, examples: Examples) -> Scores:
        """Return what each output should have been, shape (n, outputs); NaN = not eligible or not known yet."""

    @abstractmethod
    def fit(
        self, method: str, examples: Examples, *, horizon: int, seed: int, choices: Mapping[str, Any] | None = None
    ) -> Fitted:
        """Fit a method on what is known by ``examples.limit``.

        Parameters
        ----------
        method : str
            One of ``methods``.
        examples : Examples
            Past cutoffs; rows whose window is still open teach what needs no label.
        horizon : int
            Longest horizon that will be asked for, in days; outputs beyond it are not fitted.
        seed : int
            Seed of every draw.
        choices : mapping, optional
            The ``choices`` of an earlier fit, to repeat it on other examples; what is not among them is chosen anew.

        Raises
        ------
        NotEnoughDataError
            There are too few examples, or only one class.
        NotConvergedError
            The fit found no answer.
        """

    @abstractmethod
    def load(self, method: str, parts: Mapping[str, bytes]) -> Fitted:
        """Return the fitted method that ``parts`` hold; the bytes must have been verified.

        Raises
        ------
        KeyError
            Names a part that is not there: another version of Foresell made them.
        """

    def golden_histories(self, fitted: Fitted, count: int) -> Histories | None:
        """Return synthetic purchases of the golden customers, made from the fitted method alone; None = not read."""
        return None

    @abstractmethod
    def measure(self, fitted: Fitted, examples: Examples, task: Task) -> Measurement:
        """Measure a fitted method on the eligible examples whose window is known."""

    def units(self, fitted: Fitted, examples: Examples, task: Task) -> NDArray[np.int64] | None:
        """Return the rows of the examples that are the units of ``measure``, in its order.

        Default: None, its units are no customers, or nobody says which.
        """
        return None

    @abstractmethod
    def drivers(self, fitted: Fitted, customers: Customers, medians: Matrix) -> Mapping[str, float]:
        """Return how strongly each feature group moves the scores of some customers, by group.

        Parameters
        ----------
        fitted : Fitted
            The method.
        customers : Customers
            Eligible ones.
        medians : float32 array, shape (f,)
            Median of each feature over the training examples; NaN = all null.
        """

    def directions(self, fitted: Fitted, customers: Customers, medians: Matrix) -> Mapping[str, "Direction"]:
        """Return which way feature groups move the scores of some customers, by group; default: nothing is told.

        Takes what ``drivers`` takes.
        """
        return {}

    @abstractmethod
    def cut_points(self, fitted: Fitted, store: Store) -> NDArray[np.float64]:
        """Return the 1st to 99th percentile of the scores that percentiles are read from, shape (99,) or (0,)."""

    def prepare(self, fitted: Fitted, customers: Customers) -> Prepared:
        """Return what answers need of each customer of a store, made once for a release rather than in every call.

        ``publish`` calls it for everybody, some rows at a time; ``Served.prepared`` holds the whole.

        Parameters
        ----------
        fitted : Fitted
            What is released.
        customers : Customers
            n of the store's customers, without ids. Each must be seen by itself: the same for one row and for many.

        Returns
        -------
        mapping of str to array
            By name, n rows each, with the same names, types and widths for any customers; default: nothing.
        """
        return {}

    def answer(self, served: Served, request: Any) -> BaseModel:
        """Answer one typed request with ``response``; raises what ``reply`` raises."""
        return self.response.model_validate(self.reply(served, request))

    @abstractmethod
    def reply(self, served: Served, request: Any) -> dict[str, Any]:
        """Answer one typed request with plain data: the fields of ``response`` as mappings, lists and what JSON holds.

        Making the types of a thousand answers costs more than scoring them: the service sends this as it is.

        Raises
        ------
        InvalidRequestError
            The request asks for what the model does not have.
        InvalidModelOutputError
            A figure is not finite, or not one that the model may give.
        """

    def examples(self, served: Served) -> list[dict[str, Any]]:
        """Return requests about customers of the store, as JSON: what a demonstration asks."""
        return [{"customers": served.known_customers(2)}]

    def warm(self, served: Served) -> None:
        """Do the work of an answer once, so that what is made on first use is there before the first call."""
        self.table(served, np.arange(min(2, len(served.store))), BatchOptions(reasons=1))

    @abstractmethod
    def table(self, served: Served, rows: NDArray[np.int64], options: BatchOptions) -> pa.Table:
        """Answer for the store's customers at ``rows``, in order, as columns: the batch job's output."""
