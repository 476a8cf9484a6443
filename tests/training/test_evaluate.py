import numpy as np
import pytest

from models.metrics import BinaryMeasurement
from training.evaluate import Figure, figures, paired

OUTCOME = np.array([0.0, 0, 1, 1] * 25)


def test_a_figure_lies_in_its_interval() -> None:
    rng = np.random.default_rng(0)
    found = figures(BinaryMeasurement(OUTCOME, rng.random(100)), draws=50, seed=1)
    assert all(each.low <= each.value <= each.high for name, each in found.items() if name != "calibration_error")


def test_the_difference_is_exactly_zero_when_a_method_meets_itself() -> None:
    measured = BinaryMeasurement(OUTCOME, np.linspace(0.1, 0.9, 100))
    assert paired(measured, measured, draws=20, seed=1)["auc"] == Figure(0.0, 0.0, 0.0)


def test_the_difference_favours_the_better_when_two_methods_are_paired() -> None:
    good = BinaryMeasurement(OUTCOME, np.where(OUTCOME == 1, 0.9, 0.1))
    bad = BinaryMeasurement(OUTCOME, np.full(100, 0.5))
    found = paired(good, bad, draws=20, seed=1)
    assert found["auc"].value == pytest.approx(0.5)
    assert found["log_loss"].high < 0


def test_a_figure_is_written_with_its_interval() -> None:
    assert str(Figure(0.8, 0.75, 0.9)) == "0.800 [0.750, 0.900]"


def test_no_figure_has_a_negative_end() -> None:
    perfect = BinaryMeasurement(OUTCOME, OUTCOME)
    assert all(figure.low >= 0 for figure in figures(perfect, draws=20, seed=1).values())
