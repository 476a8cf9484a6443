"""Repurchase: whether a customer will order in the next H days, for several H, and when."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any, ClassVar

import numpy as np
import pyarrow as pa
from ibis.expr import types as ir
from numpy.typing import NDArray
from pydantic import Field, Strict, field_validator

from models import columns as col
from models.blend import Blend
from models.customer_prediction import CustomerPrediction
from models.errors import InvalidRequestError
from models.labels import next_order
from models.messages import CustomerAnswer, CustomersRequest, Envelope
from models.methods import Method
from models.metrics import RANGE, IntervalMeasurement, randomised_position
from models.prediction import Customers, Examples, Fitted, Measurement, Scores, Task
from models.rivals.bg_nbd import BGNBD
from models.rivals.logistic import FOUR_NUMBERS, RECENCY, WIDE
from models.rivals.pareto_nbd import ParetoNBD
from models.section import Section
from models.settings import Days

# days at which the curve of the next order is also learnt, so that its median and range are not read off three points
CURVE_DAYS = (3, 14, 60)
EARLIEST, LATEST = RANGE
MEDIAN = 0.5
_SURE = 1e-9
NEXT_ORDER = "next_order"
_DATES = (col.NEXT_ORDER_EXPECTED, col.NEXT_ORDER_EARLIEST, col.NEXT_ORDER_LATEST)


class RepurchaseSettings(Section):
    """Which windows are answered."""

    horizons: tuple[Days, ...] = Field(default=(7, 30, 90), min_length=1, description="Label windows, rising, in days.")

    @field_validator("horizons")
    @classmethod
    def _horizons_rise(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if list(value) != sorted(set(value)):
            raise ValueError(f"horizons {list(value)} must rise without repeats, e.g. [7, 30, 90]")
        return value


class RepurchaseRequest(CustomersRequest):
    """A request about customers, each by id or with a complete history."""

    horizons: list[Annotated[Days, Strict()]] | None = Field(
        default=None,
        min_length=1,
        max_length=32,
        description="Which of the model's horizons, in days; default: all.",
        examples=[[7, 30]],
    )


class RepurchaseAnswer(CustomerAnswer):
    """The answer for one customer."""

    probabilities: dict[int, float] | None = Field(
        description="Calibrated probability of an order within each horizon (days); never falls as it grows.",
        examples=[{"7": 0.41, "30": 0.82, "90": 0.95}],
    )
    next_order_expected: date | None = Field(description="Median day of the next order; null = not expected in sight.")
    next_order_earliest: date | None = Field(description="Start of the 80 % range.")
    next_order_latest: date | None = Field(description="End of the 80 % range; null = beyond sight.")
    not_expected_within_days: int | None = Field(
        description="Set when an order is less likely than not even within the longest horizon, to that horizon."
    )


class RepurchaseResponse(Envelope):
    """The answers, in the order asked."""

    answers: list[RepurchaseAnswer] = Field(description="One for each customer asked for, in order.")


class Repurchase(CustomerPrediction):
    """An order in the next H days, for customers who ordered at least once."""

    name = "repurchase"
    question = "Who will order again within the next days and weeks, and when?"
    request = RepurchaseRequest
    response = RepurchaseResponse
    reached = "buyers"
    column_types: ClassVar[Mapping[str, pa.DataType]] = dict.fromkeys(_DATES, pa.date32())
    Settings = RepurchaseSettings
    settings: RepurchaseSettings
    candidates: tuple[Method, ...] = (
        Blend(silence=False),
        WIDE,
        ParetoNBD(silence=False),
        BGNBD(silence=False),
        FOUR_NUMBERS,
        RECENCY,
    )

    @property
    def not_eligible(self) -> str:
        """Why somebody gets no repurchase probability."""
        return "no order before as_of"

    @property
    def horizons(self) -> tuple[int, ...]:
        """The answered horizons and the further points of the curve."""
        asked = self.settings.horizons
        return tuple(sorted({*asked, *(day for day in CURVE_DAYS if day < asked[-1])}))

    @property
    def main_output(self) -> int:
        """The first answered horizon."""
        return self.horizons.index(self.settings.horizons[0])

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Each answered horizon, and the date of the next order as far as the longest one sees."""
        asked = tuple(Task(f"h{days}", days) for days in self.settings.horizons)
        return (*asked, Task(NEXT_ORDER, self.settings.horizons[-1], chooses=False))

    def labels(self, tables: Mapping[str, ir.Table], spine: ir.Table) -> ir.Table:
        """Days to the next order."""
        return next_order(tables, spine)

    def eligible(self, customers: Customers) -> NDArray[np.bool_]:
        """Say who ordered at least once."""
        ordered: NDArray[np.bool_] = ~np.isnan(customers.column("recency_days"))
        return ordered

    def target(self, examples: Examples) -> Scores:
        """1 where an order came within each horizon."""
        days = examples.labels[col.NEXT_ORDER_DAYS][:, None]
        horizons = np.array(self.horizons)
        known = self.eligible(examples.customers)[:, None] & (examples.observed_days[:, None] >= horizons)
        return np.where(known, days < horizons, np.nan)

    def adjust(self, scores: Scores) -> Scores:
        """Let no probability fall as the horizon grows."""
        return np.maximum.accumulate(scores, axis=1)

    def measure(self, fitted: Fitted, examples: Examples, task: Task) -> Measurement:
        """Measure a horizon's probabilities, or the next order's date cut at the longest horizon."""
        if task.tag != NEXT_ORDER:
            return super().measure(fitted, examples, task)
        known = ~np.isnan(self.target(examples)[:, -1])
        scores = self.score(fitted, examples.customers.take(known))
        actual = np.fmin(examples.labels[col.NEXT_ORDER_DAYS][known], task.horizon)
        expected, earliest, latest = (
            np.nan_to_num(self.next_order_days(scores, share), nan=task.horizon) for share in (MEDIAN, EARLIEST, LATEST)
        )
        came = actual < task.horizon
        through = np.where(came, self._probability_within(scores, np.where(came, actual + 1, actual)), 1)
        position = randomised_position(self._probability_within(scores, actual), through)
        waiting = self._mean_waiting(scores)
        return IntervalMeasurement(actual, expected, earliest, latest, waiting, position, task.horizon)

    def next_order_days(self, scores: Scores, share: float) -> NDArray[np.float64]:
        """Return the day by which the next order has come with probability ``share``.

        Parameters
        ----------
        scores : float64 array, shape (n, k)
            Probability within each horizon.
        share : float
            Between 0 and 1.

        Returns
        -------
        float64 array, shape (n,)
            Whole days from as_of, 0 = on the day itself; NaN = beyond the longest horizon. Between two horizons the
            chance of a day, for those who have not come yet, is always the same.
        """
        days: NDArray[np.float64] = _days_reached(*self._silence(scores), (share,))[0]
        return days

    def _probability_within(self, scores: Scores, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each customer's probability of an order within its own number of days, shape (n,)."""
        curve, known = self._silence(scores)
        right = np.maximum(np.searchsorted(known, days), 1)
        rows = np.arange(len(scores))
        part = (days - known[right - 1]) / (known[right] - known[right - 1])
        within: NDArray[np.float64] = -np.expm1(curve[rows, right - 1] * (1 - part) + curve[rows, right] * part)
        return within

    def _mean_waiting(self, scores: Scores) -> NDArray[np.float64]:
        """Return the mean days to the next order, cut at the longest horizon, shape (n,)."""
        curve, known = self._silence(scores)
        waiting = np.zeros(len(scores))
        for right in range(1, len(known)):
            first, last = known[right - 1], known[right]
            for day in np.arange(first + 1, last + 1):
                part = (day - first) / (last - first)
                waiting += np.exp(curve[:, right - 1] * (1 - part) + curve[:, right] * part)
        return waiting

    def _silence(self, scores: Scores) -> tuple[Scores, NDArray[np.float64]]:
        """Return the logarithm of the probability of no order yet, shape (n, k + 1), and the days from 0 on."""
        silent = np.log1p(-np.minimum(scores, 1 - _SURE))
        return np.column_stack([np.zeros(len(scores)), silent]), np.array([0, *self.horizons], dtype=float)

    def figures(self, scores: Scores, as_of: NDArray[np.datetime64]) -> dict[str, list[Any]]:
        """Probabilities by horizon, and the next order's median and range as dates."""
        answered = {
            col.probability_within(days): scores[:, self.horizons.index(days)].tolist()
            for days in self.settings.horizons
        }
        days = _days_reached(*self._silence(scores), (MEDIAN, EARLIEST, LATEST))
        return answered | dict(zip(_DATES, _dates(as_of, days), strict=True))

    def accept(self, request: RepurchaseRequest) -> None:
        """Refuse horizons that were not trained.

        Raises
        ------
        InvalidRequestError
            Names the horizons that the model has.
        """
        for days in request.horizons or ():
            if days not in self.settings.horizons:
                known = ", ".join(map(str, self.settings.horizons))
                raise InvalidRequestError(f"horizon {days} was not trained; the model has {known}", field="horizons")

    def chosen(self, request: RepurchaseRequest, figures: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Nest the probabilities of the horizons asked for."""
        asked = request.horizons or self.settings.horizons
        names = [str(days) for days in asked]
        found = zip(*(figures[col.probability_within(days)] for days in asked), strict=True)
        longest = self.settings.horizons[-1]
        return {
            "probabilities": [dict(zip(names, each, strict=True)) for each in found],
            **{name: figures[name] for name in _DATES},
            "not_expected_within_days": [
                longest if expected is None else None for expected in figures[col.NEXT_ORDER_EXPECTED]
            ],
        }


def _days_reached(curve: Scores, known: NDArray[np.float64], shares: Sequence[float]) -> NDArray[np.float64]:
    """Return ``next_order_days`` of what ``_silence`` returns, shape (shares, n)."""
    silent = np.log1p(-np.array(shares))[:, None]
    right = (curve > silent[:, :, None]).sum(axis=2)
    reached = right < curve.shape[1]
    right = np.minimum(right, curve.shape[1] - 1)
    rows = np.arange(len(curve))
    high, low = curve[rows, right - 1], curve[rows, right]
    part = (high - silent) / np.where(high > low, high - low, 1)
    at = known[right - 1] + part * (known[right] - known[right - 1])
    # within d days means on day 0 .. d - 1
    return np.where(reached, np.maximum(np.ceil(at - 1e-9) - 1, 0), np.nan)


def _dates(as_of: NDArray[np.datetime64], days: NDArray[np.float64]) -> list[list[date | None]]:
    """Return dates of any number of rows of days, each of n; null where the day is NaN."""
    unknown = np.isnan(days)
    whole = np.where(unknown, 0, days).astype("timedelta64[D]")
    dates: list[list[date | None]] = np.where(unknown, np.datetime64("NaT"), as_of + whole).tolist()
    return dates
