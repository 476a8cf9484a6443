"""What people should know of the order lines themselves: returns, lines of nobody, and days that may be misread."""

import re
from collections.abc import Iterator

from models import columns as col
from models.contracts import ANONYMOUS
from models.source_settings import OrderLinesSource
from training.check.history import History
from training.intake_report import IntakeReport
from training.wording import counted, percentage

ANONYMOUS_FROM = 0.05
# a swapped day is read as a month: beyond the twelfth it is no date, and the row is rejected
MONTHS_IN_YEAR = 12
FEWEST_MONTHS = 3
_NUMBERED = re.compile(r"%-?([dmyY])")


def row_findings(history: History, report: IntakeReport, source: OrderLinesSource | None) -> Iterator[str]:
    """Say how many lines are returns, how many are nobody's, and whether day and month may be swapped.

    Parameters
    ----------
    history : History
        The figures.
    report : IntakeReport
        What intake counted.
    source : OrderLinesSource or None
        The section ``[source.order_lines]``; None = the source is a builtin one.
    """
    lines = report.tables[col.ORDER_LINES]
    if history.returns:
        are = "is a return" if history.returns == 1 else "are returns"
        reduce = "it reduces spend and is no order" if history.returns == 1 else "they reduce spend and are no orders"
        yield (
            f"{history.returns:,} of {counted(lines.kept, 'kept order line', 'kept order lines')} {are} "
            f"({percentage(history.returns, lines.kept)}): {reduce}."
        )
    anonymous = lines.set_aside.get(ANONYMOUS, 0)
    if anonymous and anonymous >= ANONYMOUS_FROM * lines.read:
        yield (
            f"{anonymous:,} of {lines.read:,} order lines have no customer ({percentage(anonymous, lines.read)}): they "
            f"are set aside, because nothing can be learned of anybody from them{_popularity(lines.absent, source)}."
        )
    for name, nobodys in history.nameless.items():
        yield (
            f"Customer {name!r} has {counted(nobodys, 'order line', 'order lines')} "
            f"({percentage(nobodys, lines.kept)}): it looks like a missing id; nullif(..., '{name}') for customer_id "
            "makes them anonymous."
        )
    if source and _may_be_swapped(history, source):
        yield (
            "No order falls on a day after the 12th of any month: day and month may be swapped; see times under "
            "[source.order_lines]."
        )


def _popularity(absent: tuple[str, ...], source: OrderLinesSource | None) -> str:
    if source is None or col.PRODUCT_ID in absent:
        return ""
    if source.count_anonymous:
        return "; they count in the popularity of products alone"
    return "; count_anonymous = true under [source.order_lines] counts them in the popularity of products"


def _may_be_swapped(history: History, source: OrderLinesSource) -> bool:
    if history.first is None or history.last is None or not any(_day_or_month_first(each) for each in source.times):
        return False
    months = MONTHS_IN_YEAR * (history.last.year - history.first.year) + history.last.month - history.first.month + 1
    return months >= FEWEST_MONTHS and history.latest_day_of_month <= MONTHS_IN_YEAR


def _day_or_month_first(times: str) -> bool:
    """Tell whether a format reads day and month as numbers, and one of them before the year."""
    parts = _NUMBERED.findall(times)
    return {"d", "m"} <= set(parts) and parts[0] in "dm"
