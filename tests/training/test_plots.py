from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure

from models.metrics import BinaryMeasurement, IntervalMeasurement
from training import plots as module
from training.plots import COLOURS, importance_plot, plots

PNG = b"\x89PNG\r\n\x1a\n"


def binary(seed):
    rng = np.random.default_rng(seed)
    probability = rng.random(80)
    return BinaryMeasurement((rng.random(80) < probability).astype(float), probability)


MEASURED = {"ours": binary(1), "theirs": binary(2)}


@pytest.fixture
def figures(monkeypatch):
    """The figures as they are before they become pixels."""
    kept: list[Figure] = []
    draw = module.png
    monkeypatch.setattr(module, "png", lambda figure: kept.append(figure) or draw(figure))
    return kept


def test_every_plot_of_probabilities_is_a_png():
    drawn = plots(MEASURED, methods=("ours", "theirs"), chosen="ours", title="churn, 30 days")
    assert set(drawn) == {"lift", "gain", "calibration", "roc", "precision_recall"}
    assert all(png.startswith(PNG) for png in drawn.values())


def test_a_date_has_the_plot_of_its_error():
    dates = IntervalMeasurement(np.array([3.0, 5]), np.array([3.0, 4]), *np.zeros((4, 2)), 9)
    drawn = plots({"ours": dates}, methods=("ours",), chosen="ours", title="t")
    assert list(drawn) == ["error"]
    assert drawn["error"].startswith(PNG)


def test_a_method_has_one_colour_and_the_chosen_one_the_widest_line_whichever_is_chosen(figures):
    for chosen in ("ours", "theirs"):
        plots(MEASURED, methods=("ours", "theirs"), chosen=chosen, title="churn, 30 days")
    for figure in figures:
        lines = {line.get_label().removesuffix(" (chosen)"): line for line in figure.axes[0].lines}
        assert lines["ours"].get_color() == COLOURS[0]
        assert lines["theirs"].get_color() == COLOURS[1]
        (widest,) = [line for line in lines.values() if line.get_linewidth() > 2]
        assert widest.get_label().endswith("(chosen)")


def test_axes_say_what_they_show(figures):
    plots(MEASURED, methods=("ours", "theirs"), chosen="ours", title="churn, 30 days")
    titles = [figure.axes[0].get_title(loc="left") for figure in figures]
    assert "Cumulative gain: churn, 30 days" in titles
    for figure in figures:
        assert figure.axes[0].get_xlabel()
        assert figure.axes[0].get_ylabel()


def test_the_same_measurements_give_the_same_picture():
    first, second = (plots(MEASURED, methods=("ours", "theirs"), chosen="ours", title="t") for _ in range(2))
    assert first == second


def test_importance_has_the_strongest_group_on_top(figures):
    assert importance_plot({"Spend": 0.1, "Last order": 0.7}, title="churn", what="Words. " * 40).startswith(PNG)
    (figure,) = figures
    bars = [bar.get_width() for bar in figure.axes[0].patches]
    assert all(low <= high for low, high in pairwise(bars))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["Spend", "Last order"]
