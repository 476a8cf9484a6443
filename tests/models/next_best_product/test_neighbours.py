from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

from models.next_best_product import neighbours
from models.next_best_product.neighbours import MIN_TOGETHER, Neighbours, similar_items, together
from models.next_best_product.profiles import Events, Profiles
from tests.models.next_best_product.corner_shop import APPLE, BREAD, COAL, EGGS, events, profiles


def dense(found: Neighbours) -> np.ndarray:
    return found.matrix().toarray()


def buyers(*baskets: Sequence[int], age: int = 3) -> list[tuple[int, int, int]]:
    """A customer a basket."""
    return [(row, item, age) for row, basket in enumerate(baskets) for item in basket]


@pytest.fixture
def of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two buyers in common are enough, so that a test can list all of them."""
    monkeypatch.setattr(neighbours, "MIN_TOGETHER", 2)


@pytest.mark.usefixtures("of_two")
def test_similar_items_have_the_cosine_of_their_buyers() -> None:
    # apples: 0, 1, 2; bread: 0, 1; eggs: 1, 2, 3, 4; coal: 0
    lines = buyers([APPLE, BREAD, COAL], [APPLE, BREAD, EGGS], [APPLE, EGGS], [EGGS], [EGGS])
    found = dense(similar_items(profiles(lines, customers=5)))
    expected = np.zeros((5, 5))
    expected[APPLE, BREAD] = expected[BREAD, APPLE] = 2 / np.sqrt(3 * 2)
    expected[APPLE, EGGS] = expected[EGGS, APPLE] = 2 / np.sqrt(3 * 4)
    # one buyer in common (bread and eggs, apples and coal) says nothing
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_four_buyers_in_common_are_too_few_and_five_are_enough() -> None:
    # seven buy apples, five of them eggs too; four of nine who buy eggs buy bread
    lines = buyers(*[[APPLE, EGGS]] * 5, *[[APPLE]] * 2, *[[BREAD, EGGS]] * 4)
    found = dense(similar_items(profiles(lines, customers=11)))
    assert MIN_TOGETHER == 5
    expected = np.zeros((5, 5))
    expected[APPLE, EGGS] = expected[EGGS, APPLE] = 5 / np.sqrt(7 * 9)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    # the fifth buyer of bread and eggs, who buys them on different days: ten buy eggs now
    found = dense(similar_items(profiles([*lines, (11, BREAD, 3), (11, EGGS, 9)], customers=12)))
    expected[APPLE, EGGS] = expected[EGGS, APPLE] = 5 / np.sqrt(7 * 10)
    expected[BREAD, EGGS] = expected[EGGS, BREAD] = 5 / np.sqrt(5 * 10)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_buyer_counts_once_however_many_orders_hold_both() -> None:
    # four customers buy both on three days each: twelve orders, four buyers
    lines = [line for age in (3, 9, 20) for line in buyers(*[[APPLE, EGGS]] * 4, age=age)]
    assert len(similar_items(profiles(lines, customers=4)).values) == 0
    assert dense(together(events(lines, customers=4)))[APPLE, EGGS] == 12


@pytest.mark.usefixtures("of_two")
def test_buying_often_does_not_make_items_more_similar() -> None:
    once = buyers([APPLE, BREAD], [APPLE, BREAD], [APPLE])
    often = [*once, (0, APPLE, 9), (0, APPLE, 11), (1, BREAD, 50)]
    one, other = (dense(similar_items(profiles(lines, customers=3))) for lines in (once, often))
    np.testing.assert_array_equal(one, other)
    assert one[APPLE, BREAD] == pytest.approx(2 / np.sqrt(3 * 2))


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


@pytest.mark.usefixtures("of_two")
def test_only_the_nearest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "NEIGHBOURS", 1)
    # bread is bought by all who buy apples, coal by two of three
    lines = buyers([APPLE, BREAD, COAL], [APPLE, BREAD, COAL], [APPLE, BREAD])
    found = similar_items(profiles(lines, customers=3))
    assert found.of(APPLE)[0].tolist() == [BREAD]
    assert found.of(COAL)[0].tolist() == [APPLE]  # the first of two that are as near
    assert found.of(EGGS)[0].tolist() == []
    assert np.diff(found.indptr).max() == 1


@pytest.mark.usefixtures("of_two")
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
    every, known = crowd()
    whole = similar_items(known), together(every)
    monkeypatch.setattr(neighbours, "BLOCK", 7)
    for one, other in zip(whole, (similar_items(known), together(every)), strict=True):
        np.testing.assert_array_equal(one.indptr, other.indptr)
        np.testing.assert_array_equal(one.indices, other.indices)
        np.testing.assert_array_equal(one.values, other.values)
    assert min(len(each.values) for each in whole) > 23


def crowd() -> tuple[Events, Profiles]:
    """Eighty customers who buy nine of 23 items within a week."""
    rng = np.random.default_rng(1)
    lines = [(row, int(item), int(age)) for row in range(80) for item, age in rng.integers((0, 1), (23, 4), (9, 2))]
    return events(lines, customers=80, items=23), profiles(lines, customers=80, items=23)


@pytest.mark.parametrize("kept", [3, 100])
def test_items_are_found_as_by_counting_every_pair(monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    monkeypatch.setattr(neighbours, "NEIGHBOURS", kept)
    monkeypatch.setattr(neighbours, "RULES", kept)
    monkeypatch.setattr(neighbours, "BLOCK", 10)
    every, known = crowd()
    by_person: dict[Any, set[int]] = defaultdict(set)
    by_order: dict[Any, set[int]] = defaultdict(set)
    for row, item, age in zip(every.row.tolist(), every.item.tolist(), every.age.tolist(), strict=True):
        by_person[row].add(item)
        by_order[row, age].add(item)
    for found, sets, counts in ((similar_items(known), by_person, False), (together(every), by_order, True)):
        both = Counter(pair for each in sets.values() for pair in product(each, each))
        cosines = {
            pair: count / (both[pair[0], pair[0]] * both[pair[1], pair[1]]) ** 0.5 for pair, count in both.items()
        }
        short = 0
        for item in range(23):
            others, values = found.of(item)
            related = [other for other in range(23) if other != item and both[item, other] >= MIN_TOGETHER]
            assert len(others) == min(len(related), kept)
            short += len(related) < 22
            expected = [both[item, other] if counts else cosines[item, other] for other in others.tolist()]
            assert values == pytest.approx(expected, rel=1e-6)
            assert set(others.tolist()) <= set(related)
            assert others.tolist() == sorted(others.tolist())
            # nothing that is left out is nearer than anything that is kept
            left = [cosines[item, other] for other in set(related) - set(others.tolist())]
            nearest = [cosines[item, other] for other in others.tolist()]
            assert max(left, default=0) <= min(nearest, default=1) + 1e-6
        # some pairs are too rare
        assert short


@pytest.mark.usefixtures("of_two")
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
