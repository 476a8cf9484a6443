"""Plots of a run as PNG: the model and its rivals in one picture, one colour a method, the chosen one emphasised."""

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from textwrap import fill
from typing import Any, Literal, TypeVar

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from models.metrics import BinaryMeasurement, IntervalMeasurement, QueryMeasurement
from models.prediction import Measurement
from training import curves
from training.curves import Curve

DPI = 110
SIZE_INCHES = (5.0, 3.9)
# Okabe and Ito's colours, told apart by people of any colour vision; ours first
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31", "#6B6B6B")
_GREY = "#9AA0A6"
_COUNTED_BINS = 20
TITLE_WIDTH, LABEL_WIDTH = 56, 72

_Corner = Literal["best", "upper left", "lower right"]
Measured = TypeVar("Measured", BinaryMeasurement, IntervalMeasurement, QueryMeasurement)


def plots(
    measurements: Mapping[str, Measurement], *, methods: Sequence[str], chosen: str, title: str
) -> dict[str, bytes]:
    """Draw what one task's measurements allow.

    Parameters
    ----------
    measurements : mapping of str to Measurement
        method -> the test window's measurement.
    methods : sequence of str
        Every method in the prediction's order, which fixes its colour.
    chosen : str
        The method to emphasise.
    title : str
        What is measured, e.g. ``churn, 30 days``.

    Returns
    -------
    dict of str to bytes
        Name of the plot -> PNG; empty for a kind of measurement that has no plots.
    """
    binary = {name: each for name, each in measurements.items() if isinstance(each, BinaryMeasurement)}
    dated = {name: each for name, each in measurements.items() if isinstance(each, IntervalMeasurement)}
    style = Style(methods, chosen, title)
    if chosen in binary:
        return {name: draw(binary, style) for name, draw in _BINARY.items()}
    searched = {name: each for name, each in measurements.items() if isinstance(each, QueryMeasurement)}
    if chosen in searched:
        return {"gain": _recall(searched, style)}
    return {"error": _error(dated, style)} if chosen in dated else {}


def importance_plot(importance: Mapping[str, float], *, title: str, what: str) -> bytes:
    """Draw what drives the scores.

    Parameters
    ----------
    importance : mapping of str to float
        Title of a feature group -> its figure.
    title : str
        What is explained.
    what : str
        What the figures are.
    """
    ranked = sorted(importance.items(), key=lambda item: item[1])
    told = fill(what, LABEL_WIDTH)
    figure, axes = canvas(f"What drives it: {title}", height=0.28 * len(ranked) + 0.2 * told.count("\n") + 1.2)
    axes.barh([name for name, _ in ranked], [value for _, value in ranked], color=COLOURS[0], height=0.65)
    figure.supxlabel(told, fontsize=9)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(left=0)
    return png(figure)


class Style:
    """Which line a method is.

    Parameters
    ----------
    methods : sequence of str
        All of them, which fixes their colours.
    chosen : str
        The one to emphasise.
    title : str
        What is measured.
    """

    def __init__(self, methods: Sequence[str], chosen: str, title: str) -> None:
        self.methods, self.chosen, self.title = methods, chosen, title

    def of(self, method: str) -> dict[str, Any]:
        """Return how a method's line is drawn."""
        at = self.methods.index(method)
        emphasis: dict[str, Any] = (
            {"linewidth": 2.4, "zorder": 5, "label": f"{method} (chosen)"}
            if method == self.chosen
            else {"linewidth": 1.2, "alpha": 0.85, "zorder": 3, "label": method}
        )
        # more methods than colours: the second round is dashed
        dashed = {"linestyle": "--"} if at >= len(COLOURS) else {}
        return {"color": COLOURS[at % len(COLOURS)], **dashed, **emphasis}


def canvas(title: str, *, width: float = SIZE_INCHES[0], height: float = SIZE_INCHES[1]) -> tuple[Figure, Axes]:
    """Return an empty figure of this size in inches, and its axes, in the style that all plots have."""
    # no pyplot: it keeps every figure and picks a display by itself
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(fill(title, TITLE_WIDTH), fontsize=10.5, loc="left", color="#202124")
    axes.grid(visible=True, color="#E4E7EB", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8.5, colors="#4A4F55")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def png(figure: Figure) -> bytes:
    """Return a figure as PNG: the same bytes for the same figure."""
    buffer = BytesIO()
    # without the software's name the same data gives the same bytes whatever matplotlib's version
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _lines(
    axes: Axes, measurements: Mapping[str, Measured], style: Style, curve: Callable[[Measured], Curve], **more: Any
) -> None:
    for method, measurement in measurements.items():
        points = curve(measurement).thinned()
        axes.plot(points.x, points.y, **style.of(method), **more)


def _labelled(axes: Axes, x: str, y: str, legend: _Corner, *, percent: str = "xy") -> None:
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    if "x" in percent:
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if "y" in percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.legend(loc=legend, fontsize=8, frameon=False)


def _gain(measurements: Mapping[str, BinaryMeasurement], style: Style) -> bytes:
    return _found(measurements, style, curves.gain, "customers, highest scores first", "share of all events found")


def _found(measurements: Mapping[str, Any], style: Style, curve: Any, x: str, y: str) -> bytes:
    figure, axes = canvas(f"Cumulative gain: {style.title}")
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle=":", linewidth=1, label="at random")
    _lines(axes, measurements, style, curve)
    _labelled(axes, x, y, "lower right")
    return png(figure)


def _lift(measurements: Mapping[str, BinaryMeasurement], style: Style) -> bytes:
    figure, axes = canvas(f"Lift: {style.title}")
    axes.axhline(1, color=_GREY, linestyle=":", linewidth=1, label="at random")
    _lines(axes, measurements, style, curves.lift)
    axes.set_ylim(bottom=0)
    _labelled(axes, "customers, highest scores first", "times the average rate", "best", percent="x")
    return png(figure)


def _roc(measurements: Mapping[str, BinaryMeasurement], style: Style) -> bytes:
    figure, axes = canvas(f"ROC: {style.title}")
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle=":", linewidth=1, label="at random")
    _lines(axes, measurements, style, curves.roc)
    _labelled(axes, "false positive rate", "true positive rate", "lower right")
    return png(figure)


def _precision_recall(measurements: Mapping[str, BinaryMeasurement], style: Style) -> bytes:
    figure, axes = canvas(f"Precision and recall: {style.title}")
    rate = float(measurements[style.chosen].outcome.mean())
    axes.axhline(rate, color=_GREY, linestyle=":", linewidth=1, label="at random")
    _lines(axes, measurements, style, curves.precision_recall)
    axes.set_ylim(0, 1.02)
    _labelled(axes, "recall: share of all events found", "precision: share that are events", "best")
    return png(figure)


def _calibration(measurements: Mapping[str, BinaryMeasurement], style: Style) -> bytes:
    figure, axes = canvas(f"Calibration: {style.title}")
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle=":", linewidth=1, label="perfect")
    _lines(axes, measurements, style, curves.calibration, marker="o", markersize=3.5)
    counts = axes.twinx()
    counts.hist(
        measurements[style.chosen].probability, bins=_COUNTED_BINS, range=(0, 1), color=COLOURS[0], alpha=0.13, zorder=1
    )
    counts.set_ylabel(f"customers ({style.chosen})", fontsize=8.5, color="#6B7280")
    counts.tick_params(labelsize=8, colors="#6B7280")
    counts.spines["top"].set_visible(False)
    # the curves stay readable in front of the bars
    counts.set_ylim(top=2.5 * counts.get_ylim()[1])
    axes.set_zorder(counts.get_zorder() + 1)
    axes.patch.set_visible(False)
    _labelled(axes, "predicted probability (ten bins of equal size)", "share that happened", "upper left")
    return png(figure)


def _error(measurements: Mapping[str, IntervalMeasurement], style: Style) -> bytes:
    figure, axes = canvas(f"Error of the expected day: {style.title}")
    _lines(axes, measurements, style, curves.error_within)
    axes.set_ylim(0, 1.02)
    _labelled(axes, "at most this many days off", "share of customers", "lower right", percent="y")
    return png(figure)


def _recall(measurements: Mapping[str, QueryMeasurement], style: Style) -> bytes:
    x, y = "share of those who were ranked", "mean share of the hidden that is found"
    return _found(measurements, style, curves.recall, x, y)


_BINARY: Mapping[str, Callable[[Mapping[str, BinaryMeasurement], Style], bytes]] = {
    "lift": _lift,
    "gain": _gain,
    "calibration": _calibration,
    "roc": _roc,
    "precision_recall": _precision_recall,
}
