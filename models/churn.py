"""Churn: whether a customer who ordered lately will not order in the next ``horizon`` days."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from ibis.expr import types as ir
from numpy.typing import NDArray
from pydantic import Field, model_validator

from models import columns as col
from models.blend import Blend
from models.customer_prediction import PREPARED_SCORES, CustomerPrediction
from models.labels import next_order
from models.messages import CustomerAnswer, CustomersRequest, Envelope
from models.methods import Method
from models.prediction import Customers, Examples, Fitted, Scores, Task
from models.rivals.bg_nbd import BGNBD
from models.rivals.logistic import FOUR_NUMBERS, RECENCY, WIDE
from models.rivals.pareto_nbd import ParetoNBD
from models.section import Section
from models.settings import Days, Share

Level = Literal["high", "medium", "low"]
LEVELS: tuple[Level, ...] = ("low", "medium", "high")
NO_LEVEL = -1
"""Stands for a level where somebody is not eligible."""
PREPARED_LEVEL = "level"


class ChurnSettings(Section):
    """What churn means here."""

    active_days: Days = Field(default=60, description="A customer is eligible when the last order is at most this old.")
    horizon: Days = Field(default=30, description="Length of the label window in days.")
    medium: Share = Field(default=0.2, description="Probability from which the level is medium.")
    high: Share = Field(default=0.5, description="Probability from which the level is high.")

    @model_validator(mode="after")
    def _thresholds_rise(self) -> "ChurnSettings":
        if not self.medium < self.high:
            raise ValueError(f"medium ({self.medium}) must be below high ({self.high})")
        return self


class ChurnAnswer(CustomerAnswer):
    """The answer for one customer."""

    probability: float | None = Field(
        description="Calibrated probability of no order in the next horizon days.", examples=[0.27]
    )
    level: Level | None = Field(
        description="Cut from the probability by the configured thresholds.", examples=["medium"]
    )


class ChurnResponse(Envelope):
    """The answers, in the order asked."""

    answers: list[ChurnAnswer] = Field(description="One for each customer asked for, in order.")


class Churn(CustomerPrediction):
    """No order in the next ``horizon`` days, for customers who ordered in the last ``active_days``."""

    name = "churn"
    question = "Who, of those who ordered lately, will not order in the next weeks?"
    request = CustomersRequest
    response = ChurnResponse
    reached = "churners"
    column_types: ClassVar[Mapping[str, pa.DataType]] = {col.LEVEL: pa.string()}
    Settings = ChurnSettings
    settings: ChurnSettings
    main_output = 0
    candidates: tuple[Method, ...] = (
        Blend(silence=True),
        WIDE,
        ParetoNBD(silence=True),
        BGNBD(silence=True),
        FOUR_NUMBERS,
        RECENCY,
    )

    @property
    def not_eligible(self) -> str:
        """Why somebody gets no churn probability."""
        return f"no order in the {self.settings.active_days} days before as_of: already gone, or never came"

    @property
    def horizons(self) -> tuple[int, ...]:
        """The one horizon."""
        return (self.settings.horizon,)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The one horizon."""
        return (Task(f"h{self.settings.horizon}", self.settings.horizon),)

    def labels(self, tables: Mapping[str, ir.Table], spine: ir.Table) -> ir.Table:
        """Days to the next order."""
        return next_order(tables, spine)

    def eligible(self, customers: Customers) -> NDArray[np.bool_]:
        """Say who ordered in the last ``active_days``."""
        recent: NDArray[np.bool_] = customers.column("recency_days") <= self.settings.active_days
        return recent

    def target(self, examples: Examples) -> Scores:
        """1 where no order came within the horizon."""
        days = examples.labels[col.NEXT_ORDER_DAYS]
        silent = ~(days < self.settings.horizon)
        known = self.eligible(examples.customers) & (examples.observed_days >= self.settings.horizon)
        return np.where(known, silent, np.nan)[:, None]

    def figures(self, scores: Scores, as_of: NDArray[np.datetime64]) -> dict[str, list[Any]]:
        """Probability and level."""
        levels = np.array(LEVELS)[self._cut(scores)].tolist()
        return {col.PROBABILITY: scores[:, 0].tolist(), col.LEVEL: levels}

    needs_prepared = True

    def prepare(self, fitted: Fitted, customers: Customers) -> dict[str, NDArray[Any]]:
        """Return each customer's scores and level, int8 of shape (n,): a position in ``LEVELS``, or ``NO_LEVEL``."""
        prepared = super().prepare(fitted, customers)
        scores = prepared[PREPARED_SCORES]
        levels = np.where(np.isnan(scores[:, 0]), NO_LEVEL, self._cut(scores)).astype(np.int8)
        return {**prepared, PREPARED_LEVEL: levels}

    def _cut(self, scores: Scores) -> NDArray[np.int64]:
        """Return the position in ``LEVELS`` of each probability, shape (n,)."""
        positions: NDArray[np.int64] = np.digitize(scores[:, 0], [self.settings.medium, self.settings.high])
        return positions
