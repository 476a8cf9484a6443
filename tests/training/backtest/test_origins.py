from datetime import date, timedelta

import pytest

from models.errors import NotEnoughDataError
from models.prediction import Task
from models.settings import CutoffSettings
from training.backtest.origins import origins
from training.cutoffs import plan

FIRST = date(2024, 1, 1)
SETTINGS = CutoffSettings(min_history_days=60, step_days=14, folds=2)
MONTH, QUARTER = Task("h30", 30), Task("h90", 90)


def laid(days, tasks=(MONTH,), months=6, settings=SETTINGS):
    whole = plan(settings, tasks, first_day=FIRST, end=FIRST + timedelta(days))
    return origins(whole, tasks, settings, months=months)


def day(number):
    return FIRST + timedelta(number)


def test_windows_are_a_month_apart_and_end_with_the_newest():
    # 365 days: the newest window of 30 days begins on day 335
    assert laid(365, months=3).shown == (day(335), day(305), day(275))


def test_the_windows_before_choose_and_have_closed():
    days = laid(365, months=3)
    assert days.chosen_by(MONTH, day(335)) == (day(305), day(275))
    # the oldest that is shown needs two more that are fitted only to choose
    assert days.fitted == (day(215), day(245), day(275), day(305), day(335))


def test_a_window_longer_than_a_month_is_chosen_by_those_that_had_closed():
    days = laid(365, (MONTH, QUARTER), months=4)
    assert days.chosen_by(QUARTER, day(335)) == (day(245), day(215))
    assert not days.measured(QUARTER, day(305))
    assert days.measured(QUARTER, day(275))


def test_a_task_without_a_window_among_those_shown_is_told_with_what_would_show_one():
    # the newest window of 90 days begins on day 275, two months before the newest that is shown
    told = "h90 is left out: no window of 90 days has closed among those shown; --months 3 would show one"
    assert laid(365, (MONTH, QUARTER), months=2).not_shown == (told,)
    assert laid(365, (MONTH, QUARTER), months=3).not_shown == ()
    assert day(275) in laid(365, (MONTH, QUARTER), months=3).shown


def test_a_fit_learns_the_longest_horizon_that_has_closed():
    days = laid(400, (MONTH, QUARTER), months=12)
    grid = days.plan.grid[0]
    assert days.horizon(grid + timedelta(89)) == 30
    assert days.horizon(grid + timedelta(90)) == 90
    assert days.horizon(grid + timedelta(29)) == 0


def test_nothing_is_measured_where_nothing_can_be_learnt():
    days = laid(200, months=60)
    assert days.shown
    assert all(shown - timedelta(30) >= days.plan.grid[0] for shown in days.fitted)


def test_a_history_without_an_earlier_window_is_refused_in_one_line():
    # enough to train on: two weeks lie between the windows there, and a month here
    fortnight = Task("h14", 14)
    with pytest.raises(
        NotEnoughDataError,
        match=r"^no backtest of even one month: 116 days of data, a horizon of 14 days needs about 132; shorten the",
    ):
        laid(116, (fortnight,))
    assert laid(132, (fortnight,)).chosen_by(fortnight, day(118))
