import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from models.errors import NotConvergedError, NotEnoughDataError
from models.methods import MIN_EXAMPLES
from models.parts import npy_bytes
from models.rivals import buy_till_you_die
from models.rivals.buy_till_you_die import most_likely, newest_histories, repeat_orders
from tests.models.rivals.buyers import BG_NBD, PARETO_NBD, WEEKS
from tests.synthetic import examples, people

BOTH = pytest.mark.parametrize("model", [BG_NBD, PARETO_NBD], ids=lambda model: model.name)
START = ((0.0, 0.0, 0.0, 0.0),)
PEAK = np.array([0.5, -1.0, 2.0, 0.0])


def hill(*parameters: float) -> np.ndarray:
    return -((np.log(parameters) - PEAK) ** 2)


def test_repeat_orders_are_counted_in_weeks_from_the_first_order():
    x, t_x, T = repeat_orders(people(orders=[1, 3], recency_days=[14, 7], tenure_days=[14, 28]))
    assert (x.tolist(), t_x.tolist(), T.tolist()) == ([0, 2], [0, 3], [2, 4])


@BOTH
def test_a_score_is_the_hand_worked_one_when_nobody_drops_out(model):
    # after 2 weeks with one repeat order: 1 - (3/4) ** 2 within a week
    customers = people(orders=[2, 1], recency_days=[7, 14], tenure_days=[14, 14])
    drops_out = list(model.truth)[2]
    scores = model.fitted(horizons=(7,), **{drops_out: 1e-12}).score(customers)
    assert scores == pytest.approx(np.array([[1 - (3 / 4) ** 2], [1 - 3 / 4]]))


@BOTH
def test_a_probability_grows_when_the_horizon_does(model):
    customers = people(orders=[1, 3, 20], recency_days=[200, 3, 40], tenure_days=[200, 90, 400])
    scores = model.fitted(horizons=(1, 7, 30, 90, 365), **model.truth).score(customers)
    assert scores.shape == (3, 5)
    assert (np.diff(scores, axis=1) > 0).all()
    assert ((scores > 0) & (scores < 1)).all()


@BOTH
def test_silence_is_the_complement(model):
    customers = people(orders=[1, 3], recency_days=[200, 3], tenure_days=[200, 90])
    np.testing.assert_array_equal(model.fitted(silence=True).score(customers), 1 - model.fitted().score(customers))


@BOTH
def test_somebody_who_never_ordered_has_no_score(model):
    scores = model.fitted().score(people(orders=[0, 1], recency_days=[np.nan, 5], tenure_days=[np.nan, 5]))
    assert np.isnan(scores).all(axis=1).tolist() == [True, False]


@BOTH
def test_one_row_scores_as_many_do_bit_for_bit(model):
    customers, made = examples(300).customers, model.fitted(**model.truth)
    singles = [made.score(customers.take(np.array([row])))[0] for row in range(0, 1800, 7)]
    np.testing.assert_array_equal(made.score(customers)[::7], singles)


@BOTH
def test_probabilities_come_true_when_the_data_come_from_the_model(model):
    x, t_x, came = model.simulated(8_000, future=4.0, seed=1)
    tenure = np.full(len(x), WEEKS * 7)
    customers = people(orders=x + 1, recency_days=tenure - t_x * 7, tenure_days=tenure)
    scores = model.fitted(horizons=(28,), **model.truth).score(customers)[:, 0]
    for group in np.array_split(np.argsort(scores), 4):
        error = 3 * math.sqrt(0.25 / len(group))
        assert came[group].mean() == pytest.approx(scores[group].mean(), abs=error)


@BOTH
def test_it_learns_from_everyone_who_ordered_at_the_newest_cutoff_alone(model):
    learnt = examples(300)
    newest = learnt.customers.take(learnt.customers.as_of == learnt.customers.as_of.max())
    ordered = newest.take(newest.column("orders") > 0)
    x, recency, tenure = (ordered.column(name).astype(float) for name in ("orders", "recency_days", "tenure_days"))
    expected = model.module.fit_parameters(x - 1, (tenure - recency) / 7, tenure / 7)
    # nobody is eligible, nothing is known: it needs no label
    unknown = np.full((len(learnt), 1), np.nan)
    found = model.method(silence=True).fit(learnt.customers, unknown, horizons=[30], seed=1)
    assert found.parameters == pytest.approx(expected, rel=1e-6)
    assert (found.horizons, found.silence) == ((30,), True)


@BOTH
def test_older_cutoffs_teach_nothing(model):
    learnt = examples(300).customers
    target = np.full((len(learnt), 1), np.nan)
    older = learnt.as_of < learnt.as_of.max()
    changed = replace(learnt, features=np.where(older[:, None], 1, learnt.features).astype(np.float32))
    one, two = (model.method(silence=False).fit(each, target, horizons=[30], seed=1) for each in (learnt, changed))
    assert one == two


@BOTH
def test_too_few_customers_are_refused_with_the_figures(model):
    few = people(orders=[1] * (MIN_EXAMPLES - 1) + [0], recency_days=[5] * MIN_EXAMPLES, tenure_days=[5] * MIN_EXAMPLES)
    with pytest.raises(NotEnoughDataError, match=r"99 customers with an order at .*, at least 100 are needed"):
        model.method(silence=False).fit(few, np.full((MIN_EXAMPLES, 1), np.nan), horizons=[30], seed=1)


@pytest.mark.parametrize("silence", [False, True])
@BOTH
def test_parts_keep_their_names_and_bytes_there_and_back(model, silence):
    values = dict(zip(model.truth, [0.5, 2.0, 0.25, 8.0], strict=True))
    fitted = model.fitted(silence=True, **values)
    parts = {
        "parameters.npy": npy_bytes(np.array([0.5, 2.0, 0.25, 8.0])),
        "horizons.npy": npy_bytes(np.array([7, 30])),
        "silence.npy": npy_bytes(np.array(True)),
    }
    loaded = model.method(silence).load(parts)
    assert (loaded, loaded.method, model.method(silence).name) == (fitted, model.name, model.name)
    assert loaded.parts() == parts


def test_few_are_drawn_from_many_by_the_seed(monkeypatch):
    monkeypatch.setattr(buy_till_you_die, "MAX_CUSTOMERS", 30)
    many = people(orders=range(1, 201), recency_days=[1] * 200, tenure_days=[50] * 200)
    one, again, other = (newest_histories(many, seed=seed)[0].tolist() for seed in (1, 1, 2))
    assert one == again != other
    assert len(set(one)) == 30


def test_the_highest_point_is_found():
    assert most_likely("hill", hill, START) == pytest.approx(np.exp(PEAK), rel=1e-3)


def test_a_search_that_gives_up_is_taken_on_by_another(monkeypatch):
    minimize = optimize.minimize

    def gives_up(loss, start, method, **more):
        found = minimize(loss, start, method=method, **more)
        return (
            found
            if method == "Nelder-Mead"
            else optimize.OptimizeResult(x=found.x + 0.1, fun=found.fun + 1, success=False)
        )

    monkeypatch.setattr(optimize, "minimize", gives_up)
    assert most_likely("hill", hill, START) == pytest.approx(np.exp(PEAK), rel=1e-3)


def test_what_has_no_highest_point_is_not_converged():
    with pytest.raises(NotConvergedError, match=r"^slope did not converge: .* from 1 starts nor Nelder-Mead found"):
        most_likely("slope", lambda *parameters: 1e9 * np.log(parameters) ** 2, START)


@BOTH
def test_a_history_that_is_no_number_is_not_converged(model):
    broken = np.full(100, np.nan)
    with pytest.raises(NotConvergedError, match=f"^{model.name} did not converge: neither L-BFGS-B from 2 starts"):
        model.module.fit_parameters(broken, broken, broken)


@BOTH
@pytest.mark.parametrize(
    ("orders", "recency", "tenure"),
    [([1] * 200, [30] * 200, [30] * 200), ([50] * 200, [1] * 200, [400] * 200), ([1] * 200, [0] * 200, [0] * 200)],
    ids=["nobody came back", "everybody alike", "all first ordered today"],
)
def test_a_fit_is_finite_when_there_is_little_to_learn(model, orders, recency, tenure):
    found = model.module.fit_parameters(*repeat_orders(people(orders=orders, recency_days=recency, tenure_days=tenure)))
    assert np.isfinite(found).all()
    assert min(found) > 0
