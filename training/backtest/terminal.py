"""The backtest on the terminal: a table a task."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from training.backtest.backtest import Backtest, Course, Window
from training.card import meaning
from training.facts import title_of

_MARKS = {"better": "+", "worse": "-", "": " "}


def render(found: Backtest) -> Group:
    """Lay the backtest out for the terminal."""
    lines: list[Text | Table] = [Text(f"{found.prediction.name}: {found.prediction.question}")]
    for course in found.courses:
        means = meaning(course.metric)
        better = {1: ", higher is better", -1: ", lower is better"}.get(means.better, "")
        lines += [Text(), Text(f"{title_of(course.task)}: {means.title}{better}"), _table(course)]
    legend = "+ better, - worse than what was served in that window, beyond the 95 % interval of the paired difference"
    return Group(*lines, Text(), Text(legend), *(Text(f"- {told}") for told in found.left_out))


def _table(course: Course) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("window from")
    for window in course.windows:
        table.add_column(window.day.isoformat(), justify="right")
    table.add_column("mean", justify="right")
    table.add_column("to served", justify="right")
    for method in course.methods:
        pooled = course.against.get(method)
        table.add_row(
            method,
            *(_figure(course, window, method) for window in course.windows),
            _mean(course, method),
            f"{pooled.value:+.3f} [{pooled.low:+.3f}, {pooled.high:+.3f}]" if pooled else "",
        )
    table.add_section()
    table.add_row("as served", *(_served(window) for window in course.windows), _mean(course, None), "")
    table.add_row("chosen", *(window.chosen or "none yet" for window in course.windows), "", "")
    if any(window.floor is not None for window in course.windows):
        table.add_row("calibration error", *(_error(window) for window in course.windows), "", "")
        table.add_row("  by chance alone", *(f"{window.floor:.3f} " for window in course.windows), "", "")
    table.add_row(course.units, *(f"{window.customers:,} " for window in course.windows), "", "")
    return table


def _figure(course: Course, window: Window, method: str) -> str:
    measured = window.methods.get(method)
    if measured is None:
        return "left out"
    return f"{measured.headline.value:.3f}{_MARKS[course.verdict(measured.against)]}"


def _mean(course: Course, method: str | None) -> str:
    value = course.mean(method)
    return "-" if value is None else f"{value:.3f}"


def _served(window: Window) -> str:
    return f"{window.methods[window.served].headline.value:.3f} "


def _error(window: Window) -> str:
    error = window.methods[window.served].calibration_error
    return "" if error is None else f"{error:.3f} "
