import numpy as np
import pytest
from scipy import sparse

from models.next_best_product import neighbourhood
from models.next_best_product.arrays import array_parts, from_parts
from models.next_best_product.neighbourhood import Neighbourhood, highest, neighbourhood_of, recent_shares
from tests.models.next_best_product.corner_shop import APPLE, BREAD, COAL, EGGS, profiles

# customer 0: apples and bread; customer 1: bread and eggs; customer 2: coal; customer 3: apples, long ago
LINES = [(0, APPLE, 5), (0, BREAD, 5), (1, BREAD, 6), (1, EGGS, 6), (2, COAL, 4), (3, APPLE, 200)]


def of_lines(lines: list[tuple[int, int, int]] = LINES, customers: int = 4) -> Neighbourhood:
    known = profiles(lines, customers=customers)
    return neighbourhood_of(known, known.recent, within_days=90)


def asked(*lines: tuple[int, int, int], customers: int = 1) -> "sparse.csr_array":
    return recent_shares(profiles(list(lines), customers=customers))


def test_those_who_did_not_order_lately_are_no_neighbours() -> None:
    np.testing.assert_array_equal(of_lines().rows.toarray(), [[1, 1, 0, 0, 0], [0, 1, 0, 0, 1], [0, 0, 1, 0, 0]])


def test_the_score_is_what_the_nearest_count_times_their_cosines() -> None:
    # apples alone have the cosine 1 / sqrt(2) with customer 0, bread alone with customers 0 and 1; the square of it is
    # a half
    np.testing.assert_allclose(of_lines().scores(asked((0, APPLE, 3)))[0], np.sqrt([0.5, 0.5, 0, 0, 0]), rtol=1e-6)
    np.testing.assert_allclose(of_lines().scores(asked((0, BREAD, 3)), locality=2)[0], [0.5, 1, 0, 0, 0.5], rtol=1e-6)


def test_nobody_is_a_neighbour_of_their_own() -> None:
    # customer 0 again: what customer 1 adds is left, whose cosine is a half
    np.testing.assert_allclose(
        of_lines().scores(asked((0, APPLE, 3), (0, BREAD, 3)))[0], [0, 0.5, 0, 0, 0.5], rtol=1e-6
    )


def test_only_so_many_of_the_nearest_count() -> None:
    # eggs twice and bread once: customer 1 is nearer than customer 0
    one = asked((0, BREAD, 3), (0, EGGS, 3), (0, EGGS, 4))
    cosine = (0.5 + 1) / np.sqrt(2 * 1.25)
    np.testing.assert_allclose(of_lines().scores(one, nearest=1)[0], [0, cosine, 0, 0, cosine], rtol=1e-6)


def test_there_are_no_scores_when_nothing_is_in_common_or_known() -> None:
    assert not of_lines([(0, COAL, 5)], 1).scores(asked((0, EGGS, 5))).any()
    assert not of_lines().scores(asked()).any()
    empty = of_lines([], 3)
    assert (len(empty), empty.scores(asked((0, EGGS, 5))).tolist()) == (0, [[0.0] * 5])


def test_one_customer_gets_the_scores_of_one_among_many() -> None:
    rng = np.random.default_rng(1)
    lines = [(int(row), int(item), int(age)) for row, item, age in rng.integers((0, 0, 1), (60, 5, 80), (900, 3))]
    known, many = of_lines(lines, 60), asked(*lines, customers=60)
    found = known.scores(many, nearest=7)
    singles = [known.scores(many[row : row + 1], nearest=7) for row in range(60)]
    np.testing.assert_array_equal(np.concatenate(singles), found)


def test_a_sample_is_taken_evenly_when_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbourhood, "SAMPLE", 2)
    np.testing.assert_array_equal(of_lines().rows.toarray(), [[1, 1, 0, 0, 0], [0, 0, 1, 0, 0]])


def test_what_was_bought_before_the_recent_orders_does_not_count() -> None:
    # apples in the oldest of 26 orders, bread in the 25 newest
    lines = [(0, APPLE, 40), *((0, BREAD, age) for age in range(1, 26))]
    np.testing.assert_array_equal(asked(*lines).toarray(), [[0, 1, 0, 0, 0]])
    assert asked(*lines).nnz == 1


def test_a_saved_neighbourhood_comes_back() -> None:
    known = of_lines()
    loaded = from_parts(Neighbourhood, "of", array_parts("of", known))
    one = asked((0, BREAD, 3))
    np.testing.assert_array_equal(loaded.scores(one), known.scores(one))


def test_the_highest_are_found_in_rising_order_of_place() -> None:
    values = np.array([3, 1, 9, 7], np.float32)
    assert highest(values, 2).tolist() == [2, 3]
    assert highest(values, 9).tolist() == [0, 1, 2, 3]


def test_of_equal_values_at_the_edge_the_first_are_kept() -> None:
    # so many that ``np.argpartition`` would pick others, and others on each processor; every third value is .5, one in
    # a hundred .9, the others 0
    values = np.zeros(6_000, np.float32)
    values[::3], values[::100] = 0.5, 0.9
    above = list(range(0, 6_000, 100))
    tied = [place for place in range(0, 6_000, 3) if place % 100]
    assert highest(values, 200).tolist() == sorted([*above, *tied[:140]])
    assert highest(values, 60).tolist() == above
    assert highest(values, 59).tolist() == above[:59]
    assert highest(np.ones(1_000, np.float32), 300).tolist() == list(range(300))
