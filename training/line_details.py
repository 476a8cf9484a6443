"""What staged order lines say beside themselves: their products' details, and the sales that nobody's name is on."""

from functools import reduce
from pathlib import Path

import ibis
import ibis.expr.types as ir

from models import columns as col
from models.contracts import ANONYMOUS, RuleLimits
from models.orders import is_return
from models.source_settings import Notation
from training.casting import LINE_DETAILS
from training.intake_tables import Intake, Staged
from training.judging import FATE, Fate
from training.sources.raw import RawTable, product_detail


def products_of(intake: Intake, staged: Staged, notation: Notation) -> RawTable:
    """Return the products table that the order lines make: the most frequent value of each detail.

    Lines that are kept count, and anonymous ones; of values that are equally frequent the first in order is taken.

    Parameters
    ----------
    intake : Intake
        What the tables share.
    staged : Staged
        The order lines.
    notation : Notation
        How the order lines write their values.
    """
    rows = intake.connection.read_parquet(staged.path)
    sold = rows.filter((rows[FATE] == Fate.KEPT.value) | (rows[col.RULE] == ANONYMOUS))
    sold = sold.filter(sold[col.PRODUCT_ID].notnull())
    ids = sold.select(col.PRODUCT_ID).distinct()
    there = [name for name in LINE_DETAILS if product_detail(name) in rows.columns]
    return RawTable(reduce(lambda known, name: _with_detail(known, sold, name), there, ids), notation=notation)


def _with_detail(known: ir.Table, sold: ir.Table, name: str) -> ir.Table:
    value = sold[product_detail(name)].strip().nullif("")
    said = sold.select(col.PRODUCT_ID, **{name: value}).filter(lambda rows: rows[name].notnull())
    counted = said.group_by(col.PRODUCT_ID, name).agg(**{col.LINES: said.count()})
    rank = ibis.row_number().over(group_by=col.PRODUCT_ID, order_by=[counted[col.LINES].desc(), counted[name]])
    most = counted.mutate(rank=rank).filter(lambda rows: rows["rank"] == 0).select(col.PRODUCT_ID, name)
    return known.left_join(most, col.PRODUCT_ID).drop(f"{col.PRODUCT_ID}_right")


def write_anonymous_sales(intake: Intake, staged: Staged, path: Path, *, counted: bool) -> None:
    """Write how often each product was sold to nobody in particular, by day.

    Parameters
    ----------
    intake : Intake
        What the tables share.
    staged : Staged
        The order lines.
    path : Path
        Gets (product_id, order_day, lines), in this order.
    counted : bool
        Whether the configuration counts such sales; otherwise the table is empty.
    """
    rows = intake.connection.read_parquet(staged.path)
    nobodys = (rows[col.RULE] == ANONYMOUS) & ~is_return(rows) & rows[col.PRODUCT_ID].notnull()
    sold = rows.filter(nobodys & _plausible(rows[col.ORDER_DAY], intake.limits) & ibis.literal(counted))
    sales = sold.group_by(col.PRODUCT_ID, col.ORDER_DAY).agg(**{col.LINES: sold.count()})
    path.parent.mkdir(exist_ok=True)
    intake.connection.to_parquet(sales.order_by([col.PRODUCT_ID, col.ORDER_DAY]), path, compression="zstd")


def _plausible(day: ir.DateValue, limits: RuleLimits) -> ir.BooleanValue:
    return day.between(ibis.literal(limits.earliest), ibis.literal(limits.latest))
