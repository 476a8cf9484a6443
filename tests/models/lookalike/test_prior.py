import numpy as np
import pytest

from models.lookalike.prior import fit_prior, plain_prior


def lists_along(vectors: np.ndarray, direction: int, count: int = 6) -> list[tuple[np.ndarray, np.ndarray]]:
    """Lists of those who lie far out in one direction."""
    everybody = np.ones(len(vectors), bool)
    return [(everybody, vectors[:, direction] > 0.1 * at) for at in range(count)]


def test_the_direction_in_which_lists_lay_apart_may_weigh_more() -> None:
    vectors = np.random.default_rng(1).normal(size=(4_000, 5))
    prior = fit_prior(vectors, lists_along(vectors, 2, 20))
    # twenty lists teach a quarter of the variance, 1.25 of 5, and all of it lies where they were
    np.testing.assert_allclose(np.diag(prior @ prior.T), [0.75, 0.75, 0.75 + 1.25, 0.75, 0.75], atol=0.02)
    assert np.trace(prior @ prior.T) == pytest.approx(5)


def test_few_lists_teach_less_than_many() -> None:
    vectors = np.random.default_rng(1).normal(size=(4_000, 5))
    few, many = (fit_prior(vectors, lists_along(vectors, 2, count) * 5) for count in (1, 20))
    # 5 lists: .5 x 5 / 25 of the variance; 100: .5 x 100 / 120
    assert (few @ few.T)[2, 2] == pytest.approx(0.9 + 0.5, abs=0.02)
    assert (many @ many.T)[2, 2] == pytest.approx(1 - 5 / 12 + 5 * 5 / 12, abs=0.02)


def test_a_direction_without_spread_does_no_harm() -> None:
    vectors = np.random.default_rng(1).normal(size=(500, 3))
    vectors[:, 1] = 0.0
    assert np.isfinite(fit_prior(vectors, lists_along(vectors, 0))).all()


def test_all_directions_are_alike_when_there_are_no_lists_or_they_say_nothing() -> None:
    vectors = np.random.default_rng(1).normal(size=(500, 3))
    np.testing.assert_array_equal(fit_prior(vectors, []), plain_prior(3))
    everybody = np.ones(500, bool)
    np.testing.assert_array_equal(fit_prior(vectors, [(everybody, everybody)] * 6), plain_prior(3))
