import numpy as np
import pytest

from models.errors import NotEnoughDataError
from models.methods import MIN_EXAMPLES, check_target, log_odds

NAN = np.nan


def target(known: int, happened: int, unknown: int = 0) -> np.ndarray:
    return np.r_[np.ones(happened), np.zeros(known - happened), np.full(unknown, NAN)][:, None]


def test_a_target_is_accepted_when_it_has_enough_of_both_outcomes():
    check_target(target(MIN_EXAMPLES, 1), [30])
    check_target(target(MIN_EXAMPLES, MIN_EXAMPLES - 1, unknown=5), [30])


def test_a_target_is_refused_with_the_figures_when_too_few_windows_are_closed():
    with pytest.raises(
        NotEnoughDataError, match="99 examples with a closed window of 30 days, at least 100 are needed: shorten"
    ):
        check_target(target(99, 50, unknown=500), [30])


@pytest.mark.parametrize(("happened", "outcome"), [(0, 0), (100, 1)])
def test_a_target_is_refused_when_everybody_did_the_same(happened, outcome):
    with pytest.raises(
        NotEnoughDataError, match=rf"every example of 30 days has the same outcome \({outcome}\): change the horizon"
    ):
        check_target(target(100, happened), [30])


def test_the_horizon_that_cannot_be_learnt_is_named():
    both = np.column_stack([target(100, 50), np.where(np.arange(100)[:, None] < 40, target(100, 50), NAN)])
    with pytest.raises(NotEnoughDataError, match="40 examples with a closed window of 90 days"):
        check_target(both, [30, 90])


def test_log_odds_are_finite_at_the_ends():
    found = log_odds(np.array([0.0, 0.5, 0.75, 1.0]))
    assert found[1:3] == pytest.approx([0, np.log(3)])
    assert found[0] == pytest.approx(-found[3], rel=1e-6)
    assert np.isfinite(found).all()
