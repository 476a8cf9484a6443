from dataclasses import replace

import numpy as np
import pytest

from models.errors import NotConvergedError, NotEnoughDataError
from models.methods import log_odds
from models.rivals.logistic import FOUR_NUMBERS, RECENCY, WIDE, FittedLogistic, Logistic
from tests.synthetic import examples, people

LEARNT = examples(300)
DAYS = LEARNT.labels["next_order_days"]
TARGET = np.column_stack([DAYS < 7, DAYS < 30]).astype(float)


@pytest.fixture(scope="module", params=[RECENCY, FOUR_NUMBERS, WIDE], ids=lambda method: method.name)
def fitted(request: pytest.FixtureRequest) -> FittedLogistic:
    return request.param.fit(LEARNT.customers, TARGET, horizons=[7, 30], seed=1)


def test_one_row_scores_as_many_do_bit_for_bit(fitted):
    many = fitted.score(LEARNT.customers)
    assert many.shape == (1800, 2)
    singles = [fitted.score(LEARNT.customers.take(np.array([row])))[0] for row in range(0, 1800, 7)]
    np.testing.assert_array_equal(many[::7], singles)


def test_loaded_parts_score_bit_for_bit(fitted):
    loaded = Logistic("other", ()).load(fitted.parts())
    assert (loaded.method, loaded.inputs) == (fitted.method, fitted.inputs)
    np.testing.assert_array_equal(loaded.score(LEARNT.customers), fitted.score(LEARNT.customers))
    assert loaded.parts() == fitted.parts()


def test_a_score_is_the_hand_worked_one():
    # sign-log: ln 1 = 0, ln(1 + 3) ; the null is filled with the median 3
    fitted = FittedLogistic(
        "hand", ("spend",), medians=np.array([3.0]), means=np.array([np.log(2)]), scales=np.array([2.0]),
        weights=np.array([[1.0, 0.5], [0.0, 0.0]]),
    )  # fmt: skip
    x = (np.log(4) - np.log(2)) / 2
    expected = 1 / (1 + np.exp(-(x + 0.5)))
    scores = fitted.score(people(spend=[3, np.nan, -3]))
    assert scores[:2] == pytest.approx(np.array([[expected, 0.5], [expected, 0.5]]))
    # a negative amount is the mirror image, not a null
    assert scores[2, 0] == pytest.approx(1 / (1 + np.exp(-((-np.log(4) - np.log(2)) / 2 + 0.5))))


def test_recency_alone_ranks_by_recency():
    fitted = RECENCY.fit(LEARNT.customers, TARGET, horizons=[7, 30], seed=1)
    scores = fitted.score(people(recency_days=[0, 1, 2, 10, 50, 400]))
    assert (np.diff(scores, axis=0) < 0).all()


def test_the_truth_is_found_when_it_is_of_the_models_form():
    rng = np.random.default_rng(1)
    recency, spend = rng.integers(0, 100, 20_000), rng.uniform(-5, 50, 20_000)
    customers = people(recency_days=recency, spend=spend)
    logged = np.sign(spend) * np.log1p(np.abs(spend))
    truth = 1 / (1 + np.exp(-(2 - 0.9 * np.log1p(recency) + 0.5 * logged)))
    happened = (rng.random(20_000) < truth).astype(float)[:, None]
    fitted = Logistic("easy", ("recency_days", "spend")).fit(customers, happened, horizons=[30], seed=1)
    assert fitted.score(customers)[:, 0] == pytest.approx(truth, abs=0.03)
    # weights of the raw numbers: what was learnt over what it was scaled by
    assert fitted.weights[0, :2] / fitted.scales == pytest.approx([-0.9, 0.5], abs=0.06)


def test_what_is_not_known_teaches_nothing():
    unknown = TARGET.copy()
    unknown[::3] = np.nan
    garbage = LEARNT.customers.features.copy()
    garbage[::3] = 1e6
    customers = type(LEARNT.customers)(LEARNT.customers.ids, LEARNT.customers.as_of, garbage, LEARNT.customers.names)
    one = FOUR_NUMBERS.fit(LEARNT.customers, unknown, horizons=[7, 30], seed=1)
    two = FOUR_NUMBERS.fit(customers, unknown, horizons=[7, 30], seed=1)
    assert one.parts() == two.parts()


def test_a_feature_that_is_null_or_constant_for_everybody_does_no_harm():
    features = LEARNT.customers.features.copy()
    features[:, LEARNT.customers.names.index("spend")] = np.nan
    features[:, LEARNT.customers.names.index("orders")] = 4
    customers = type(LEARNT.customers)(LEARNT.customers.ids, LEARNT.customers.as_of, features, LEARNT.customers.names)
    for method in (FOUR_NUMBERS, WIDE):
        scores = method.fit(customers, TARGET, horizons=[7, 30], seed=1).score(customers)
        assert ((scores > 0) & (scores < 1)).all()


def test_every_feature_is_read_when_no_inputs_are_named():
    assert WIDE.fit(LEARNT.customers, TARGET, horizons=[7, 30], seed=1).inputs == LEARNT.customers.names


def test_windows_that_reach_beyond_the_first_cutoffs_history_are_not_read():
    features = LEARNT.customers.features.copy()
    tenure = LEARNT.customers.names.index("tenure_days")
    first = LEARNT.customers.as_of == LEARNT.customers.as_of.min()
    features[first, tenure] = np.minimum(features[first, tenure], 60)
    # one order with a wrong date is no history
    features[np.flatnonzero(first)[7], tenure] = 3_000
    fitted = WIDE.fit(replace(LEARNT.customers, features=features), TARGET, horizons=[7, 30], seed=1)
    left_out = set(LEARNT.customers.names) - set(fitted.inputs)
    assert left_out
    assert all(name.endswith(("_90d", "_180d")) for name in left_out)
    assert {"orders_60d", "orders", "recency_days"} <= set(fitted.inputs)
    assert not {"orders_90d", "spend_180d"} & set(fitted.inputs)


def test_an_attribute_is_read_whatever_its_name_ends_in():
    names = ("tenure_days", "attribute_x_365d", "orders_30d", "orders_trend_30d")
    customers = people(**{name: np.arange(300) % 25 for name in names})
    target = (np.arange(300) % 3 == 0).astype(float)[:, None]
    fitted = WIDE.fit(customers, target, horizons=[30], seed=1)
    assert fitted.inputs == ("tenure_days", "attribute_x_365d")


def test_a_constant_feature_does_not_move_a_score_when_it_is_another_one_later():
    count = 997
    customers = people(recency_days=np.arange(count), share=np.full(count, 0.1))
    target = (np.arange(count) % 7 < 2).astype(float)[:, None]
    fitted = Logistic("two", ("recency_days", "share")).fit(customers, target, horizons=[30], seed=1)
    assert fitted.scales[1] == 1
    scores = fitted.score(people(recency_days=[20, 20], share=[0.1, 0.9]))[:, 0]
    assert scores[1] == pytest.approx(scores[0], abs=1e-9)


def test_what_was_not_read_adds_nothing():
    names = LEARNT.customers.names
    fitted = FittedLogistic("hand", ("spend",), np.zeros(1), np.zeros(1), np.ones(1), np.array([[2.0, 1.0]]))
    added = fitted.contributions(LEARNT.customers, 0)
    assert {names[at] for at in np.flatnonzero(added.any(axis=0))} == {"spend"}


def test_contributions_are_the_change_from_the_median_and_nothing_where_null():
    names = LEARNT.customers.names
    fitted = FOUR_NUMBERS.fit(LEARNT.customers, TARGET, horizons=[7, 30], seed=1)
    added = fitted.contributions(LEARNT.customers, 1)
    assert {names[at] for at in np.flatnonzero(added.any(axis=0))} == set(fitted.inputs)
    base = log_odds(fitted.score(LEARNT.customers)[:, 1]) - added.sum(axis=1)
    assert base == pytest.approx(np.full(len(added), base[0]), abs=1e-6)
    assert (added[np.isnan(LEARNT.customers.column("spend")), names.index("spend")] == 0).all()
    # everybody's median adds nothing
    medians = people(**{name: [fitted.median(name)] for name in fitted.inputs})
    assert fitted.contributions(medians, 1) == pytest.approx(np.zeros((1, 4)), abs=1e-6)


def test_more_examples_than_are_learnt_from_are_thinned(monkeypatch):
    monkeypatch.setattr("models.rivals.logistic.MAX_EXAMPLES", 600)
    some = np.linspace(0, 1799, 600).astype(int)
    thinned = RECENCY.fit(LEARNT.customers, TARGET, horizons=[7, 30], seed=1)
    alone = RECENCY.fit(LEARNT.customers.take(some), TARGET[some], horizons=[7, 30], seed=1)
    assert thinned.parts() == alone.parts()


def test_a_fit_that_does_not_converge_says_so(monkeypatch):
    monkeypatch.setattr("models.rivals.logistic.MAX_ITERATIONS", 1)
    with pytest.raises(NotConvergedError, match=r"rfm_logistic: no answer after 1 rounds on 1800 examples; look for"):
        FOUR_NUMBERS.fit(LEARNT.customers, TARGET, horizons=[7, 30], seed=1)


def test_a_target_that_nothing_can_be_learnt_from_is_refused():
    with pytest.raises(NotEnoughDataError, match="every example of 7 days has the same outcome"):
        RECENCY.fit(LEARNT.customers, np.ones((1800, 1)), horizons=[7], seed=1)
