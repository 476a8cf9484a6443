import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import dblquad, quad

from models.rivals.pareto_nbd import fit_parameters, log_likelihood
from tests.memory import peak_memory
from tests.models.rivals.buyers import PARETO_NBD, WEEKS
from tests.synthetic import people

FAR_APART = {"r": 0.4, "alpha": 0.05, "s": 2.5, "beta": 300.0}
STEEP = {"r": 4.0, "alpha": 0.01, "s": 9.0, "beta": 0.02}


def test_the_likelihood_of_no_repeat_order_is_the_hand_worked_one():
    # alive: 1/3 * 1/3; gone at u: the integral of (1 + u) ** -1 * (1 + u) ** -2 from 0 to 2 = (1 - 1/9) / 2
    assert PARETO_NBD.likelihood(0, 0, 2) == pytest.approx(1 / 9 + 4 / 9)


def test_the_likelihood_of_two_repeat_orders_is_the_hand_worked_one():
    # Gamma(3) = 2 times: alive 4 ** -3 * 4 ** -1; gone: the integral of (1 + u) ** -5 from 1 to 3 = (1/16 - 1/256) / 4
    assert PARETO_NBD.likelihood(2, 1, 3) == pytest.approx(2 * (1 / 256 + (1 / 16 - 1 / 256) / 4))


def test_the_likelihood_is_the_integral_over_rates_and_moments():
    r, alpha, s, beta = PARETO_NBD.truth.values()
    x, t_x, T = 3, 2.0, 5.0

    def density(drop: float, rate: float) -> float:
        gammas = rate ** (r - 1) * math.exp(-alpha * rate) * alpha**r / math.gamma(r)
        gammas *= drop ** (s - 1) * math.exp(-beta * drop) * beta**s / math.gamma(s)
        both = rate + drop
        return gammas * rate**x * (drop * math.exp(-both * t_x) + rate * math.exp(-both * T)) / both

    expected, _ = dblquad(density, 0, 12, 0, 8, epsabs=1e-9, epsrel=1e-7)
    assert PARETO_NBD.likelihood(x, t_x, T, **PARETO_NBD.truth) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    "parameters", [PARETO_NBD.truth, FAR_APART, {"r": 3.0, "alpha": 200.0, "s": 0.02, "beta": 0.01}]
)
def test_the_likelihood_is_finite_for_a_very_frequent_customer(parameters):
    x, t_x, T = np.array([5_000.0, 5_000.0]), np.array([500.0, 1.0]), np.array([501.0, 501.0])
    assert np.isfinite(log_likelihood(**parameters, x=x, t_x=t_x, T=T)).all()


def test_somebody_who_ordered_today_is_alive():
    x, t_x = np.array([0.0, 4.0]), np.array([0.0, 9.0])
    np.testing.assert_array_equal(PARETO_NBD.fitted().alive(x, t_x, t_x), [1, 1])


def test_a_score_is_the_hand_worked_one_when_somebody_may_have_left():
    # ordered once, 2 weeks ago: alive 1/9 against gone 4/9; alive: 1/3 * the integral of (1 + t/3) ** -3 from 0 to 1
    customers = people(orders=[1], recency_days=[14], tenure_days=[14])
    assert PARETO_NBD.fitted(horizons=(7,)).score(customers) == pytest.approx(np.array([[1 / 5 * (1 - 9 / 16) / 2]]))


@pytest.mark.parametrize("parameters", [PARETO_NBD.truth, FAR_APART, STEEP])
@pytest.mark.parametrize("orders", [1, 4, 400])
def test_a_score_is_the_fine_integral_to_the_millionth(parameters, orders):
    made = PARETO_NBD.fitted(horizons=(1, 90, 3650), **parameters)
    r, alpha, s, beta = parameters.values()
    x, t_x, T = orders - 1.0, 40.0 if orders > 1 else 0.0, 60.0

    def gone_at(u: float) -> float:
        return s * ((alpha + T) / (alpha + u)) ** (r + x) * ((beta + T) / (beta + u)) ** s / (beta + u)

    def first_order_at(t: float) -> float:
        return (r + x) / (alpha + T) * (1 + t / (alpha + T)) ** -(r + x + 1) * (1 + t / (beta + T)) ** -s

    alive = 1 / (1 + fine(gone_at, t_x, T))
    assert made.alive(*(np.array([value]) for value in (x, t_x, T)))[0] == pytest.approx(alive, abs=1e-6)
    expected = [alive * fine(first_order_at, 0, days / 7) for days in made.horizons]
    customers = people(orders=[orders], recency_days=[(T - t_x) * 7], tenure_days=[T * 7])
    assert made.score(customers)[0] == pytest.approx(expected, abs=1e-6)


def fine(density, start: float, end: float) -> float:
    """Integrate piece by piece, the pieces shorter towards the start."""
    edges = start + (end - start) * np.linspace(0, 1, 40) ** 4
    return sum(quad(density, low, high, epsabs=0, epsrel=1e-10)[0] for low, high in pairwise(edges))


def test_many_customers_are_scored_a_block_at_a_time():
    # 32 points of the rule for each of 50,000 are 13 MB, of which a sum needs several copies
    ages = np.resize(np.arange(1.0, 900.0), 50_000)
    many = people(orders=np.resize(np.arange(1, 60), 50_000), recency_days=ages // 2, tenure_days=ages)
    assert peak_memory(lambda: PARETO_NBD.fitted().score(many)) < 25e6


def test_a_score_is_a_probability_when_a_reason_mixes_two_histories():
    # what a reason does: one group at its median, so that orders, recency and tenure need not fit together
    customers = people(orders=[900, 2, 2, 1], recency_days=[5, 40, 5, 0], tenure_days=[5, 5, 5, 0])
    scores = PARETO_NBD.fitted(**FAR_APART).score(customers)
    np.testing.assert_array_equal(scores[1], scores[2])
    assert ((scores >= 0) & (scores <= 1)).all()


def test_parameters_are_found_again_when_the_data_come_from_the_model():
    x, t_x, _ = PARETO_NBD.simulated(4_000)
    found = dict(zip(PARETO_NBD.truth, fit_parameters(x, t_x, np.full(len(x), WEEKS)), strict=True))
    assert found["r"] / found["alpha"] == pytest.approx(PARETO_NBD.truth["r"] / PARETO_NBD.truth["alpha"], rel=0.1)
    assert found["s"] / found["beta"] == pytest.approx(PARETO_NBD.truth["s"] / PARETO_NBD.truth["beta"], rel=0.2)
    assert found["r"] == pytest.approx(PARETO_NBD.truth["r"], rel=0.2)
    assert found["s"] == pytest.approx(PARETO_NBD.truth["s"], rel=0.4)
