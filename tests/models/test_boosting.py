import numpy as np
import pytest

from models import boosting
from models.boosting import DEFAULT_TREES, Boosting, _Known
from models.errors import NotEnoughDataError
from models.methods import log_odds
from tests.synthetic import CUTOFFS, NAMES, examples

LEARNT = examples(250)
OUTCOME = (LEARNT.labels["next_order_days"] < 30).astype(float)
TARGET = OUTCOME[:, None]


@pytest.fixture(scope="module")
def fitted() -> boosting.FittedBoosting:
    return fit()


def fit(target: np.ndarray = TARGET, **options: object) -> boosting.FittedBoosting:
    options = {"horizons": [30], "seed": 1} | options
    return Boosting().fit(LEARNT.customers, target, **options)


def known(outcome: np.ndarray = OUTCOME, horizon: int = 30) -> _Known:
    return _Known(LEARNT.customers.features, outcome, LEARNT.customers.as_of, horizon)


def cutoffs(rows: np.ndarray) -> list:
    return np.unique(LEARNT.customers.as_of[rows]).tolist()


def test_it_learns_what_there_is_to_learn(fitted):
    unseen = examples(250, seed=50)
    happened = unseen.labels["next_order_days"] < 30
    scores = fitted.score(unseen.customers)[:, 0]
    assert scores[happened].mean() > scores[~happened].mean() + 0.1


def test_one_row_scores_as_many_do_bit_for_bit(fitted):
    many = fitted.score(LEARNT.customers)
    singles = [fitted.score(LEARNT.customers.take(np.array([row])))[0] for row in range(0, 1500, 31)]
    np.testing.assert_array_equal(many[::31], singles)


def test_the_same_data_and_seed_give_the_same_bytes(fitted):
    assert fit().parts() == fitted.parts()
    assert fit(seed=2).parts() != fitted.parts()


def test_the_same_scores_come_out_when_there_are_more_threads(fitted, monkeypatch):
    few = {"trees": [5]}
    alone = fit(choices=few)
    monkeypatch.setattr(boosting, "PARAMETERS", {**boosting.PARAMETERS, "num_threads": 2})
    np.testing.assert_array_equal(fit(choices=few).score(LEARNT.customers), alone.score(LEARNT.customers))


def test_loaded_parts_score_bit_for_bit(fitted):
    loaded = Boosting().load(fitted.parts())
    np.testing.assert_array_equal(loaded.score(LEARNT.customers), fitted.score(LEARNT.customers))
    assert loaded.choices == fitted.choices


def test_parameters_that_were_given_come_back_with_the_parts(fitted):
    given = {"trees": [5], "parameters": {"learning_rate": 0.1, "num_leaves": 7}}
    tuned = fit(choices=given)
    loaded = Boosting().load(tuned.parts())
    assert loaded.choices == given
    assert loaded.parts() == tuned.parts()
    np.testing.assert_array_equal(loaded.score(LEARNT.customers), tuned.score(LEARNT.customers))
    assert list(fitted.parts()) == ["booster_00.txt"]


def test_boosters_are_loaded_in_the_order_of_the_horizons():
    horizons = list(range(3, 14))
    days = LEARNT.labels["next_order_days"]
    target = np.column_stack([days < horizon for horizon in horizons]).astype(float)
    many = fit(target, horizons=horizons, choices={"trees": [1] * len(horizons)})
    loaded = Boosting().load(dict(reversed(many.parts().items())))
    np.testing.assert_array_equal(loaded.score(LEARNT.customers), many.score(LEARNT.customers))


def test_each_output_is_what_it_would_be_alone():
    days = LEARNT.labels["next_order_days"]
    target = np.column_stack([days < 7, days < 30]).astype(float)
    target[:40, 0] = np.nan
    both = fit(target, horizons=[7, 30], choices={"trees": [4, 6]})
    assert both.choices == {"trees": [4, 6]}
    for output, (horizon, trees) in enumerate([(7, 4), (30, 6)]):
        alone = fit(target[:, [output]], horizons=[horizon], choices={"trees": [trees]})
        np.testing.assert_array_equal(alone.score(LEARNT.customers)[:, 0], both.score(LEARNT.customers)[:, output])


@pytest.mark.parametrize("trees", [1, 17])
def test_the_number_of_trees_is_the_frozen_one_when_choices_are_given(trees, monkeypatch):
    monkeypatch.setattr(_Known, "best_trees", lambda self, seed: pytest.fail("chosen again"))
    assert fit(choices={"trees": [trees]}).choices == {"trees": [trees]}


def test_refitting_with_its_own_choices_gives_the_same_bytes(fitted):
    assert fit(choices=fitted.choices).parts() == fitted.parts()


def test_the_number_of_trees_is_chosen_between_one_and_the_most(fitted):
    (trees,) = fitted.choices["trees"]
    assert 1 <= trees < boosting.MAX_TREES
    assert trees != DEFAULT_TREES


def test_one_tree_is_chosen_when_there_is_nothing_to_learn():
    noise = np.random.default_rng(0).integers(0, 2, len(OUTCOME)).astype(float)
    assert known(noise).best_trees({}, seed=1) < 10


@pytest.mark.parametrize(("horizon", "early"), [(29, 4), (30, 4), (31, 3), (60, 3), (61, 2), (90, 2), (121, 0)])
def test_early_windows_have_closed_before_the_first_late_cutoff(horizon, early):
    # cutoffs every 30 days; the two newest validate
    found = known(horizon=horizon)
    assert cutoffs(found._late) == list(CUTOFFS[-2:])
    assert cutoffs(found._early) == list(CUTOFFS[:early])
    for cutoff in cutoffs(found._early):
        assert (CUTOFFS[-2] - cutoff).days >= horizon


def test_outcomes_between_early_and_late_do_not_move_the_choice():
    between = ~known(horizon=60)._early & ~known(horizon=60)._late
    assert between.any()
    flipped = np.where(between, 1 - OUTCOME, OUTCOME)
    assert known(flipped, horizon=60).best_trees({}, seed=1) == known(horizon=60).best_trees({}, seed=1)
    late = np.where(known(horizon=60)._late, 1 - OUTCOME, OUTCOME)
    assert known(late, horizon=60).best_trees({}, seed=1) != known(horizon=60).best_trees({}, seed=1)


@pytest.mark.parametrize(
    "outcome", [OUTCOME, np.where(LEARNT.customers.as_of < np.datetime64(CUTOFFS[-2]), 0, OUTCOME)]
)
def test_the_default_number_of_trees_is_used_when_there_is_no_early_window_or_one_outcome_in_it(outcome):
    horizon = 121 if outcome is OUTCOME else 30
    assert known(outcome, horizon=horizon).best_trees({}, seed=1) == DEFAULT_TREES


def test_contributions_add_up_to_the_log_odds(fitted):
    some = LEARNT.customers.take(np.arange(50))
    contributions = fitted.contributions(some, 0)
    assert contributions.shape == (50, len(NAMES))
    base = log_odds(fitted.score(some)[:, 0]) - contributions.sum(axis=1)
    assert base == pytest.approx(np.full(50, base[0]), abs=1e-6)


def test_more_examples_than_are_learnt_from_are_thinned(monkeypatch):
    monkeypatch.setattr(boosting, "MAX_EXAMPLES", 600)
    some = np.linspace(0, 1499, 600).astype(int)
    alone = Boosting().fit(LEARNT.customers.take(some), TARGET[some], horizons=[30], seed=1, choices={"trees": [5]})
    assert fit(choices={"trees": [5]}).parts() == alone.parts()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (np.where(np.arange(1500) < 99, OUTCOME, np.nan), "99 examples with a closed window of 30 days"),
        (np.ones(1500), "every example of 30 days has the same outcome"),
    ],
)
def test_a_target_that_nothing_can_be_learnt_from_is_refused(target, message):
    with pytest.raises(NotEnoughDataError, match=message):
        fit(target[:, None])
