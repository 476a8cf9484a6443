"""What a history looks like: aggregates that are small whatever the number of customers."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Step = Literal["day", "week", "month"]
Share = float


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Period(_Facts):
    """A day, a week (from Monday) or a calendar month."""

    first: date
    orders: int
    customers: int = Field(description="Customers with an order in it.")
    new_customers: int = Field(description="Customers whose first order of all lies in it.")


class Bin(_Facts):
    """A bar of a histogram."""

    title: str
    count: int


class Gaps(_Facts):
    """Whole days from one order of a customer to the next."""

    count: int
    customers: int = Field(description="Customers with two orders or more.")
    quantiles: dict[int, int] = Field(description="Percent -> the days that so many of all gaps do not exceed.")
    by_customer: dict[int, int] = Field(
        description="The same, each customer counting once: the gaps of a customer with n of them weigh 1 / n each."
    )
    histogram: tuple[Bin, ...]


class Spend(_Facts):
    """What customers paid in all, returns taken off."""

    quantiles: dict[int, float] = Field(description="Percent -> the money that so many customers do not exceed.")
    histogram: tuple[Bin, ...] = Field(description="Customers by the power of ten of their spend.")


class Assortment(_Facts):
    """How order lines spread over products; returns are left out."""

    products: int = Field(description="Different products that were bought.")
    lines: int = Field(description="Order lines that name one.")
    top: dict[int, Share] = Field(description="Percent of the products, best first -> their share of the lines, 0..1.")
    curve: tuple[tuple[Share, Share], ...] = Field(
        description="Share of the products, best first, and of the lines that are theirs; at most 100 points."
    )


class Hole(_Facts):
    """A run of days without an order where the usual days have some."""

    first: date
    last: date
    missed: float = Field(description="Orders that the same weekdays before and after it would have brought.")

    @property
    def days(self) -> int:
        """Its length."""
        return (self.last - self.first).days + 1


class History(_Facts):
    """The kept order lines in figures. An order is a customer's day with a line that is not a return."""

    first: date | None = Field(description="Day of the first order; null = there is none.")
    last: date | None = Field(description="Day of the last order.")
    latest_day_of_month: int = Field(description="1..31, of all days with an order; 0 = there is none.")
    customers: int = Field(description="Customers with an order.")
    orders: int
    returns: int = Field(description="Order lines that are returns.")
    step: Step = Field(description="What a period of `over_time` is.")
    over_time: tuple[Period, ...] = Field(description="Rising, without gaps; at most about 400.")
    most_came_by: date | None = Field(description="By this day 99 % of the customers had their first order.")
    orders_per_customer: tuple[Bin, ...]
    gaps: Gaps | None = Field(description="Null = nobody ordered twice.")
    spend: Spend | None = Field(description="Null = no amounts.")
    assortment: Assortment | None = Field(description="Null = no order line names a product.")
    missing: dict[str, dict[str, Share]] = Field(
        description="Table -> column that the source has -> share of the kept rows without a value, 0..1."
    )
    nameless: dict[str, int] = Field(
        default_factory=dict,
        description="Customer ids that look like a missing one, such as NULL -> their order lines.",
    )
    shared_order_ids: int = Field(description="Order ids that lines of two or more customers bear.")
    weekdays: tuple[float, ...] = Field(
        description="Orders on the mean Monday, Tuesday, ...; empty = less than 8 weeks."
    )
    months: dict[int, float] = Field(
        description="Calendar month -> its orders a day, relative to the mean of the months; empty = less than a year."
    )
    years: bool = Field(description="Whether `months` compares with the year around each month, so that growth is out.")
    holes: tuple[Hole, ...]


def quantile(counts: Mapping[int, float], percent: int) -> int:
    """Return the least value that ``percent`` of the weight does not exceed; ``counts``: value -> weight, not empty."""
    wanted, seen = percent * sum(counts.values()), 0.0
    for value in sorted(counts):
        seen += 100 * counts[value]
        # sums of fractions end a hair below what they are
        if seen >= wanted * (1 - 1e-9):
            break
    return value


def histogram(counts: Mapping[int, int], edges: tuple[int, ...]) -> tuple[Bin, ...]:
    """Sort values of 1 and more into ranges that end with each edge, and one beyond the last."""
    bins = []
    low = 1
    for edge in edges:
        bins.append(Bin(title=f"{low}" if low == edge else f"{low}-{edge}", count=_within(counts, low, edge)))
        low = edge + 1
    beyond = sum(count for value, count in counts.items() if value >= low)
    return (*bins, Bin(title=f"over {low - 1}", count=beyond))


def _within(counts: Mapping[int, int], low: int, high: int) -> int:
    return sum(count for value, count in counts.items() if low <= value <= high)
