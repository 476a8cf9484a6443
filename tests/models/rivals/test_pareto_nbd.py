import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import dblquad, quad

from models.errors import NotEnoughDataError
from models.methods import MIN_EXAMPLES
from models.rivals.pareto_nbd import FittedParetoNBD, ParetoNBD, fit_parameters, log_likelihood
from tests.synthetic import examples, people

TRUTH = {"r": 1.5, "alpha": 5.0, "s": 0.8, "beta": 12.0}
WEEKS = 52.0
FAR_APART = {"r": 0.4, "alpha": 0.05, "s": 2.5, "beta": 300.0}
STEEP = {"r": 4.0, "alpha": 0.01, "s": 9.0, "beta": 0.02}


def one(x: float, t_x: float, T: float, **parameters: float) -> float:
    values = {"r": 1.0, "alpha": 1.0, "s": 1.0, "beta": 1.0} | parameters
    arrays = {name: np.array([value]) for name, value in {"x": x, "t_x": t_x, "T": T}.items()}
    return float(np.exp(log_likelihood(**values, **arrays))[0])


def simulated(count: int, *, weeks: float = WEEKS, future: float = 0.0, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Draw repeat orders x, their last week t_x, and whether an order came in the future weeks after."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(TRUTH["r"], 1 / TRUTH["alpha"], count)
    lives = rng.exponential(1 / rng.gamma(TRUTH["s"], 1 / TRUTH["beta"], count))
    rows = []
    for rate, life in zip(rates, lives, strict=True):
        x, t_x, now, later = 0, 0.0, 0.0, False
        while True:
            now += rng.exponential(1 / rate)
            if now > min(weeks, life):
                later = weeks < now <= min(weeks + future, life)
                break
            x, t_x = x + 1, now
        rows.append((x, t_x, later))
    return tuple(np.array(column, float) for column in zip(*rows, strict=True))


def fitted(silence: bool = False, horizons: tuple[int, ...] = (7, 30), **parameters: float) -> FittedParetoNBD:
    values = {"r": 1.0, "alpha": 1.0, "s": 1.0, "beta": 1.0} | parameters
    return FittedParetoNBD(**values, horizons=horizons, silence=silence)


def test_the_likelihood_of_no_repeat_order_is_the_hand_worked_one():
    # alive: 1/3 * 1/3; gone at u: the integral of (1 + u) ** -1 * (1 + u) ** -2 from 0 to 2 = (1 - 1/9) / 2
    assert one(0, 0, 2) == pytest.approx(1 / 9 + 4 / 9)


def test_the_likelihood_of_two_repeat_orders_is_the_hand_worked_one():
    # Gamma(3) = 2 times: alive 4 ** -3 * 4 ** -1; gone: the integral of (1 + u) ** -5 from 1 to 3 = (1/16 - 1/256) / 4
    assert one(2, 1, 3) == pytest.approx(2 * (1 / 256 + (1 / 16 - 1 / 256) / 4))


def test_the_likelihood_is_the_integral_over_rates_and_moments():
    r, alpha, s, beta = TRUTH.values()
    x, t_x, T = 3, 2.0, 5.0

    def density(drop: float, rate: float) -> float:
        gammas = rate ** (r - 1) * math.exp(-alpha * rate) * alpha**r / math.gamma(r)
        gammas *= drop ** (s - 1) * math.exp(-beta * drop) * beta**s / math.gamma(s)
        both = rate + drop
        return gammas * rate**x * (drop * math.exp(-both * t_x) + rate * math.exp(-both * T)) / both

    expected, _ = dblquad(density, 0, 12, 0, 8, epsabs=1e-9, epsrel=1e-7)
    assert one(x, t_x, T, **TRUTH) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("parameters", [TRUTH, FAR_APART, {"r": 3.0, "alpha": 200.0, "s": 0.02, "beta": 0.01}])
def test_the_likelihood_is_finite_for_a_very_frequent_customer(parameters):
    x, t_x, T = np.array([5_000.0, 5_000.0]), np.array([500.0, 1.0]), np.array([501.0, 501.0])
    assert np.isfinite(log_likelihood(**parameters, x=x, t_x=t_x, T=T)).all()


def test_somebody_who_ordered_today_is_alive():
    x, t_x = np.array([0.0, 4.0]), np.array([0.0, 9.0])
    np.testing.assert_array_equal(fitted().alive(x, t_x, t_x), [1, 1])


def test_a_score_is_the_hand_worked_one_when_nobody_drops_out():
    # after 2 weeks with one repeat order: 1 - (3/4) ** 2 within a week
    customers = people(orders=[2, 1], recency_days=[7, 14], tenure_days=[14, 14])
    scores = fitted(s=1e-12, horizons=(7,)).score(customers)
    assert scores == pytest.approx(np.array([[1 - (3 / 4) ** 2], [1 - 3 / 4]]))


def test_a_score_is_the_hand_worked_one_when_somebody_may_have_left():
    # ordered once, 2 weeks ago: alive 1/9 against gone 4/9; alive: 1/3 * the integral of (1 + t/3) ** -3 from 0 to 1
    customers = people(orders=[1], recency_days=[14], tenure_days=[14])
    assert fitted(horizons=(7,)).score(customers) == pytest.approx(np.array([[1 / 5 * (1 - 9 / 16) / 2]]))


@pytest.mark.parametrize("parameters", [TRUTH, FAR_APART, STEEP])
@pytest.mark.parametrize("orders", [1, 4, 400])
def test_a_score_is_the_fine_integral_to_the_millionth(parameters, orders):
    made = fitted(horizons=(1, 90, 3650), **parameters)
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


def test_a_probability_grows_when_the_horizon_does():
    customers = people(orders=[1, 3, 20], recency_days=[200, 3, 40], tenure_days=[200, 90, 400])
    scores = fitted(horizons=(1, 7, 30, 90, 365), r=0.6, alpha=12.0, s=0.4, beta=9.0).score(customers)
    assert scores.shape == (3, 5)
    assert (np.diff(scores, axis=1) > 0).all()
    assert ((scores > 0) & (scores < 1)).all()


def test_silence_is_the_complement():
    customers = people(orders=[1, 3], recency_days=[200, 3], tenure_days=[200, 90])
    np.testing.assert_array_equal(fitted(silence=True).score(customers), 1 - fitted().score(customers))


def test_somebody_who_never_ordered_has_no_score():
    scores = fitted().score(people(orders=[0, 1], recency_days=[np.nan, 5], tenure_days=[np.nan, 5]))
    assert np.isnan(scores).all(axis=1).tolist() == [True, False]


def test_a_score_is_a_probability_when_a_reason_mixes_two_histories():
    # what a reason does: one group at its median, so that orders, recency and tenure need not fit together
    customers = people(orders=[900, 2, 2, 1], recency_days=[5, 40, 5, 0], tenure_days=[5, 5, 5, 0])
    scores = fitted(**FAR_APART).score(customers)
    np.testing.assert_array_equal(scores[1], scores[2])
    assert ((scores >= 0) & (scores <= 1)).all()


def test_one_row_scores_as_many_do_bit_for_bit():
    customers = examples(300).customers
    many = fitted(**TRUTH).score(customers)
    singles = [fitted(**TRUTH).score(customers.take(np.array([row])))[0] for row in range(0, 1800, 7)]
    np.testing.assert_array_equal(many[::7], singles)


@pytest.mark.parametrize("silence", [False, True])
def test_loaded_parts_score_bit_for_bit(silence):
    made = fitted(silence=silence, r=0.3)
    loaded = ParetoNBD(silence=not silence).load(made.parts())
    assert loaded == made


def test_parameters_are_found_again_when_the_data_come_from_the_model():
    x, t_x, _ = simulated(4_000)
    found = dict(zip(TRUTH, fit_parameters(x, t_x, np.full(len(x), WEEKS)), strict=True))
    assert found["r"] / found["alpha"] == pytest.approx(TRUTH["r"] / TRUTH["alpha"], rel=0.1)
    assert found["s"] / found["beta"] == pytest.approx(TRUTH["s"] / TRUTH["beta"], rel=0.2)
    assert found["r"] == pytest.approx(TRUTH["r"], rel=0.2)
    assert found["s"] == pytest.approx(TRUTH["s"], rel=0.4)


def test_probabilities_come_true_when_the_data_come_from_the_model():
    x, t_x, came = simulated(8_000, future=4.0, seed=1)
    tenure = np.full(len(x), WEEKS * 7)
    customers = people(orders=x + 1, recency_days=tenure - t_x * 7, tenure_days=tenure)
    scores = fitted(horizons=(28,), **TRUTH).score(customers)[:, 0]
    for group in np.array_split(np.argsort(scores), 4):
        error = 3 * math.sqrt(0.25 / len(group))
        assert came[group].mean() == pytest.approx(scores[group].mean(), abs=error)


def test_it_learns_from_everyone_who_ordered_at_the_newest_cutoff_alone():
    learnt = examples(300)
    newest = learnt.customers.take(learnt.customers.as_of == learnt.customers.as_of.max())
    ordered = newest.take(newest.column("orders") > 0)
    x, recency, tenure = (ordered.column(name).astype(float) for name in ("orders", "recency_days", "tenure_days"))
    expected = fit_parameters(x - 1, (tenure - recency) / 7, tenure / 7)
    # nobody is eligible, nothing is known: it needs no label
    unknown = np.full((len(learnt), 1), np.nan)
    found = ParetoNBD(silence=True).fit(learnt.customers, unknown, horizons=[30], seed=1)
    assert (found.r, found.alpha, found.s, found.beta) == pytest.approx(expected, rel=1e-6)
    assert (found.horizons, found.silence) == ((30,), True)


def test_older_cutoffs_teach_nothing():
    learnt = examples(300).customers
    target = np.full((len(learnt), 1), np.nan)
    older = learnt.as_of < learnt.as_of.max()
    changed = replace(learnt, features=np.where(older[:, None], 1, learnt.features).astype(np.float32))
    one, two = (ParetoNBD(silence=False).fit(each, target, horizons=[30], seed=1) for each in (learnt, changed))
    assert one == two


def test_too_few_customers_are_refused_with_the_figures():
    few = people(orders=[1] * (MIN_EXAMPLES - 1) + [0], recency_days=[5] * MIN_EXAMPLES, tenure_days=[5] * MIN_EXAMPLES)
    with pytest.raises(NotEnoughDataError, match=r"99 customers with an order at .*, at least 100 are needed"):
        ParetoNBD(silence=False).fit(few, np.full((MIN_EXAMPLES, 1), np.nan), horizons=[30], seed=1)
