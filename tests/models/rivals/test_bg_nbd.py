import math
from dataclasses import replace

import numpy as np
import pytest

from models.errors import NotEnoughDataError
from models.methods import MIN_EXAMPLES
from models.rivals.bg_nbd import BGNBD, FittedBGNBD, fit_parameters, log_likelihood
from tests.synthetic import examples, people

TRUTH = {"r": 1.5, "alpha": 5.0, "a": 0.8, "b": 3.0}
WEEKS = 52.0


def one(x: float, t_x: float, T: float, **parameters: float) -> float:
    values = {"r": 1.0, "alpha": 1.0, "a": 1.0, "b": 1.0} | parameters
    arrays = {name: np.array([value]) for name, value in {"x": x, "t_x": t_x, "T": T}.items()}
    return float(np.exp(log_likelihood(**values, **arrays))[0])


def simulated(count: int, *, weeks: float = WEEKS, future: float = 0.0, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Draw repeat orders x, their last week t_x, and whether an order came in the future weeks after."""
    rng = np.random.default_rng(seed)
    rows = []
    for rate, dropout in zip(
        rng.gamma(TRUTH["r"], 1 / TRUTH["alpha"], count), rng.beta(TRUTH["a"], TRUTH["b"], count), strict=True
    ):
        x, t_x, now, later = 0, 0.0, 0.0, False
        while True:
            now += rng.exponential(1 / rate)
            if now > weeks:
                later = now <= weeks + future
                break
            x, t_x = x + 1, now
            if rng.random() < dropout:
                break
        rows.append((x, t_x, later))
    return tuple(np.array(column, float) for column in zip(*rows, strict=True))


def fitted(silence: bool = False, horizons: tuple[int, ...] = (7, 30), **parameters: float) -> FittedBGNBD:
    values = {"r": 1.0, "alpha": 1.0, "a": 1.0, "b": 1.0} | parameters
    return FittedBGNBD(**values, horizons=horizons, silence=silence)


def test_the_likelihood_of_no_repeat_order_is_the_hand_worked_one():
    # the gamma mixture of no event in T: (alpha / (alpha + T)) ** r
    assert one(0, 0, 2, alpha=2.0) == pytest.approx(1 / 2)
    assert one(0, 0, 6, r=2.0, alpha=3.0) == pytest.approx(1 / 9)


def test_the_likelihood_of_two_repeat_orders_is_the_hand_worked_one():
    # still there: B(1, 3) / B(1, 1) * Gamma(3) / 4 ** 3 = 1/3 * 2/64; left after the last: B(2, 2) * 2 / 2 ** 3 = 1/24
    assert one(2, 1, 3) == pytest.approx(1 / 96 + 1 / 24)


def test_the_likelihood_is_finite_for_a_very_frequent_customer():
    found = log_likelihood(1, 1, 1, 1, x=np.array([5_000.0]), t_x=np.array([500.0]), T=np.array([501.0]))
    assert np.isfinite(found).all()


def test_a_score_is_the_hand_worked_one_when_everybody_is_alive():
    # after 2 weeks with one repeat order: 1 - (3/4) ** 2 within a week
    customers = people(orders=[2, 1], recency_days=[7, 14], tenure_days=[14, 14])
    scores = fitted(a=1e-12, horizons=(7,)).score(customers)
    assert scores == pytest.approx(np.array([[1 - (3 / 4) ** 2], [1 - 3 / 4]]))


def test_a_score_is_the_hand_worked_one_when_somebody_may_have_left():
    # alive with 1 / (1 + 1/1 * (3/2) ** 2) = 4/13; somebody who ordered once cannot have left
    customers = people(orders=[2, 1], recency_days=[7, 14], tenure_days=[14, 14])
    scores = fitted(horizons=(7,)).score(customers)
    assert scores == pytest.approx(np.array([[4 / 13 * 7 / 16], [1 / 4]]))


def test_a_probability_grows_when_the_horizon_does():
    customers = people(orders=[1, 3, 20], recency_days=[200, 3, 40], tenure_days=[200, 90, 400])
    scores = fitted(horizons=(1, 7, 30, 90, 365), r=0.3, alpha=3.0, a=0.5, b=2.0).score(customers)
    assert scores.shape == (3, 5)
    assert (np.diff(scores, axis=1) > 0).all()
    assert ((scores > 0) & (scores < 1)).all()


def test_silence_is_the_complement():
    customers = people(orders=[1, 3], recency_days=[200, 3], tenure_days=[200, 90])
    np.testing.assert_array_equal(fitted(silence=True).score(customers), 1 - fitted().score(customers))


def test_somebody_who_never_ordered_has_no_score():
    scores = fitted().score(people(orders=[0, 1], recency_days=[np.nan, 5], tenure_days=[np.nan, 5]))
    assert np.isnan(scores).all(axis=1).tolist() == [True, False]


def test_a_score_is_finite_when_a_reason_puts_the_last_order_before_the_first():
    # what a reason does: recency at its median of 40 days for somebody whose first order was 5 days ago
    customers = people(orders=[2, 2], recency_days=[40, 5], tenure_days=[5, 5])
    scores = fitted(alpha=0.5).score(customers)
    np.testing.assert_array_equal(scores[0], scores[1])
    assert np.isfinite(scores).all()


def test_one_row_scores_as_many_do_bit_for_bit():
    customers = examples(300).customers
    many = fitted(r=0.3, alpha=3.0, a=0.5, b=2.0).score(customers)
    singles = [
        fitted(r=0.3, alpha=3.0, a=0.5, b=2.0).score(customers.take(np.array([row])))[0] for row in range(0, 1800, 7)
    ]
    np.testing.assert_array_equal(many[::7], singles)


@pytest.mark.parametrize("silence", [False, True])
def test_loaded_parts_score_bit_for_bit(silence):
    made = fitted(silence=silence, r=0.3)
    loaded = BGNBD(silence=not silence).load(made.parts())
    assert loaded == made


def test_parameters_are_found_again_when_the_data_come_from_the_model():
    x, t_x, _ = simulated(4_000)
    found = dict(zip(TRUTH, fit_parameters(x, t_x, np.full(len(x), WEEKS)), strict=True))
    assert found["r"] / found["alpha"] == pytest.approx(TRUTH["r"] / TRUTH["alpha"], rel=0.1)
    assert found["a"] / (found["a"] + found["b"]) == pytest.approx(0.8 / 3.8, rel=0.1)
    assert found["r"] == pytest.approx(TRUTH["r"], rel=0.2)
    assert found["a"] == pytest.approx(TRUTH["a"], rel=0.4)


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
    found = BGNBD(silence=True).fit(learnt.customers, unknown, horizons=[30], seed=1)
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx(expected, rel=1e-6)
    assert (found.horizons, found.silence) == ((30,), True)


def test_older_cutoffs_teach_nothing():
    learnt = examples(300).customers
    target = np.full((len(learnt), 1), np.nan)
    older = learnt.as_of < learnt.as_of.max()
    changed = replace(learnt, features=np.where(older[:, None], 1, learnt.features).astype(np.float32))
    one, two = (BGNBD(silence=False).fit(each, target, horizons=[30], seed=1) for each in (learnt, changed))
    assert one == two


def test_too_few_customers_are_refused_with_the_figures():
    few = people(orders=[1] * (MIN_EXAMPLES - 1) + [0], recency_days=[5] * MIN_EXAMPLES, tenure_days=[5] * MIN_EXAMPLES)
    with pytest.raises(NotEnoughDataError, match=r"99 customers with an order at .*, at least 100 are needed"):
        BGNBD(silence=False).fit(few, np.full((MIN_EXAMPLES, 1), np.nan), horizons=[30], seed=1)
