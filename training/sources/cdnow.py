"""The built-in source CDNOW: 18 months of 23,570 people who first bought music there in early 1997.

Fader, P. and Hardie, B. (2001), Forecasting repeat sales at CDNOW: a case study. Interfaces 31. The file
``CDNOW_master.txt`` comes in the package lifetimes; it has days and amounts, and no products.
"""

from collections.abc import Mapping

import ibis.expr.types as ir

from models import columns as col
from training.sources.packages import PackageData
from training.sources.raw import RawTable, Workbench

_DATA = PackageData("cdnow", "lifetimes", "lifetimes", ("datasets/CDNOW_master.txt",))


class Cdnow:
    """CDNOW's purchases as order lines, one a customer and purchase; there is no other table."""

    name = "cdnow"

    def state(self) -> str:
        """Return the package's version; see ``Source``."""
        return _DATA.state()

    def tables(self, bench: Workbench) -> Mapping[str, RawTable]:
        """Return the order lines; see ``Source``."""
        (file,) = _DATA.files()
        # columns are apart by runs of blanks, which DuckDB's reader does not know: each line is read as a whole
        lines = bench.connection.read_csv(
            file, auto_detect=False, columns={"line": "VARCHAR"}, header=True, sep="\t", quote="", escape=""
        )
        return {col.ORDER_LINES: RawTable(_order_lines(lines.line.strip().re_split(r"\s+").name("parts").as_table()))}


def _order_lines(rows: ir.Table) -> ir.Table:
    customer, day, discs, dollars = (rows.parts[place] for place in range(4))
    return rows.select(
        **{
            col.CUSTOMER_ID: customer,
            col.ORDERED_AT: day.as_date("%Y%m%d"),
            col.QUANTITY: discs,
            col.AMOUNT: dollars,
        }
    )
