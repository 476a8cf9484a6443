"""Big spender: whether a customer will spend much in the next ``horizon`` days.

What somebody would write who adds a prediction; a test puts it into ``models/`` as the one new file.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from ibis.expr import types as ir
from numpy.typing import NDArray
from pydantic import Field

from models import columns as col
from models.boosting import Boosting
from models.customer_prediction import CustomerPrediction
from models.messages import CustomerAnswer, CustomersRequest, Envelope
from models.methods import Method
from models.orders import paid
from models.prediction import Customers, Examples, Scores, Task
from models.rivals.logistic import RECENCY, Logistic
from models.section import Section
from models.settings import Days, Share

SPENT = "spent"  # money in the label window
CROWD = "crowd"  # the batch job's column


class BigSpenderSettings(Section):
    """What spending much means here."""

    horizon: Days = Field(default=30, description="Length of the label window in days.")
    least_spend: float = Field(default=100, gt=0, description="Money from which a customer is a big spender.")
    likely: Share = Field(default=0.5, description="Probability from which a customer belongs to the big crowd.")


class BigSpenderRequest(CustomersRequest):
    """A request about customers, each by id or with a complete history."""

    with_crowd: bool = Field(default=True, description="Whether to say which crowd each customer belongs to.")


class BigSpenderAnswer(CustomerAnswer):
    """The answer for one customer."""

    probability: float | None = Field(description="Probability of spending at least that much.", examples=[0.31])
    crowd: Literal["big", "usual"] | None = Field(
        description="Cut from the probability by the configured threshold.", examples=["big"]
    )


class BigSpenderResponse(Envelope):
    """The answers, in the order asked."""

    answers: list[BigSpenderAnswer] = Field(description="One for each customer asked for, in order.")


class BigSpender(CustomerPrediction):
    """Spend of at least ``least_spend`` in the next ``horizon`` days, for customers who ordered at least once."""

    name = "big-spender"
    question = "Who will spend much in the next weeks?"
    request = BigSpenderRequest
    response = BigSpenderResponse
    column_types: ClassVar[Mapping[str, pa.DataType]] = {CROWD: pa.string()}
    Settings = BigSpenderSettings
    settings: BigSpenderSettings
    main_output = 0
    candidates: tuple[Method, ...] = (Boosting(), Logistic("spend_logistic", ("spend", "orders")), RECENCY)

    @property
    def not_eligible(self) -> str:
        """Why somebody gets no probability."""
        return "no order before as_of"

    @property
    def horizons(self) -> tuple[int, ...]:
        """The one horizon."""
        return (self.settings.horizon,)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The one horizon."""
        return (Task(f"h{self.settings.horizon}", self.settings.horizon),)

    def labels(self, tables: Mapping[str, ir.Table], spine: ir.Table) -> ir.Table:
        """Money spent from each cutoff on, within the horizon."""
        spine = spine.select(col.CUSTOMER_ID, col.AS_OF)
        lines = tables[col.ORDER_LINES]
        lines = lines.select(col.CUSTOMER_ID, col.ORDER_DAY, paid=paid(lines))
        later = spine.left_join(
            lines, [spine[col.CUSTOMER_ID] == lines[col.CUSTOMER_ID], lines[col.ORDER_DAY] >= spine[col.AS_OF]]
        )
        inside = later[col.ORDER_DAY].delta(later[col.AS_OF], unit="day") < self.settings.horizon
        spent = later.paid.sum(where=inside).fill_null(0).cast("float64")
        return later.group_by([col.CUSTOMER_ID, col.AS_OF]).aggregate(**{SPENT: spent})

    def eligible(self, customers: Customers) -> NDArray[np.bool_]:
        """Say who ordered at least once."""
        ordered: NDArray[np.bool_] = ~np.isnan(customers.column("recency_days"))
        return ordered

    def target(self, examples: Examples) -> Scores:
        """1 where the window's spend reached the threshold."""
        much = examples.labels[SPENT] >= self.settings.least_spend
        known = self.eligible(examples.customers) & (examples.observed_days >= self.settings.horizon)
        return np.where(known, much, np.nan)[:, None]

    def figures(self, scores: Scores, as_of: NDArray[np.datetime64]) -> dict[str, list[Any]]:
        """Probability and crowd."""
        crowd = np.where(scores[:, 0] >= self.settings.likely, "big", "usual")
        return {col.PROBABILITY: scores[:, 0].tolist(), CROWD: crowd.tolist()}

    def chosen(self, request: BigSpenderRequest, figures: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Leave the crowd out where nobody asked for it."""
        return figures if request.with_crowd else {**figures, CROWD: [None] * len(figures[CROWD])}
