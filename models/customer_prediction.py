"""Predictions that answer each customer by itself, from the feature row, as the probability of an event in a window."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models import columns as col
from models.errors import InvalidModelOutputError
from models.examples import NOBODY, inline_customer
from models.histories import inline_features
from models.messages import CustomerAnswer, CustomersRequest, InlineCustomer, Row
from models.methods import Method
from models.metrics import BinaryMeasurement
from models.prediction import (
    BatchOptions,
    Customers,
    Direction,
    Examples,
    Fitted,
    Matrix,
    Measurement,
    Prediction,
    Scores,
    Served,
    Task,
    nameless,
)
from models.reasons import explain, group_directions, group_effects, positions_by_group
from models.store import UNKNOWN, Store

CUT_POINT_SAMPLE = 1_000_000


class CustomerPrediction(Prediction):
    """One row in, one row out: the shape that churn and repurchase share."""

    answer_type: ClassVar[type[CustomerAnswer]]
    """The answer for one customer; ``response`` holds a list of them."""
    batch_options = frozenset({"reasons"})
    column_types: ClassVar[Mapping[str, pa.DataType]] = {}
    """Types of the batch job's columns that ``figures`` adds; a column that is not listed holds float64."""

    @property
    @abstractmethod
    def not_eligible(self) -> str:
        """Why an ineligible customer gets no prediction, in words."""

    @property
    @abstractmethod
    def horizons(self) -> tuple[int, ...]:
        """Horizon of each output, rising, in days."""

    @property
    @abstractmethod
    def candidates(self) -> tuple[Method, ...]:
        """The methods that compete, ours first, then its rivals down to the simplest."""

    @property
    @abstractmethod
    def main_output(self) -> int:
        """The output that percentiles and reasons are about."""

    @abstractmethod
    def figures(self, scores: Scores, as_of: NDArray[np.datetime64]) -> dict[str, list[Any]]:
        """Return the answer's columns for eligible customers, each of length n; column names are the batch job's."""

    def adjust(self, scores: Scores) -> Scores:
        """Make scores consistent over the horizons, shape (n, k)."""
        return scores

    def chosen(self, request: Any, figures: Row) -> dict[str, Any]:
        """Return the fields of one answer from its figures; ``request`` may have asked for some of them only."""
        return figures

    def accept(self, request: Any) -> None:
        """Refuse what a well-formed request may still not ask for."""

    # -- training

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the candidates."""
        return tuple(method.name for method in self.candidates)

    def fit(
        self, method: str, examples: Examples, *, horizon: int, seed: int, choices: Mapping[str, Any] | None = None
    ) -> Fitted:
        """Fit as ``Prediction.fit`` says."""
        horizons = [days for days in self.horizons if days <= horizon]
        target = self.target(examples)[:, : len(horizons)]
        return self._candidate(method).fit(examples.customers, target, horizons=horizons, seed=seed, choices=choices)

    def load(self, method: str, parts: Mapping[str, bytes]) -> Fitted:
        """Return the fitted method that ``parts`` hold."""
        return self._candidate(method).load(parts)

    def measure(self, fitted: Fitted, examples: Examples, task: Task) -> Measurement:
        """Measure the probability of the task's horizon against what happened."""
        output = self.horizons.index(task.horizon)
        target = self.target(examples)[:, output]
        known = ~np.isnan(target)
        return BinaryMeasurement(target[known], self.score(fitted, examples.customers.take(known))[:, output])

    def score(self, fitted: Fitted, customers: Customers) -> Scores:
        """Score eligible customers, shape (n, k).

        Raises
        ------
        InvalidModelOutputError
            A figure is not a finite probability.
        """
        scores = self.adjust(fitted.score(customers))
        if not ((scores >= 0) & (scores <= 1)).all():
            raise InvalidModelOutputError(f"{self.name}: a probability is outside 0..1 or not a number")
        return scores

    def drivers(self, fitted: Fitted, customers: Customers, medians: Matrix) -> dict[str, float]:
        """Return the mean absolute effect of each feature group on the log-odds of the main output."""
        groups = positions_by_group(self.features)
        effects = group_effects(fitted, customers, output=self.main_output, medians=medians, groups=groups)
        return dict(zip(groups, np.abs(effects).mean(axis=0).tolist(), strict=True))

    def units(self, fitted: Fitted, examples: Examples, task: Task) -> NDArray[np.int64]:
        """Return the rows of the eligible customers whose outcome is known."""
        return np.flatnonzero(~np.isnan(self.target(examples)[:, self.horizons.index(task.horizon)]))

    def directions(self, fitted: Fitted, customers: Customers, medians: Matrix) -> dict[str, Direction]:
        """Return which way each feature group moves the log-odds of the main output."""
        groups = positions_by_group(self.features)
        effects = group_effects(fitted, customers, output=self.main_output, medians=medians, groups=groups)
        return group_directions(effects, customers, groups)

    def cut_points(self, fitted: Fitted, store: Store) -> NDArray[np.float64]:
        """Return the 1st to 99th percentile of the main output over the store's eligible customers, shape (99,)."""
        rows = np.arange(len(store))
        if len(rows) > CUT_POINT_SAMPLE:
            rows = rows[:: len(rows) // CUT_POINT_SAMPLE]
        customers = nameless(store, rows)
        eligible = customers.take(self.eligible(customers))
        if not len(eligible):
            return np.zeros(99)
        return np.quantile(self.score(fitted, eligible)[:, self.main_output], np.arange(1, 100) / 100)

    # -- serving

    def answer(self, served: Served, request: CustomersRequest) -> Any:
        """Answer a request: one answer for each customer asked for, in order."""
        self.accept(request)
        customers, known = _resolve(served, request.customers)
        columns = self._columns(served, customers, known, request.reasons)
        answers = [
            self._answer(request, dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)
        ]
        return self.response.model_construct(**served.envelope, answers=answers)

    def examples(self, served: Served) -> list[dict[str, Any]]:
        """Ask about known customers, somebody unknown, and a history sent inline."""
        return [{"customers": [*served.known_customers(2), NOBODY, inline_customer(served)], "reasons": 2}]

    def table(self, served: Served, rows: NDArray[np.int64], options: BatchOptions) -> pa.Table:
        """Answer for the store's customers at ``rows`` as columns; reasons as a list of texts."""
        customers = served.customers_at(rows)
        columns = self._columns(served, customers, np.ones(len(rows), bool), options.reasons)
        columns[col.REASONS] = [[reason.text for reason in told] for told in columns[col.REASONS]]
        if not options.reasons:
            del columns[col.REASONS]
        types = _SHARED_TYPES | dict(self.column_types)
        return pa.table({name: pa.array(values, types.get(name, pa.float64())) for name, values in columns.items()})

    def _answer(self, request: Any, row: Row) -> CustomerAnswer:
        shared = {name: row.pop(name) for name in _SHARED_TYPES}
        # every value is ours and already of its type: validating it again would cost more than scoring
        return self.answer_type.model_construct(**shared, **self.chosen(request, row))

    def _columns(
        self, served: Served, customers: Customers, known: NDArray[np.bool_], reasons: int
    ) -> dict[str, list[Any]]:
        eligible = np.flatnonzero(known & self.eligible(customers))
        scored = customers.take(eligible)
        scores = self.score(served.fitted, scored)
        figures = self.figures(scores, scored.as_of)
        figures[col.PERCENTILE] = _percentiles(scores[:, self.main_output], served.cut_points)
        status = np.where(known, "not_eligible", "unknown_customer").astype(object)
        status[eligible] = "ok"
        why = {
            "ok": None,
            "not_eligible": self.not_eligible,
            "unknown_customer": "the store has no customer of this id",
        }
        return {
            col.CUSTOMER_ID: list(customers.ids),
            col.STATUS: status.tolist(),
            col.EXPLANATION: [why[each] for each in status],
            col.AS_OF: customers.as_of.tolist(),
            **{name: _spread(values, eligible, len(customers)) for name, values in figures.items()},
            col.REASONS: _spread(self._reasons(served, scored, reasons), eligible, len(customers), empty=[]),
        }

    def _reasons(self, served: Served, scored: Customers, count: int) -> list[Any]:
        if not count or not len(scored):
            return [[]] * len(scored)
        groups = positions_by_group(self.features)
        effects = group_effects(served.fitted, scored, output=self.main_output, medians=served.medians, groups=groups)
        return explain(effects, scored, list(groups), count)

    def _candidate(self, name: str) -> Method:
        return next(method for method in self.candidates if method.name == name)


_SHARED_TYPES: dict[str, pa.DataType] = {
    col.CUSTOMER_ID: pa.string(),
    col.STATUS: pa.string(),
    col.EXPLANATION: pa.string(),
    col.AS_OF: pa.date32(),
    col.PERCENTILE: pa.int8(),
    col.REASONS: pa.list_(pa.string()),
}


def _resolve(served: Served, asked: Sequence[str | InlineCustomer]) -> tuple[Customers, NDArray[np.bool_]]:
    """Return the feature rows of the customers asked for, and which of them are known."""
    sent = {position: item for position, item in enumerate(asked) if isinstance(item, InlineCustomer)}
    inline = list(sent)
    rows = served.store.rows_of([item if isinstance(item, str) else "" for item in asked])
    features = served.store.features_at(np.maximum(rows, 0))
    as_of = np.full(len(asked), np.datetime64(served.store.as_of, "D"))
    if inline:
        features[inline] = inline_features(served.inline, sent, served.store.settings)
        as_of[inline] = [item.as_of for item in sent.values()]
    known = rows != UNKNOWN
    known[inline] = True
    ids = [item if isinstance(item, str) else item.customer_id for item in asked]
    return Customers(ids, as_of, features, served.store.names), known


def _percentiles(scores: NDArray[np.float64], cut_points: NDArray[np.float64]) -> list[int]:
    percentiles: list[int] = (np.searchsorted(cut_points, scores, side="right") + 1).tolist()
    return percentiles


def _spread(values: Sequence[Any], rows: NDArray[np.int64], length: int, *, empty: Any = None) -> list[Any]:
    """Put the values of some rows among ``empty`` for the others."""
    column: list[Any] = [empty] * length
    for row, value in zip(rows.tolist(), values, strict=True):
        column[row] = value
    return column
