"""The orders of a history in the engine, and what they are counted by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir

from models import columns as col
from models.engines import Engine
from models.orders import order_days
from training.check.history import Gaps, Step, histogram, quantile

PERCENTS = (50, 75, 90, 95)
GAP_EDGES = (1, 3, 7, 14, 30, 60, 90, 180, 365)
COUNT = "n"
_GAP, _NTH, _WEIGHT = "gap", "nth", "weight"
_TRUNCATE = {"day": "D", "week": "W", "month": "M"}


@dataclass(frozen=True)
class Windows:
    """What happened in one label window.

    Parameters
    ----------
    known : int
        Customers with an order before it.
    ordered : int
        Those of them who ordered in it.
    """

    known: int
    ordered: int


class Orders:
    """The orders of a history, laid out once in the engine: (customer_id, order_day, days since the last, number)."""

    def __init__(self, engine: Engine) -> None:
        orders = order_days(engine.tables[col.ORDER_LINES])
        among = ibis.window(group_by=col.CUSTOMER_ID, order_by=col.ORDER_DAY)
        day = orders[col.ORDER_DAY]
        rows = orders.mutate(
            **{_GAP: day.delta(day.lag(1).over(among), unit="day"), _NTH: ibis.row_number().over(among)}
        )
        self.rows: ir.Table = engine.backend.create_table("check_orders", rows, temp=True)

    def by_day(self) -> tuple[dict[date, int], dict[date, int]]:
        """Return the orders and the customers' first orders of each day that has any."""
        rows = self.rows
        counted = rows.group_by(col.ORDER_DAY).agg(orders=rows.count(), new=(rows[_NTH] == 0).sum())
        days = sorted(dicts(counted), key=lambda row: row[col.ORDER_DAY])
        return {row[col.ORDER_DAY]: row["orders"] for row in days}, {row[col.ORDER_DAY]: row["new"] for row in days}

    def customers_in(self, step: Step) -> dict[date, int]:
        """Return how many customers ordered in each period, by its first day."""
        period = self.rows[col.ORDER_DAY].truncate(_TRUNCATE[step]).cast("date")
        periods = self.rows.select(col.CUSTOMER_ID, period=period).distinct().group_by("period")
        return {row["period"]: row[COUNT] for row in dicts(periods.agg(**{COUNT: ibis._.count()}))}

    def per_customer(self) -> dict[int, int]:
        """Return number of orders -> customers who have so many."""
        each = self.rows.group_by(col.CUSTOMER_ID).agg(orders=self.rows.count())
        return {row["orders"]: row[COUNT] for row in dicts(each.group_by("orders").agg(**{COUNT: each.count()}))}

    def gaps(self) -> Gaps | None:
        """Return the gaps between a customer's orders."""
        gaps = self.rows.filter(self.rows[_GAP].notnull())
        # exact decimals: sums of floats would depend on the order of the rows
        weight = (1.0 / gaps.count().over(group_by=col.CUSTOMER_ID)).cast("decimal(18, 12)")
        weighted = gaps.select(_GAP, **{_WEIGHT: weight})
        rows = dicts(weighted.group_by(_GAP).agg(**{COUNT: weighted.count(), _WEIGHT: weighted[_WEIGHT].sum()}))
        if not rows:
            return None
        counts = {row[_GAP]: row[COUNT] for row in rows}
        weights = {row[_GAP]: float(row[_WEIGHT]) for row in rows}
        return Gaps(
            count=sum(counts.values()),
            customers=round(sum(weights.values())),
            quantiles={percent: quantile(counts, percent) for percent in PERCENTS},
            by_customer={percent: quantile(weights, percent) for percent in PERCENTS},
            histogram=histogram(counts, GAP_EDGES),
        )

    def silent_days(self, as_of: date) -> dict[int, int]:
        """Return days from the last order before ``as_of`` -> customers who have been silent so long."""
        before = self.rows.filter(self.rows[col.ORDER_DAY] < ibis.literal(as_of))
        last = before.group_by(col.CUSTOMER_ID).agg(last=before[col.ORDER_DAY].max())
        rows = dicts(last.group_by("last").agg(**{COUNT: last.count()}))
        return {(as_of - row["last"]).days: row[COUNT] for row in rows}

    def windows(self, asked: Sequence[tuple[date, int]]) -> Mapping[tuple[date, int], Windows]:
        """Count who ordered in label windows, each a cutoff and its length in days."""
        day = self.rows[col.ORDER_DAY]
        flags: dict[str, Any] = {}
        for number, (cutoff, days) in enumerate(asked):
            within = (day >= ibis.literal(cutoff)) & (day < ibis.literal(cutoff + timedelta(days=days)))
            flags |= {f"known{number}": (day < ibis.literal(cutoff)).any(), f"within{number}": within.any()}
        if not flags:
            return {}
        each = self.rows.group_by(col.CUSTOMER_ID).agg(**flags)
        sums: dict[str, Any] = {}
        for number in range(len(asked)):
            known, within = each[f"known{number}"], each[f"within{number}"]
            sums |= {f"known{number}": known.sum(), f"ordered{number}": (known & within).sum()}
        row = dicts(each.agg(**sums))[0]
        return {
            window: Windows(row[f"known{number}"] or 0, row[f"ordered{number}"] or 0)
            for number, window in enumerate(asked)
        }


def dicts(table: ir.Table) -> list[dict[str, Any]]:
    """Compute an aggregate, which must be small."""
    rows: list[dict[str, Any]] = table.to_pyarrow().to_pylist()
    return rows
