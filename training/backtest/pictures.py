"""The plots of a backtest, as PNG."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.backtest.backtest import Backtest, Course, Measured
from training.card import meaning
from training.facts import title_of
from training.plots import Style, canvas, png

WIDTH_INCHES, HEIGHT_INCHES = 6.4, 4.0
LEGEND_COLUMNS = 3
_SERVED = "#202124"


@dataclass(frozen=True)
class Picture:
    """A plot.

    Parameters
    ----------
    told : str
        What it shows, in words: its alternative text.
    image : bytes
        PNG.
    """

    told: str
    image: bytes


def pictures(found: Backtest, course: Course) -> tuple[Picture, ...]:
    """Draw one task's course: the headline figure, the loss, and the calibration where there is one."""
    return tuple(_drawn(found, course))


def _drawn(found: Backtest, course: Course) -> Iterator[Picture]:
    title = f"{found.prediction.name}, {title_of(course.task)}"
    headline = meaning(course.metric).title
    told = f"{headline} of every method by window, and of what was served with its 95 % interval."
    yield Picture(told, _lines(course, f"{headline}: {title}", headline, lambda each: each.headline.value, band=True))
    told = "Loss of every method by window; lower is better."
    yield Picture(told, _lines(course, f"Loss: {title}", "loss (lower is better)", lambda each: each.loss.value))
    if any(window.floor is not None for window in course.windows):
        told = "Calibration error of every method by window, and what a perfect model would show by chance."
        yield Picture(told, _calibration(course, f"Calibration error: {title}"))


def _lines(
    course: Course, title: str, label: str, value: Callable[[Measured], float | None], *, band: bool = False
) -> bytes:
    figure, axes = canvas(title, width=WIDTH_INCHES, height=HEIGHT_INCHES)
    _methods(axes, course, value)
    if band:
        served = [window.methods[window.served].headline for window in course.windows]
        low, high = [each.low for each in served], [each.high for each in served]
        axes.fill_between(
            _days(course),
            low,
            high,
            color=_SERVED,
            alpha=0.09,
            zorder=1,
            linewidth=0,
            label="its 95 % interval",
        )
    return _finished(figure, axes, course, label)


def _calibration(course: Course, title: str) -> bytes:
    figure, axes = canvas(title, width=WIDTH_INCHES, height=HEIGHT_INCHES)
    _methods(axes, course, lambda each: each.calibration_error)
    floors = [window.floor if window.floor is not None else np.nan for window in course.windows]
    axes.plot(_days(course), floors, color="#9AA0A6", linestyle=":", label="by chance alone")
    axes.set_ylim(bottom=0)
    return _finished(figure, axes, course, "calibration error")


def _methods(axes: Axes, course: Course, value: Callable[[Measured], float | None]) -> None:
    days = _days(course)
    style = Style(course.methods, chosen="", title="")
    for method in course.methods:
        measured = [window.methods.get(method) for window in course.windows]
        values = [value(each) if each else None for each in measured]
        line = [np.nan if each is None else each for each in values]
        axes.plot(days, line, marker="o", markersize=2.5, **style.of(method))
    served = [value(window.methods[window.served]) for window in course.windows]
    known = [np.nan if each is None else each for each in served]
    axes.plot(days, known, color=_SERVED, linewidth=2.2, zorder=6, marker="o", markersize=4.5, label="as served")


def _finished(figure: Figure, axes: Axes, course: Course, label: str) -> bytes:
    axes.set_ylabel(label, fontsize=9)
    axes.set_xlabel("first day of the window", fontsize=9)
    axes.set_xticks(
        _days(course),
        [window.day.isoformat() for window in course.windows],
        fontsize=8,
        rotation=0 if len(course.windows) <= 6 else 45,
    )
    # not among the lines, where many methods lie close to each other, nor beside them, where a phone would cut it off
    figure.legend(loc="outside lower left", ncols=LEGEND_COLUMNS, fontsize=8, frameon=False)
    return png(figure)


def _days(course: Course) -> NDArray[np.datetime64]:
    return np.array([window.day for window in course.windows], dtype="datetime64[D]")
