"""The plots of the data report, as PNG."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from training.check.history import Assortment, Bin, History, Hole, Period
from training.check.report import CheckReport
from training.plots import COLOURS, canvas, png

WIDE_INCHES, NARROW_INCHES, HEIGHT_INCHES = 8.4, 5.0, 3.0
_BAR_INCHES = 0.26
_EPOCH = date(1970, 1, 1)
_HOLE = "#F3E3D3"


@dataclass(frozen=True)
class Picture:
    """A plot.

    Parameters
    ----------
    title : str
        Its heading.
    told : str
        What it shows, in words and figures: its alternative text.
    image : bytes
        PNG.
    wide : bool
        Whether it takes the page's whole width.
    """

    title: str
    told: str
    image: bytes
    wide: bool = False


def pictures(report: CheckReport) -> tuple[Picture, ...]:
    """Draw what the history allows."""
    return tuple(_drawn(report)) if report.orders else ()


def _drawn(report: CheckReport) -> Iterator[Picture]:
    history = report.history
    title = f"Orders and customers by {history.step}"
    periods = history.over_time
    whole = _whole(periods, history.step, history.last)
    yield Picture(title, _told_over_time(whole, history), _over_time(whole, title, history.holes), wide=True)
    title = f"New customers by {history.step}"
    came = sum(period.new_customers for period in periods)
    told = f"First orders of {came:,} customers; 99 % of them by {history.most_came_by}."
    yield Picture(title, told, _new(whole, title), wide=True)
    if history.gaps:
        told = "Days between a customer's orders: " + ", ".join(
            f"{percent} % are at most {days}" for percent, days in history.gaps.quantiles.items()
        )
        title = "Gaps between a customer's orders, days"
        yield Picture(title, f"{told}.", _bars(history.gaps.histogram, title, "gaps"))
    title = "Orders per customer"
    yield Picture(
        title,
        _told_bars(history.orders_per_customer, "Customers by their number of orders"),
        _bars(history.orders_per_customer, title, "customers"),
    )
    if history.spend:
        title = "Spend per customer"
        middle = ", ".join(f"{percent} % at most {money:,.2f}" for percent, money in history.spend.quantiles.items())
        yield Picture(
            title, f"Customers by what they paid in all: {middle}.", _bars(history.spend.histogram, title, "customers")
        )
    if history.assortment:
        title = "The products' long tail"
        top = ", ".join(f"{share:.0%} by the top {percent} %" for percent, share in history.assortment.top.items())
        told = f"Share of the order lines by products, best-selling first, of {history.assortment.products:,}: {top}."
        yield Picture(title, told, _tail(history.assortment, title))
    missing = {
        f"{table}.{column}": share
        for table, columns in history.missing.items()
        for column, share in columns.items()
        if share
    }
    if missing:
        title = "Missing values, share of the kept rows"
        told = ", ".join(f"{name} {share:.1%}" for name, share in missing.items())
        yield Picture(title, f"Columns with missing values: {told}.", _shares(missing, title))
    rejected = {
        f"{table}: {rule}": rows
        for table, counted in report.intake.tables.items()
        for rule, rows in counted.rejected.items()
    }
    if rejected:
        title = "Rejected rows by rule"
        told = ", ".join(f"{name} {rows:,}" for name, rows in rejected.items())
        yield Picture(title, f"Rejected rows: {told}.", _counted(rejected, title))


def _whole(periods: Sequence[Period], step: str, last: date | None) -> Sequence[Period]:
    """Leave out a last week or month that is not over: it would look like a fall."""
    if step == "day" or last is None or len(periods) < 2:
        return periods
    after = last + timedelta(days=1)
    over = after.weekday() == 0 if step == "week" else after.day == 1
    return periods if over else periods[:-1]


def _told_over_time(periods: Sequence[Period], history: History) -> str:
    step = history.step
    most = max(periods, key=lambda period: period.orders)
    mean = sum(period.orders for period in periods) / len(periods)
    return (
        f"Orders and customers by {step} from {history.first} to {_end(periods, history)}: {mean:,.0f} orders in the "
        f"mean {step}, most ({most.orders:,}) in that of {most.first}."
    )


def _end(periods: Sequence[Period], history: History) -> date | None:
    """Return the last day that is drawn: the last order's, or the one before a last week or month that is left out."""
    left_out = history.over_time[len(periods) :]
    return left_out[0].first - timedelta(days=1) if left_out else history.last


def _told_bars(bins: Sequence[Bin], what: str) -> str:
    return f"{what}. " + ", ".join(f"{each.title}: {each.count:,}" for each in bins if each.count) + "."


def _over_time(periods: Sequence[Period], title: str, holes: Sequence[Hole]) -> bytes:
    figure, axes = canvas(title, width=WIDE_INCHES, height=HEIGHT_INCHES)
    days = [_at(period.first) for period in periods]
    for hole in holes:
        axes.axvspan(_at(hole.first), _at(hole.last) + 1, color=_HOLE, zorder=1)
    marker = "o" if len(days) < 3 else None
    axes.plot(
        days, [period.orders for period in periods], color=COLOURS[0], linewidth=1.3, label="orders", marker=marker
    )
    # by day an order is a customer, and the lines are one
    if any(period.customers != period.orders for period in periods):
        axes.plot(
            days,
            [period.customers for period in periods],
            color=COLOURS[1],
            linewidth=1.3,
            label="customers",
            marker=marker,
        )
        axes.legend(loc="best", fontsize=8, frameon=False)
    else:
        axes.set_ylabel("orders = customers of the day", fontsize=9)
    _dated(axes, days)
    return png(figure)


def _at(day: date) -> float:
    """Return matplotlib's number of a day."""
    return float((day - _EPOCH).days)


def _new(periods: Sequence[Period], title: str) -> bytes:
    figure, axes = canvas(title, width=WIDE_INCHES, height=HEIGHT_INCHES)
    days = [_at(period.first) for period in periods]
    came = [period.new_customers for period in periods]
    axes.fill_between(days, came, color=COLOURS[2], alpha=0.25, linewidth=0, step="mid")
    axes.step(days, came, color=COLOURS[2], linewidth=1.2, where="mid", marker="o" if len(days) < 3 else None)
    _dated(axes, days)
    return png(figure)


def _dated(axes: Axes, days: Sequence[float]) -> None:
    locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    if len(days) > 1:
        axes.set_xlim(days[0], days[-1])
    _grouped(axes)


def _grouped(axes: Axes) -> None:
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _bars(bins: Sequence[Bin], title: str, what: str) -> bytes:
    figure, axes = canvas(title, width=NARROW_INCHES, height=HEIGHT_INCHES)
    axes.bar(range(len(bins)), [each.count for each in bins], color=COLOURS[0], width=0.8)
    axes.set_xticks(range(len(bins)), [each.title for each in bins], rotation=40, ha="right")
    axes.tick_params(axis="x", labelsize=7.5)
    axes.grid(visible=False, axis="x")
    axes.set_ylabel(what, fontsize=9)
    _grouped(axes)
    return png(figure)


def _tail(assortment: Assortment, title: str) -> bytes:
    figure, axes = canvas(title, width=NARROW_INCHES, height=HEIGHT_INCHES)
    points = [(0.0, 0.0), *assortment.curve]
    axes.plot([x for x, _ in points], [y for _, y in points], color=COLOURS[0], linewidth=1.8)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("products, best-selling first", fontsize=9)
    axes.set_ylabel("share of the order lines", fontsize=9)
    return png(figure)


def _shares(shares: Mapping[str, float], title: str) -> bytes:
    return _sideways(shares, title, lambda share: f"{share:.1%}" if share >= 0.001 else "< 0.1%")


def _counted(counts: Mapping[str, int], title: str) -> bytes:
    return _sideways(counts, title, lambda count: f"{count:,.0f}")


def _sideways(values: Mapping[str, float], title: str, told: Callable[[float], str]) -> bytes:
    ranked = sorted(values.items(), key=lambda item: item[1])
    figure, axes = canvas(title, width=NARROW_INCHES, height=max(HEIGHT_INCHES, 0.8 + _BAR_INCHES * len(ranked)))
    bars = axes.barh([name for name, _ in ranked], [value for _, value in ranked], color=COLOURS[0], height=0.65)
    axes.bar_label(bars, [told(value) for _, value in ranked], fontsize=8, padding=3, color="#4A4F55")
    axes.set_xticks([])
    axes.margins(x=0.18)
    axes.grid(visible=False)
    return png(figure)
