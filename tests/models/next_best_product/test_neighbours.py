from collections.abc import Sequence

import numpy as np
import pytest

from models.next_best_product import neighbours
from models.next_best_product.neighbours import MIN_TOGETHER, Neighbours, similar_items, together
from tests.models.next_best_product.corner_shop import APPLE, BREAD, COAL, EGGS, events, profiles


def dense(found: Neighbours) -> np.ndarray:
    return found.matrix().toarray()


def buyers(*baskets: Sequence[int], age: int = 3) -> list[tuple[int, int, int]]:
    """A customer a basket."""
    return [(row, item, age) for row, basket in enumerate(baskets) for item in basket]


def test_similar_items_have_the_cosine_of_their_buyers() -> None:
    # apples: 0, 1, 2; bread: 0, 1; eggs: 1, 2, 3, 4; coal: 0
    lines = buyers([APPLE, BREAD, COAL], [APPLE, BREAD, EGGS], [APPLE, EGGS], [EGGS], [EGGS])
    found = dense(similar_items(profiles(lines, customers=5)))
    expected = np.zeros((5, 5))
    expected[APPLE, BREAD] = expected[BREAD, APPLE] = 2 / np.sqrt(3 * 2)
    expected[APPLE, EGGS] = expected[EGGS, APPLE] = 2 / np.sqrt(3 * 4)
    # one buyer in common (bread and eggs, apples and coal) says nothing
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_buying_often_does_not_make_items_more_similar() -> None:
    once = buyers([APPLE, BREAD], [APPLE, BREAD], [APPLE])
    often = [*once, (0, APPLE, 9), (0, APPLE, 11), (1, BREAD, 50)]
    one, other = (dense(similar_items(profiles(lines, customers=3))) for lines in (once, often))
    np.testing.assert_array_equal(one, other)


def test_orders_with_both_are_counted_from_five_on() -> None:
    lines = [*buyers(*[[APPLE, EGGS]] * MIN_TOGETHER, *[[BREAD, EGGS]] * (MIN_TOGETHER - 1))]
    found = dense(together(events(lines, customers=9)))
    assert MIN_TOGETHER == 5
    assert found[APPLE, EGGS] == found[EGGS, APPLE] == 5
    assert np.count_nonzero(found) == 2


def test_items_of_different_days_do_not_lie_together() -> None:
    lines = [*buyers(*[[APPLE]] * 9), *buyers(*[[EGGS]] * 9, age=4)]
    assert len(together(events(lines, customers=9)).values) == 0
    assert dense(similar_items(profiles(lines, customers=9)))[APPLE, EGGS] == pytest.approx(1)


def test_only_the_nearest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "NEIGHBOURS", 1)
    # bread is bought by all who buy apples, coal by two of three
    lines = buyers([APPLE, BREAD, COAL], [APPLE, BREAD, COAL], [APPLE, BREAD])
    found = similar_items(profiles(lines, customers=3))
    assert found.of(APPLE)[0].tolist() == [BREAD]
    assert found.of(COAL)[0].tolist() == [APPLE]  # the first of two that are as near
    assert found.of(EGGS)[0].tolist() == []
    assert np.diff(found.indptr).max() == 1


def test_the_nearest_are_the_first_when_all_are_equally_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "NEIGHBOURS", 3)
    lines = [(row, item, 1) for row in range(3) for item in range(8)]
    found = similar_items(profiles(lines, customers=3, items=8))
    assert found.of(0)[0].tolist() == [1, 2, 3]
    assert found.of(7)[0].tolist() == [0, 1, 2]
    assert found.of(0)[1] == pytest.approx([1, 1, 1])


def test_the_size_of_the_blocks_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "NEIGHBOURS", 5)
    monkeypatch.setattr(neighbours, "RULES", 5)
    rng = np.random.default_rng(1)
    lines = [(row, int(item), int(age)) for row in range(80) for item, age in rng.integers((0, 1), (23, 40), (9, 2))]
    every = events(lines, customers=80, items=23)
    known = profiles(lines, customers=80, items=23)
    whole = similar_items(known), together(every)
    monkeypatch.setattr(neighbours, "BLOCK", 7)
    for one, other in zip(whole, (similar_items(known), together(every)), strict=True):
        np.testing.assert_array_equal(one.indptr, other.indptr)
        np.testing.assert_array_equal(one.indices, other.indices)
        np.testing.assert_array_equal(one.values, other.values)
    assert len(whole[0].values) > 23


def test_of_a_customer_with_very_many_items_the_most_bought_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MAX_OWN", 2)
    # both buy coal once, long ago; apples and bread lately
    lines = [(row, item, age) for row in range(2) for item, age in ((APPLE, 1), (BREAD, 2), (COAL, 99))]
    found = dense(similar_items(profiles(lines, customers=2)))
    assert found[APPLE, BREAD] == pytest.approx(1)
    assert not found[COAL].any()


def test_nothing_is_near_when_nobody_bought_anything() -> None:
    for found in (similar_items(profiles([], customers=0)), together(events([], customers=2))):
        assert (found.indptr.tolist(), len(found.values)) == ([0] * 6, 0)
