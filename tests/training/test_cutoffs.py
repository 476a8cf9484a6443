from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest

from models.errors import NotEnoughDataError
from models.prediction import Customers, Examples, Task
from models.settings import CutoffSettings
from training.cutoffs import plan

FIRST, END = date(2017, 1, 1), date(2018, 1, 1)
SETTINGS = CutoffSettings(newest_test=date(2017, 12, 1))
WEEK, MONTH, QUARTER = Task("h7", 7), Task("h30", 30), Task("h90", 90)


def test_test_windows_end_inside_the_data_when_the_newest_test_leaves_no_room() -> None:
    laid = plan(SETTINGS, (WEEK, MONTH, QUARTER), first_day=FIRST, end=END)
    assert laid.test == {"h7": date(2017, 12, 1), "h30": date(2017, 12, 1), "h90": date(2017, 10, 3)}


def test_validation_windows_end_before_the_test_when_there_are_folds() -> None:
    laid = plan(SETTINGS, (MONTH,), first_day=FIRST, end=END)
    assert laid.validation["h30"] == (date(2017, 11, 1), date(2017, 10, 2))
    # a week is too short a gap and two windows of a week are too few, so that one odd week cannot choose
    laid = plan(SETTINGS, (WEEK,), first_day=FIRST, end=END)
    assert laid.validation["h7"] == (date(2017, 11, 17), date(2017, 11, 3), date(2017, 10, 20), date(2017, 10, 6))


def test_no_validation_window_reaches_into_any_test_window_when_horizons_differ() -> None:
    laid = plan(SETTINGS, (WEEK, MONTH, QUARTER), first_day=FIRST, end=END)
    # one method is chosen for all of them, and 90 days are tested from the 3rd of October on
    assert laid.validation["h7"] == (date(2017, 9, 19), date(2017, 9, 5), date(2017, 8, 22), date(2017, 8, 8))
    assert laid.validation["h30"] == (date(2017, 9, 3), date(2017, 8, 4))
    # the second fold of 90 days would have no training window before it
    assert laid.validation["h90"] == (date(2017, 7, 5),)
    ends = [day + timedelta(task.horizon) for task in (WEEK, MONTH, QUARTER) for day in laid.validation[task.tag]]
    assert max(ends) == date(2017, 10, 3) == min(laid.test.values())


def test_training_windows_close_before_the_limit_when_a_fit_is_planned() -> None:
    laid = plan(SETTINGS, (MONTH,), first_day=FIRST, end=END)
    days = laid.training(date(2017, 11, 1), 30)
    closed = [day for day in days if (date(2017, 11, 1) - day).days >= 30]
    assert days[-1] == date(2017, 11, 1)
    assert closed == [day for day in laid.grid if day <= date(2017, 10, 2)][-SETTINGS.max_training :]
    assert {(b - a).days for a, b in pairwise(closed)} == {14}


def test_old_cutoffs_are_left_out_when_there_are_more_than_the_most() -> None:
    laid = plan(CutoffSettings(max_training=3), (WEEK,), first_day=FIRST, end=END)
    closed = [day for day in laid.training(END, 7) if (END - day).days >= 7]
    assert len(closed) == 3


def test_the_newest_test_window_closes_with_the_data_when_nothing_is_configured() -> None:
    laid = plan(CutoffSettings(), (MONTH,), first_day=FIRST, end=END)
    assert laid.test["h30"] == date(2017, 12, 2)


def test_a_short_history_is_refused_with_its_figures() -> None:
    with pytest.raises(NotEnoughDataError, match=r"100 days of data \(2017-01-01 to 2017-04-11\).*30 days needs 164"):
        plan(CutoffSettings(), (MONTH,), first_day=FIRST, end=date(2017, 4, 11))


def test_the_longest_horizon_is_the_one_refused_when_it_leaves_no_room_for_the_others() -> None:
    with pytest.raises(NotEnoughDataError, match="a horizon of 365 days needs 1169"):
        plan(CutoffSettings(), (WEEK, Task("h365", 365)), first_day=FIRST, end=END)


def test_the_days_that_a_refusal_asks_for_are_enough() -> None:
    enough = plan(CutoffSettings(), (MONTH,), first_day=FIRST, end=date(2017, 6, 14))
    assert enough.validation["h30"]
    with pytest.raises(NotEnoughDataError, match="163 days of data"):
        plan(CutoffSettings(), (MONTH,), first_day=FIRST, end=date(2017, 6, 13))


def test_examples_of_a_fit_hide_later_windows_when_the_limit_is_early() -> None:
    laid = plan(SETTINGS, (MONTH,), first_day=FIRST, end=END)
    as_of = np.array(laid.cutoffs, dtype="datetime64[D]")
    features = np.zeros((len(as_of), 1), np.float32)
    examples = Examples(Customers([""] * len(as_of), as_of, features, ("x",)), {"y": np.zeros(len(as_of))}, END)
    limit = date(2017, 11, 1)
    fitted_on = laid.examples(examples, limit, 30)
    assert fitted_on.customers.as_of.max() == np.datetime64(limit)
    assert fitted_on.observed_days.min() == 0
    assert fitted_on.limit == limit
