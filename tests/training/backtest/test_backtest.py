from dataclasses import replace
from datetime import date, timedelta
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from models import prediction_named
from models.errors import NotConvergedError, NotEnoughDataError
from models.metrics import BinaryMeasurement
from models.prediction import Task
from models.settings import CutoffSettings, Settings, SourceSettings, TrainingSettings
from tests.training.outcomes import examples
from training.backtest.backtest import Backtest, Course, Measured, Measurements, Window, _course
from training.backtest.origins import origins
from training.backtest.page import page
from training.backtest.pooled import Difference, pooled
from training.backtest.terminal import render
from training.competing import competing
from training.cutoffs import plan
from training.evaluate import Figure
from training.headline import mean

TASK = Task("h30", 30)
NEWEST = date(2024, 11, 1)


class Trainer:
    """Measures two methods whose losses are said by day."""

    def __init__(self, settings, errors=None):
        self.settings, self.prediction, self.errors = settings, prediction_named("churn"), errors or {}
        self.fits, self.held = [], []

    @property
    def competing(self):
        return competing(self.prediction, self.settings.training)

    def progress(self, *_):
        pass

    def fit(self, method, day, horizon):
        self.fits.append((method, day))
        # those of one origin are held, and of no other
        assert set(self.held) <= {day}
        self.held.append(day)
        if (method, day) in self.errors:
            raise self.errors[method, day]
        return method

    def forget_fits(self):
        self.held.clear()

    def window(self, task, day):
        # three who are always there, and one of that day alone
        found = examples(4)
        return replace(found, customers=replace(found.customers, ids=["a", "b", "c", f"new at {day}"]))

    def measured(self, method, task, day):
        # recency is right before October, and all others from then on
        right = (method == "recency") == (day < date(2024, 10, 1))
        return BinaryMeasurement(np.array([1, 0, 1, 0.0]), np.array([0.9, 0.1, 0.8, 0.2] if right else [0.5] * 4))


@pytest.fixture
def days():
    settings = CutoffSettings(folds=1, newest_test=NEWEST)
    whole = plan(settings, (TASK,), first_day=date(2024, 1, 1), end=NEWEST + timedelta(30))
    return origins(whole, (TASK,), settings, months=3)


def measured(days, tmp_path, errors=None, without=()):
    training = TrainingSettings(without=without)
    settings = Settings(workspace=tmp_path, source=SourceSettings(builtin="complete-journey"), training=training)
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


def test_fits_are_dropped_after_each_origin_also_after_one_that_is_left_out(days, tmp_path):
    first = prediction_named("churn").methods[0]
    errors = {(first, date(2024, 10, 2)): NotEnoughDataError("every example has the same outcome")}
    assert measured(days, tmp_path, errors).trainer.held == []


def test_a_customer_has_one_number_in_every_window(days, tmp_path):
    units = measured(days, tmp_path).units
    october, november = units[date(2024, 10, 2), "h30"], units[NEWEST, "h30"]
    assert october[:3].tolist() == november[:3].tolist()
    assert len({*october.tolist(), *november.tolist()}) == 5


def test_a_method_that_does_not_converge_is_left_out_of_its_window_and_of_the_choice(days, tmp_path):
    errors = {("recency", date(2024, 9, 2)): NotConvergedError("no answer in 200 steps")}
    found = measured(days, tmp_path, errors)
    assert "recency" not in found.at[date(2024, 9, 2), "h30"]
    assert "recency" in found.at[date(2024, 10, 2), "h30"]
    assert found.chosen(date(2024, 10, 2)) != "recency"
    assert found.left_out == ["recency is left out at 2024-09-02: no answer in 200 steps"]


def test_a_method_that_the_configuration_leaves_out_is_not_fitted_and_named(days, tmp_path):
    found = measured(days, tmp_path, without=("recency", "als"))
    assert all("recency" not in methods for methods in found.at.values())
    assert found.chosen(date(2024, 10, 2)) not in (None, "recency")
    assert found.left_out == ["recency is left out: training.without names it"]


def test_the_choice_is_among_those_that_converge_as_in_a_training(days, tmp_path):
    errors = {("recency", date(2024, 10, 2)): NotConvergedError("no answer in 200 steps")}
    found = measured(days, tmp_path, errors)
    # September's window says recency, and the others are alike: the simplest of them
    *_, simplest, recency = prediction_named("churn").methods
    assert recency == "recency"
    assert found.chosen(date(2024, 10, 2)) == simplest
    october = next(each for each in _course(TASK, found).windows if each.day == date(2024, 10, 2))
    assert (october.chosen, october.served) == (simplest, simplest)


def test_a_day_is_left_out_as_a_whole_when_a_later_method_cannot_learn(days, tmp_path):
    errors = {("recency", NEWEST): NotEnoughDataError("every example has the same outcome")}
    found = measured(days, tmp_path, errors)
    assert (NEWEST, "h30") not in found.at
    assert [window.day for window in _course(TASK, found).windows] == sorted(days.shown)[:-1]


def test_queries_are_not_called_customers():
    found = Backtest(prediction_named("lookalike"), NEWEST, (replace(COURSE, units="queries"),), (), folds=1)
    told = StringIO()
    Console(file=told, width=200).print(render(found))
    rows = [line.split()[0] for line in told.getvalue().splitlines() if line.strip()]
    assert "queries" in rows
    assert "customers" not in rows
    assert "<th>queries</th>" in page(found)
    assert "paired on the same queries" in page(found)


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


def test_means_are_over_the_windows_that_every_method_has():
    # a hard month in which one method did not converge counts for neither
    hard = window(date(2024, 3, 1), "trees", trees=0.50)
    course = replace(COURSE, windows=(*COURSE.windows, hard))
    assert [each.day for each in course.shared] == [date(2024, 1, 1), date(2024, 2, 1)]
    assert (course.mean("trees"), course.mean("recency")) == pytest.approx((0.81, 0.73))
    assert course.mean(None) == pytest.approx(0.78)


def test_there_is_no_mean_where_no_window_has_every_method():
    apart = replace(COURSE, windows=(window(date(2024, 1, 1), "a", a=0.8), window(date(2024, 2, 1), "b", b=0.7)))
    assert [apart.mean(method) for method in ("a", "b", None)] == [None, None, None]
    found = Backtest(prediction_named("churn"), NEWEST, (apart,), (), 1)
    assert found.sentence == "h30: no window has every method, so that there are no means to compare"
    page(found)
    Console(file=StringIO()).print(render(found))


ANN_BOB_CEM = np.array([0, 1, 2])


def minus(*values, units=ANN_BOB_CEM):
    return Difference(mean("loss", np.array(values)), units)


def width(*differences, windows=None):
    found = pooled(differences, windows=windows or len(differences))
    return found.high - found.low


def test_one_window_has_the_interval_of_the_window():
    alone = minus(1.0, 2, 6)
    assert pooled([alone], windows=1) == pytest.approx(alone.found.figure)


def test_a_window_in_which_a_method_was_served_itself_counts_as_no_difference():
    alone = minus(1.0, 2, 6)
    assert pooled([alone], windows=2).value == pytest.approx(1.5)
    assert width(alone, windows=2) == pytest.approx(width(alone) / 2)
    assert pooled([], windows=2) is None


def test_the_same_customers_once_more_say_nothing_new_and_others_do():
    alone = minus(1.0, 2, 6)
    assert width(alone, alone) == pytest.approx(width(alone))
    assert width(alone, minus(1.0, 2, 6, units=np.array([3, 4, 5]))) == pytest.approx(width(alone) / np.sqrt(2))
    # in another order they are the same customers still
    assert width(alone, minus(6.0, 2, 1, units=ANN_BOB_CEM[::-1])) == pytest.approx(width(alone))


def test_what_is_lost_on_a_customer_in_one_window_and_won_in_the_next_cancels():
    assert width(minus(1.0, 2, 6), minus(5.0, 4, 0)) == pytest.approx(0)


def test_units_of_which_nobody_says_who_they_are_count_once_each():
    unknown = minus(1.0, 2, 6, units=None)
    assert width(unknown, unknown) == pytest.approx(width(unknown) / np.sqrt(2))


def test_a_course_tells_each_method_against_what_was_served(days, tmp_path):
    found = measured(days, tmp_path)
    course = _course(TASK, found)
    losses = [
        0.0 if each.served == "recency" else each.methods["recency"].loss_against.value for each in course.windows
    ]
    assert course.loss_against["recency"].value == pytest.approx(np.mean(losses))
    assert set(course.against) == set(course.loss_against) <= set(course.methods)


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
