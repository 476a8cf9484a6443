"""The rolling-origin plot: AUC, and calibration error above its floor, month by month."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from training.plots import COLOURS, png

SIZE_INCHES, DPI = (9.5, 3.4), 90
FORESELL, OTHER = 2.4, 1.1


def months_plot(title: str, months: list[dict[str, Any]]) -> bytes:
    """Draw one prediction's months as PNG: Foresell is what the choice of each month was."""
    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10.5, x=0.01, ha="left")
    left, right = figure.subplots(1, 2)
    names = [name for name in months[0]["methods"] if all(name in month["methods"] for month in months)]
    rivals = [name for name in names if name in months[0]["rivals"]]
    _draw(left, months, rivals, lambda month, name: month["methods"][name]["auc"])
    _draw(right, months, rivals, _excess)
    right.axhline(0, color="#9AA0A6", linestyle=":", linewidth=1)
    for axes, what in ((left, "AUC"), (right, "calibration error above its floor")):
        axes.set_title(what, fontsize=9.5, loc="left")
        axes.grid(visible=True, color="#E4E7EB", linewidth=0.7)
        axes.tick_params(labelsize=8)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    return png(figure)


def _excess(month: dict[str, Any], name: str) -> float:
    found = month["methods"][name]
    return float(found["calibration_error"] - found["floor"])


def _draw(axes: Axes, months: list[dict[str, Any]], rivals: list[str], figure: Any) -> None:
    days = [month["test"] for month in months]
    ours = [figure(month, month["chosen"]) for month in months]
    axes.plot(days, ours, color=COLOURS[0], linewidth=FORESELL, marker="o", markersize=4, zorder=5, label="Foresell")
    for at, name in enumerate(rivals, start=1):
        values = [figure(month, name) for month in months]
        axes.plot(days, values, color=COLOURS[at % len(COLOURS)], linewidth=OTHER, label=name)
