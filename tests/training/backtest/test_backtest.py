from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from models import prediction_named
from models.errors import NotConvergedError, NotEnoughDataError
from models.metrics import BinaryMeasurement
from models.prediction import Task
from models.settings import CutoffSettings, Settings, SourceSettings
from training.backtest.backtest import Course, Measured, Measurements, Window
from training.backtest.origins import origins
from training.cutoffs import plan
from training.evaluate import Figure

TASK = Task("h30", 30)
NEWEST = date(2024, 11, 1)


class Trainer:
    """Measures two methods whose losses are said by day."""

    def __init__(self, settings, errors=None):
        self.settings, self.prediction, self.errors = settings, prediction_named("churn"), errors or {}
        self.fits = []

    def progress(self, *_):
        pass

    def fit(self, method, day, horizon):
        self.fits.append((method, day))
        if (method, day) in self.errors:
            raise self.errors[method, day]
        return method

    def measured(self, method, task, day):
        # recency is right before October, and all others from then on
        right = (method == "recency") == (day < date(2024, 10, 1))
        return BinaryMeasurement(np.array([1, 0, 1, 0.0]), np.array([0.9, 0.1, 0.8, 0.2] if right else [0.5] * 4))


@pytest.fixture
def days():
    settings = CutoffSettings(folds=1, newest_test=NEWEST)
    whole = plan(settings, (TASK,), first_day=date(2024, 1, 1), end=NEWEST + timedelta(30))
    return origins(whole, (TASK,), settings, months=3)


def measured(days, tmp_path, errors=None):
    settings = Settings(workspace=tmp_path, source=SourceSettings(builtin="complete-journey"))
    found = Measurements(Trainer(settings, errors), days)
    for day in days.fitted:
        found.measure(day, share=0)
    return found


def test_what_is_served_is_chosen_by_the_window_before(days, tmp_path):
    found = measured(days, tmp_path)
    september, october, november = sorted(days.shown)
    assert (september, october, november) == (date(2024, 9, 2), date(2024, 10, 2), NEWEST)
    # September's window says recency, though it is wrong from October on
    assert found.chosen(october) == "recency"
    assert found.chosen(november) != "recency"


def test_nothing_is_fitted_twice(days, tmp_path):
    fits = measured(days, tmp_path).trainer.fits
    assert len(fits) == len(set(fits)) == len(days.fitted) * len(prediction_named("churn").methods)


def test_a_method_that_does_not_converge_is_left_out_of_its_window_and_of_the_choice(days, tmp_path):
    errors = {("recency", date(2024, 9, 2)): NotConvergedError("no answer in 200 steps")}
    found = measured(days, tmp_path, errors)
    assert "recency" not in found.at[date(2024, 9, 2), "h30"]
    assert "recency" in found.at[date(2024, 10, 2), "h30"]
    assert found.chosen(date(2024, 10, 2)) != "recency"
    assert found.left_out == ["recency is left out at 2024-09-02: no answer in 200 steps"]


def test_a_day_on_which_nothing_can_be_learnt_is_left_out(days, tmp_path):
    first = prediction_named("churn").methods[0]
    errors = {(first, NEWEST): NotEnoughDataError("every example has the same outcome")}
    found = measured(days, tmp_path, errors)
    assert (NEWEST, "h30") not in found.at
    assert found.left_out == ["2024-11-01 is left out: every example has the same outcome"]


def window(day, served, **values):
    """A window whose methods have these headline figures, known to .02, and to .01 against what was served."""
    methods = {
        method: Measured(
            Figure(value, value - 0.02, value + 0.02),
            Figure(0.3, 0.2, 0.4),
            None if method == served else difference(value - values[served]),
            None,
            None,
            None,
        )
        for method, value in values.items()
    }
    return Window(day, 100, None, served, served, None, methods)


def difference(value):
    return Figure(value, value - 0.01, value + 0.01)


COURSE = Course(
    TASK,
    "auc",
    (
        window(date(2024, 1, 1), "trees", trees=0.80, recency=0.70),
        window(date(2024, 2, 1), "recency", trees=0.82, recency=0.76),
    ),
)


def test_the_mean_of_what_was_served_follows_the_choice():
    assert COURSE.mean(None) == pytest.approx(0.78)
    assert COURSE.mean("trees") == pytest.approx(0.81)


def test_differences_are_pooled_over_windows_and_nothing_where_it_was_served_itself():
    # recency: -.10 in one window, itself in the other: -.05, known to .01 / 2
    pooled = COURSE.pooled("recency")
    assert (pooled.value, pooled.low, pooled.high) == pytest.approx((-0.05, -0.055, -0.045))


def test_two_windows_know_more_than_one():
    both = Course(
        TASK, "auc", (window(date(2024, 1, 1), "a", a=0.8, b=0.7), window(date(2024, 2, 1), "a", a=0.8, b=0.7))
    )
    pooled = both.pooled("b")
    assert pooled.high - pooled.low == pytest.approx(0.02 / np.sqrt(2))
    assert both.pooled("a") is None


@pytest.mark.parametrize(
    ("metric", "low", "high", "expected"),
    [
        ("auc", 0.01, 0.02, "better"),
        ("auc", -0.02, -0.01, "worse"),
        ("auc", -0.01, 0.01, ""),
        ("error_days", 0.01, 0.02, "worse"),
        ("error_days", -0.02, -0.01, "better"),
    ],
)
def test_verdict_says_who_is_better_beyond_doubt(metric, low, high, expected):
    assert replace(COURSE, metric=metric).verdict(Figure((low + high) / 2, low, high)) == expected


def test_verdict_says_nothing_of_what_was_served():
    assert COURSE.verdict(None) == ""
