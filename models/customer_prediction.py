"""Predictions that answer each customer by itself, from the feature row, as the probability of an event in a window."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models import columns as col
from models.errors import InvalidModelOutputError
from models.examples import NOBODY, inline_customer
from models.histories import inline_features
from models.messages import CustomersRequest, InlineCustomer, Status
from models.methods import Method
from models.metrics import BinaryMeasurement
from models.plain import only_finite
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
PREPARED_SCORES = "scores"


@dataclass(frozen=True)
class _Scored:
    """Customers and what was predicted of them.

    Parameters
    ----------
    ids : list of str, length n
        As asked.
    as_of : datetime64[D] array, shape (n,)
        What each answer knows up to.
    known : bool array, shape (n,)
        Whether the store has the customer, or the request brought the history.
    eligible : int64 array, shape (m,)
        Positions of those who have a prediction, rising.
    scores : float64 array, shape (m, k)
        Theirs.
    customers : Customers, optional
        They themselves; None = the scores were looked up.
    """

    ids: Sequence[str]
    as_of: NDArray[np.datetime64]
    known: NDArray[np.bool_]
    eligible: NDArray[np.int64]
    scores: Scores
    customers: Customers | None = None


class CustomerPrediction(Prediction):
    """One row in, one row out: the shape that churn and repurchase share."""

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

    def chosen(self, request: Any, figures: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Return the answers' own fields from their figures; ``request`` may have asked for some of them only."""
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
        return self._probabilities(self.adjust(fitted.score(customers)))

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

    needs_prepared = False

    def prepare(self, fitted: Fitted, customers: Customers) -> dict[str, NDArray[Any]]:
        """Return each customer's scores, float64 of shape (n, k); NaN where somebody is not eligible.

        Everything that they hang on is fixed when a release is published: an id is then answered without the model.
        """
        eligible = np.flatnonzero(self.eligible(customers))
        scores = np.full((len(customers), len(self.horizons)), np.nan)
        if len(eligible):
            scores[eligible] = self.score(fitted, customers.take(eligible))
        return {PREPARED_SCORES: scores}

    def reply(self, served: Served, request: CustomersRequest) -> dict[str, Any]:
        """Answer a request: one answer for each customer asked for, in order."""
        self.accept(request)
        found = self._asked(served, request)
        columns = self._columns(served, found, request.reasons, partial(self.chosen, request))
        if request.reasons:
            told = [[reason.model_dump() for reason in each] for each in columns[col.REASONS]]
            columns[col.REASONS] = only_finite(told)
        # without a loop of ours: of a thousand customers, this is what takes longest
        rows = map(zip, repeat(tuple(columns)), zip(*columns.values(), strict=True))
        return {**served.envelope, "answers": list(map(dict, rows))}

    def examples(self, served: Served) -> list[dict[str, Any]]:
        """Ask about known customers, somebody unknown, and a history sent inline."""
        return [{"customers": [*served.known_customers(2), NOBODY, inline_customer(served)], "reasons": 2}]

    def table(self, served: Served, rows: NDArray[np.int64], options: BatchOptions) -> pa.Table:
        """Answer for the store's customers at ``rows`` as columns; reasons as a list of texts."""
        found = self._stored(served, served.store.ids_at(rows), rows, options.reasons)
        columns = self._columns(served, found, options.reasons)
        columns[col.REASONS] = [[reason.text for reason in told] for told in columns[col.REASONS]]
        if not options.reasons:
            del columns[col.REASONS]
        types = _SHARED_TYPES | dict(self.column_types)
        return pa.table({name: pa.array(values, types.get(name, pa.float64())) for name, values in columns.items()})

    def _asked(self, served: Served, request: CustomersRequest) -> _Scored:
        ids = [item for item in request.customers if isinstance(item, str)]
        if len(ids) == len(request.customers):
            return self._stored(served, ids, served.store.rows_of(ids), request.reasons)
        return self._scored(served, *_resolve(served, request.customers))

    def _stored(self, served: Served, ids: Sequence[str], rows: NDArray[np.int64], reasons: int) -> _Scored:
        """Return the store's customers at the given rows, who may be ``UNKNOWN``, with the scores of the release."""
        known, there = rows != UNKNOWN, np.maximum(rows, 0)
        prepared = served.prepared.get(PREPARED_SCORES)
        if prepared is None or reasons:
            return self._scored(served, replace(nameless(served.store, there), ids=ids), known)
        scores = prepared[there]
        eligible = np.flatnonzero(known & ~np.isnan(scores[:, 0]))
        as_of = np.full(len(rows), np.datetime64(served.store.as_of, "D"))
        return _Scored(ids, as_of, known, eligible, self._probabilities(scores[eligible]))

    def _scored(self, served: Served, customers: Customers, known: NDArray[np.bool_]) -> _Scored:
        """Return customers with the scores that the model has of them."""
        eligible = np.flatnonzero(known & self.eligible(customers))
        scored = customers if len(eligible) == len(customers) else customers.take(eligible)
        scores = self.score(served.fitted, scored)
        return _Scored(customers.ids, customers.as_of, known, eligible, scores, scored)

    def _columns(
        self,
        served: Served,
        found: _Scored,
        reasons: int,
        chosen: Callable[[dict[str, list[Any]]], dict[str, list[Any]]] = dict,
    ) -> dict[str, list[Any]]:
        """Return the answers' fields, each of length n; ``chosen`` makes those of the prediction from its figures."""
        figures = {
            **chosen(self.figures(found.scores, found.as_of[found.eligible])),
            col.PERCENTILE: _percentiles(found.scores[:, self.main_output], served.cut_points),
            col.REASONS: self._reasons(served, found, reasons),
        }
        status, why = self._statuses(found.known, found.eligible)
        return {
            col.CUSTOMER_ID: list(found.ids),
            col.STATUS: status,
            col.EXPLANATION: why,
            col.AS_OF: found.as_of.tolist(),
            **{
                name: _spread(values, found.eligible, found.known, empty=_EMPTY.get(name))
                for name, values in figures.items()
            },
        }

    def _statuses(self, known: NDArray[np.bool_], eligible: NDArray[np.int64]) -> tuple[list[Status], list[str | None]]:
        """Return each customer's status, and why it is not ok."""
        if len(eligible) == len(known):
            return ["ok"] * len(known), [None] * len(known)
        status: list[Status] = ["not_eligible" if each else "unknown_customer" for each in known.tolist()]
        for row in eligible.tolist():
            status[row] = "ok"
        why: dict[Status, str | None] = {
            "ok": None,
            "not_eligible": self.not_eligible,
            "unknown_customer": "the store has no customer of this id",
        }
        return status, [why[each] for each in status]

    def _reasons(self, served: Served, found: _Scored, count: int) -> list[Any]:
        scored = found.customers
        if not count or scored is None or not len(scored):
            return [[]] * len(found.eligible)
        groups = positions_by_group(self.features)
        effects = group_effects(served.fitted, scored, output=self.main_output, medians=served.medians, groups=groups)
        return explain(effects, scored, list(groups), count)

    def _probabilities(self, scores: Scores) -> Scores:
        if not ((scores >= 0) & (scores <= 1)).all():
            raise InvalidModelOutputError(f"{self.name}: a probability is outside 0..1 or not a number")
        return scores

    def _candidate(self, name: str) -> Method:
        return next(method for method in self.candidates if method.name == name)


_EMPTY: Mapping[str, Any] = {col.REASONS: []}
"""What stands in a field of those who have no prediction, where it is not null."""
_SHARED_TYPES: dict[str, pa.DataType] = {
    col.CUSTOMER_ID: pa.string(),
    col.STATUS: pa.string(),
    col.EXPLANATION: pa.string(),
    col.AS_OF: pa.date32(),
    col.PERCENTILE: pa.int8(),
    col.REASONS: pa.list_(pa.string()),
}


def _resolve(served: Served, asked: Sequence[str | InlineCustomer]) -> tuple[Customers, NDArray[np.bool_]]:
    """Return the feature rows of customers some of whom came with their histories, and which of them are known."""
    sent = {position: item for position, item in enumerate(asked) if isinstance(item, InlineCustomer)}
    inline = list(sent)
    ids = [item if isinstance(item, str) else item.customer_id for item in asked]
    rows = served.store.rows_of(ids)
    rows[inline] = UNKNOWN
    features = served.store.features_at(np.maximum(rows, 0))
    features[inline] = inline_features(served.inline, sent, served.store.settings)
    as_of = np.full(len(asked), np.datetime64(served.store.as_of, "D"))
    as_of[inline] = [item.as_of for item in sent.values()]
    known = rows != UNKNOWN
    known[inline] = True
    return Customers(ids, as_of, features, served.store.names), known


def _percentiles(scores: NDArray[np.float64], cut_points: NDArray[np.float64]) -> list[int]:
    percentiles: list[int] = (np.searchsorted(cut_points, scores, side="right") + 1).tolist()
    return percentiles


def _spread(values: list[Any], rows: NDArray[np.int64], known: NDArray[np.bool_], *, empty: Any) -> list[Any]:
    """Put the values of some rows among ``empty`` for the others."""
    if len(rows) == len(known):
        return values
    column: list[Any] = [empty] * len(known)
    for row, value in zip(rows.tolist(), values, strict=True):
        column[row] = value
    return column
