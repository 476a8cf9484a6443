import numpy as np
import pytest

from models.rivals.bg_nbd import fit_parameters, log_likelihood
from tests.models.rivals.buyers import BG_NBD, WEEKS
from tests.synthetic import people


def test_the_likelihood_of_no_repeat_order_is_the_hand_worked_one():
    # the gamma mixture of no event in T: (alpha / (alpha + T)) ** r
    assert BG_NBD.likelihood(0, 0, 2, alpha=2.0) == pytest.approx(1 / 2)
    assert BG_NBD.likelihood(0, 0, 6, r=2.0, alpha=3.0) == pytest.approx(1 / 9)


def test_the_likelihood_of_two_repeat_orders_is_the_hand_worked_one():
    # still there: B(1, 3) / B(1, 1) * Gamma(3) / 4 ** 3 = 1/3 * 2/64; left after the last: B(2, 2) * 2 / 2 ** 3 = 1/24
    assert BG_NBD.likelihood(2, 1, 3) == pytest.approx(1 / 96 + 1 / 24)


def test_the_likelihood_is_finite_for_a_very_frequent_customer():
    found = log_likelihood(1, 1, 1, 1, x=np.array([5_000.0]), t_x=np.array([500.0]), T=np.array([501.0]))
    assert np.isfinite(found).all()


def test_a_score_is_the_hand_worked_one_when_somebody_may_have_left():
    # alive with 1 / (1 + 1/1 * (3/2) ** 2) = 4/13; somebody who ordered once cannot have left
    customers = people(orders=[2, 1], recency_days=[7, 14], tenure_days=[14, 14])
    scores = BG_NBD.fitted(horizons=(7,)).score(customers)
    assert scores == pytest.approx(np.array([[4 / 13 * 7 / 16], [1 / 4]]))


def test_a_score_is_finite_when_a_reason_puts_the_last_order_before_the_first():
    # what a reason does: recency at its median of 40 days for somebody whose first order was 5 days ago
    customers = people(orders=[2, 2], recency_days=[40, 5], tenure_days=[5, 5])
    scores = BG_NBD.fitted(alpha=0.5).score(customers)
    np.testing.assert_array_equal(scores[0], scores[1])
    assert np.isfinite(scores).all()


def test_parameters_are_found_again_when_the_data_come_from_the_model():
    x, t_x, _ = BG_NBD.simulated(4_000)
    found = dict(zip(BG_NBD.truth, fit_parameters(x, t_x, np.full(len(x), WEEKS)), strict=True))
    assert found["r"] / found["alpha"] == pytest.approx(BG_NBD.truth["r"] / BG_NBD.truth["alpha"], rel=0.1)
    assert found["a"] / (found["a"] + found["b"]) == pytest.approx(0.8 / 3.8, rel=0.1)
    assert found["r"] == pytest.approx(BG_NBD.truth["r"], rel=0.2)
    assert found["a"] == pytest.approx(BG_NBD.truth["a"], rel=0.4)
