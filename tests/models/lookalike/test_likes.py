import numpy as np
import pytest
from scipy.sparse import csr_array

from models.lookalike.likes import LIKE_WEIGHT, MOST_TELLING, THRESHOLD, Likes, fit_likes, telling
from tests.memory import peak_memory


def counts(*purchases: list[int]) -> csr_array:
    return csr_array(np.log1p(np.array(purchases, float)))


def test_a_level_is_a_sixteenth_of_a_logarithm() -> None:
    likes = Likes(np.array([0, 2]), np.zeros(2), np.ones(2))
    levels = likes.of(counts([0, 9, 1], [3, 9, 10_000_000]))
    # log(2) = .693 is 11 sixteenths, log(4) = 1.386 is 22, and what is beyond a byte is its largest
    assert levels.tolist() == [[0, 11], [22, 255]]
    assert levels.dtype == np.uint8


def test_a_level_tells_the_purchases_again() -> None:
    likes = fit_likes(counts([0, 3], [8, 1]))
    for purchases in (0, 1, 5, 40):
        level = np.rint(np.log1p(purchases) * 16)
        assert likes.purchases(level) == pytest.approx(purchases, abs=0.5 + 0.03 * purchases)


def test_levels_of_many_customers_take_a_byte_each() -> None:
    few = csr_array((np.log1p([3.0, 1.0]), ([0, 7], [5, 2])), shape=(20_000, 100))
    likes = Likes(np.arange(100), np.zeros(100), np.ones(100))
    assert likes.of(few)[[0, 7], [5, 2]].tolist() == [22, 11]
    assert peak_memory(lambda: likes.of(few)) < 2 * 20_000 * 100


def test_likes_are_standardised_among_everybody() -> None:
    rng = np.random.default_rng(1)
    bought = counts(*rng.integers(0, 9, (50, 4)).tolist())
    likes = fit_likes(bought)
    standard = likes.standardised(likes.of(bought), np.array([1, 3]))
    np.testing.assert_allclose([standard.mean(axis=0), standard.std(axis=0)], [[0, 0], [1, 1]], atol=1e-12)


def test_what_everybody_or_nobody_buys_is_left_out() -> None:
    assert fit_likes(counts([1, 0, 2], [1, 0, 3], [1, 0, 0])).columns.tolist() == [2]


def test_the_most_bought_are_kept_when_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.lookalike.likes.MAX_LIKES", 2)
    assert fit_likes(counts([1, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 0])).columns.tolist() == [0, 1]


def drawn(*, seeds: int = 50, others: int = 1_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return likes, features and seeds: activity drives all likes, and the seeds; they like the fourth beyond it."""
    rng = np.random.default_rng(5)
    is_seed = np.r_[np.ones(seeds), np.zeros(others)]
    activity = rng.normal(size=len(is_seed)) + is_seed
    likes = activity[:, None] + rng.normal(size=(len(is_seed), 30))
    likes[:, 3] += 1.2 * is_seed
    return likes, np.column_stack([activity, rng.normal(size=len(is_seed))]), is_seed


def test_the_category_that_seeds_like_beyond_their_activity_is_found() -> None:
    picked, weights = telling(*drawn())
    assert picked[0] == 3
    assert 0.5 * LIKE_WEIGHT < weights[0] < LIKE_WEIGHT
    # without the features every category of active seeds seems to be liked
    likes, features, is_seed = drawn()
    assert len(telling(likes, 0 * features, is_seed)[0]) == MOST_TELLING


def test_the_statistic_is_the_hand_worked_one() -> None:
    # the features are constant; seeds 4 and 6, the others 0, 1, 2, 1, 0, 0, 2, 2: y - mean = .8 and -.2
    like = np.array([4, 6, 0, 1, 2, 1, 0, 0, 2, 2.0])
    is_seed = np.r_[np.ones(2), np.zeros(8)]
    like -= like.mean()
    left = is_seed - 0.2
    statistic = (left @ like) / np.sqrt((left**2) @ (like**2))
    assert statistic < THRESHOLD
    picked, weights = telling(np.repeat(like, 40)[:, None], np.ones((400, 1)), np.repeat(is_seed, 40))
    # 40 times the rows: sqrt(40) times the statistic
    assert picked.tolist() == [0]
    assert weights[0] == pytest.approx(LIKE_WEIGHT * np.sqrt(1 - (THRESHOLD / (statistic * 40**0.5)) ** 2))


def test_nothing_tells_when_seeds_are_anybody() -> None:
    rng = np.random.default_rng(3)
    found = [
        telling(rng.normal(size=(1_050, 20)), rng.normal(size=(1_050, 3)), np.r_[np.ones(50), np.zeros(1_000)])[0]
        for _ in range(20)
    ]
    assert sum(map(len, found)) <= 3


def test_nothing_tells_when_there_are_no_products() -> None:
    picked, weights = telling(np.empty((10, 0)), np.ones((10, 2)), np.r_[np.ones(5), np.zeros(5)])
    assert (len(picked), len(weights)) == (0, 0)
