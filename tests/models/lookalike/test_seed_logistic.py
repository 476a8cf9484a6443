from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from models import columns as col
from models import prediction_from, prediction_named
from models.lookalike.audience import ranked
from models.lookalike.fitted import MAX_LEARNT_SEEDS, taught_by
from models.lookalike.likes import Likes
from models.lookalike.logistic import inverse_strength
from models.lookalike.prior import fit_prior, plain_prior
from models.lookalike.queries import area, past_lists
from models.lookalike.seed_logistic import SeedLogistic
from models.lookalike.space import Points, Space
from models.lookalike.tastes import no_tastes
from models.prediction import Examples
from models.settings import FeatureSettings, load_settings
from tests.shop import open_shop
from tests.synthetic import CUTOFFS, examples
from training.ingest import ensure_tables
from training.run import Trainer

FEATURES, LIKES, PEOPLE = 6, 12, 4_000


def points(count: int = PEOPLE, *, seed: int = 1, features: int = FEATURES) -> Points:
    """Customers at random; a level of liking is 8 more for each purchase of a sort."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, features))
    return Points(vectors, rng.exponential(10, count), (8 * rng.integers(0, 6, (count, LIKES))).astype(np.uint8))


def method(background: Points, prior: np.ndarray | None = None, *, likes: int = LIKES) -> SeedLogistic:
    features = background.vectors.shape[1]
    zeros, ones, empty = np.zeros(features), np.ones(features), np.empty(0)
    names = tuple(f"f{number}" for number in range(features))
    known = Likes(np.arange(likes), np.full(likes, 20.0), np.full(likes, 13.7))
    space = Space(names, zeros, zeros, ones, no_tastes(), empty, empty, known, "f0")
    return SeedLogistic(space, background, 3.0, plain_prior(features) if prior is None else prior)


def test_it_is_a_ridge_regression_when_nothing_was_learnt_before() -> None:
    everybody = replace(points(), likes=np.zeros((PEOPLE, LIKES), np.uint8))
    seeds, background = everybody.take(np.arange(50)), everybody.take(np.arange(50, 1_050))
    (found,) = method(background).learnt([seeds], background)
    x = np.vstack([seeds.vectors, background.vectors])
    c = inverse_strength(1_050, 50, strength=3.0)
    theirs = LogisticRegression(C=c, tol=1e-10, max_iter=10_000).fit(x, np.arange(1_050) < 50)
    np.testing.assert_allclose(found.vectors, theirs.coef_[0], atol=1e-5)
    assert found.picked.tolist() == []


def test_a_prior_makes_weights_larger_where_lists_lay_apart_before() -> None:
    everybody = points()
    seeds, background = everybody.take(np.arange(50)), everybody.take(np.arange(50, 1_050))
    seeds = replace(seeds, vectors=seeds.vectors + 0.5)
    (plain,) = method(background).learnt([seeds], background)
    (told,) = method(background, np.diag([3.0, 1, 1, 1, 1, 1])).learnt([seeds], background)
    assert told.vectors[0] > 1.5 * plain.vectors[0]
    assert told.vectors[1] == pytest.approx(plain.vectors[1], abs=0.3 * abs(plain.vectors[1]))


def lovers(everybody: Points, like: int, count: int) -> np.ndarray:
    """Return some of those who bought the most of one category."""
    return np.random.default_rng(2).permutation(np.flatnonzero(everybody.likes[:, like] == 40))[:count]


def test_lovers_of_one_category_are_found_where_features_say_nothing() -> None:
    everybody = points()
    seeds = lovers(everybody, 7, 60)
    others = np.setdiff1d(np.arange(PEOPLE), seeds)
    background = everybody.take(others[:1_500])
    (scores,) = method(background).ranker([everybody.take(seeds)], background)(everybody.take(others))
    (blind,) = method(background, likes=0).ranker([replace(everybody.take(seeds), likes=np.empty((60, 0), np.uint8))],
                                                  replace(background, likes=np.empty((1_500, 0), np.uint8)))(
        everybody.take(others)
    )  # fmt: skip
    wanted = everybody.likes[others, 7] == 40
    assert area(scores, wanted) > 0.95
    assert area(blind, wanted) == pytest.approx(0.5, abs=0.06)


def test_groups_are_scored_together_as_each_by_itself() -> None:
    everybody = points()
    background = everybody.take(np.arange(1_500, 3_000))
    groups = [everybody.take(lovers(everybody, like, 60)) for like in (7, 2)]
    fitted = method(background)
    together = fitted.ranker(groups, background)(everybody)
    # the second fit begins where the first one ended, and ends where it does from nothing
    np.testing.assert_allclose(together[1], fitted.ranker(groups[1:], background)(everybody)[0], atol=1e-6)
    np.testing.assert_allclose(together[0], fitted.ranker(groups[:1], background)(everybody)[0], atol=1e-12)


SIZES = [40, 200, 400, 800, 1_600]


def expected_and_true(draw: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ask once; return the recall that is expected, the one by a ranker that has seen the seeds, and the true one.

    Seeds lie apart in one feature of 40 and in a category.
    """
    everybody, rng = points(seed=draw, features=40), np.random.default_rng(draw)
    odds = 1.2 * everybody.vectors[:, 0] + 0.06 * everybody.likes[:, 4] - 4.5
    wanted = rng.random(PEOPLE) < 1 / (1 + np.exp(-odds))
    seeds = np.sort(rng.permutation(np.flatnonzero(wanted))[:50])
    others = np.setdiff1d(np.arange(PEOPLE), seeds)
    fitted = method(everybody.take(others[:500]))
    found = ranked(fitted, everybody.take(seeds), fitted.background, everybody)
    seen = replace(found, held_out=np.tile(found.scores, (len(found.held_out), 1)))
    expected, flattered = (
        np.array([point.expected_recall for point in each.quality(seeds, others, SIZES)]) for each in (found, seen)
    )
    hidden = wanted[others[np.argsort(-found.scores[others])]]
    return expected, flattered, np.cumsum(hidden)[np.array(SIZES) - 1] / hidden.sum()


def test_the_expected_recall_comes_true() -> None:
    expected, flattered, true = np.mean([expected_and_true(draw) for draw in range(30)], axis=0)
    assert np.abs(expected - true).max() < 0.05
    # were the seeds not hidden from the ranker that looks for them, the promise would be far off
    assert np.abs(flattered - true).max() > 0.1


def test_only_so_many_seeds_are_learnt_from_and_the_answer_is_the_same_bit_for_bit() -> None:
    few = points(2_000)
    many = points(100_000, seed=2)
    many = replace(many, vectors=many.vectors + np.r_[1.0, np.zeros(FEATURES - 1)])
    fitted = method(few)
    one, two = (fitted.ranker([many], few)(few) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert np.corrcoef(one[0], few.vectors[:, 0])[0, 1] > 0.8
    learnt = taught_by(many)
    assert len(learnt) == MAX_LEARNT_SEEDS
    np.testing.assert_array_equal(fitted.ranker([learnt], few)(few), one)


def test_seeds_are_found_when_they_all_are_alike_and_features_are_constant() -> None:
    everybody = points()
    vectors = np.zeros((PEOPLE, FEATURES))
    vectors[:40, 0] = 1.0
    everybody = Points(vectors, everybody.spend, np.zeros((PEOPLE, LIKES), np.uint8))
    background = everybody.take(np.arange(20, 1_020))
    (scores,) = method(background).ranker([everybody.take(np.arange(20))], background)(everybody)
    assert np.isfinite(scores).all()
    assert scores[20:40].min() > scores[40:].max()


# -- fitted on examples


def fitted_on(given: Examples, **own: Any) -> SeedLogistic:
    prediction = prediction_from("lookalike", FeatureSettings(), {"dimensions": 4, **own})
    found = prediction.fit("seed_logistic", given, horizon=30, seed=1)
    assert isinstance(found, SeedLogistic)
    return found


LAST = CUTOFFS[-1]


def promoted(limit: date = LAST) -> Examples:
    """Return the examples of a fit at a limit: closed cutoffs, and those whose window is open, the limit's own too."""
    return examples(400, cutoffs=CUTOFFS[-4:], limit=limit)


def past() -> Examples:
    return examples(400, cutoffs=CUTOFFS[-1:])


def is_plain(found: SeedLogistic) -> bool:
    return np.array_equal(found.prior, np.eye(len(found.prior)))


def relabelled(given: Examples, rows: np.ndarray) -> Examples:
    """Give some rows the labels of others."""
    order = np.arange(len(given))
    order[rows] = order[rows][::-1]
    return replace(given, labels={name: values[order] for name, values in given.labels.items()})


def test_past_lists_teach_a_prior_when_their_window_has_closed() -> None:
    assert not is_plain(fitted_on(past()))


def test_a_fit_at_a_limit_learns_a_prior_though_its_own_window_is_open() -> None:
    given = promoted()
    assert given.observed_days.min() == 0
    found = fitted_on(given)
    then = given.at([CUTOFFS[-2]])
    lists = past_lists(then, col.CATEGORY, horizon=30, active_days=180)
    expected = fit_prior(found.space.points(then.customers).vectors, lists)
    np.testing.assert_array_equal(found.prior, expected)
    assert not is_plain(found)
    # the customers are compared as they are at the limit
    assert len(found.background) == len(given.at([LAST]))


def test_windows_that_are_still_open_teach_nothing() -> None:
    # 15 days after the last cutoff: the last but one has closed, the last has not
    for limit, teaches in ((LAST, CUTOFFS[-2]), (LAST + timedelta(15), CUTOFFS[-2]), (LAST + timedelta(30), LAST)):
        given = promoted(limit)
        plain = fitted_on(given).parts()
        at = given.customers.as_of == np.datetime64(teaches, "D")
        assert fitted_on(relabelled(given, ~at)).parts() == plain
        assert fitted_on(relabelled(given, at)).parts()["prior.npy"] != plain["prior.npy"]


def test_the_prior_is_plain_when_every_window_is_open() -> None:
    assert is_plain(fitted_on(replace(past(), limit=LAST + timedelta(29))))
    assert not is_plain(fitted_on(replace(past(), limit=LAST + timedelta(30))))


def test_a_training_run_learns_a_prior_wherever_it_fits(tmp_path: Path) -> None:
    shop = load_settings(open_shop(tmp_path))
    trainer = Trainer(shop, prediction_named("lookalike", shop.models), ensure_tables(shop, today=date(2026, 11, 1)))
    plan = trainer.plan
    for limit in {plan.end, *plan.test.values(), *(day for days in plan.validation.values() for day in days)}:
        found = trainer.artifact("seed_logistic", limit).fitted
        assert isinstance(found, SeedLogistic)
        assert not is_plain(found), limit


def test_parts_of_another_version_are_refused_by_the_name_of_what_is_missing() -> None:
    parts = dict(fitted_on(past()).parts())
    del parts["prior.npy"]
    with pytest.raises(KeyError, match=r"prior\.npy"):
        prediction_from("lookalike", FeatureSettings(), {}).load("seed_logistic", parts)


def test_a_prior_is_learnt_from_orders_when_there_are_no_products() -> None:
    given = past()
    given = replace(given, customers=replace(given.customers, histories=None))
    found = fitted_on(given)
    assert found.background.likes.shape[1] == 0
    assert not is_plain(found)
