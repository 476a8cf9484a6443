import numpy as np
import pytest

from models.next_best_product.profiles import Profiles, among, events_of, flat, profiles_of
from tests.models.next_best_product.corner_shop import APPLE, BREAD, COAL, EGGS, events, histories, profiles

# customer 0: apples on three days, bread with the newest; customer 1: nothing; customer 2: coal once
LINES = [(0, APPLE, 45), (0, APPLE, 14), (0, APPLE, 0), (0, BREAD, 0), (2, COAL, 150)]


def same(one: Profiles, other: Profiles) -> None:
    for name in one.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_a_purchase_counts_once_when_it_is_there_twice_on_a_day() -> None:
    found = events([(0, APPLE, 7), (0, APPLE, 7), (0, BREAD, 7), (0, APPLE, 9)], customers=1)
    # the oldest first, then by item
    assert list(zip(found.row.tolist(), found.item.tolist(), found.age.tolist(), strict=True)) == [
        (0, APPLE, 9),
        (0, APPLE, 7),
        (0, BREAD, 7),
    ]
    assert found.order_starts.tolist() == [0, 1]


def test_two_products_of_one_category_are_one_event_of_a_day() -> None:
    known = histories({0: [("bread", 5), ("eggs", 5), ("diesel", 5), ("eggs", 6)]}, 2)
    # bread and eggs are item 0, diesel is none
    found = events_of(known, np.array([1, 0, 2, -1, 0], np.int32), 3)
    assert (found.item.tolist(), found.age.tolist()) == ([0, 0], [6, 5])
    assert (found.customers, found.items) == (2, 3)


def test_purchases_of_the_day_itself_and_later_are_not_seen() -> None:
    found = events_of(histories({0: [("apple", 1), ("bread", 0), ("coal", -3)]}, 1), np.arange(5, dtype=np.int32), 5)
    assert (found.item.tolist(), found.age.tolist()) == ([APPLE], [1])


def test_customers_keep_their_positions_when_others_are_left_out() -> None:
    found = events(LINES, customers=3).take_rows(np.array([False, True, True]))
    assert (found.customers, found.row.tolist(), found.item.tolist()) == (3, [2], [COAL])


def test_a_profile_has_counts_and_ages_by_hand() -> None:
    found = profiles(LINES, customers=3)
    assert (found.row.tolist(), found.item.tolist()) == ([0, 0, 2], [APPLE, BREAD, COAL])
    assert found.ends.tolist() == [2, 2, 3]
    assert found.orders.tolist() == [3, 1, 1]
    assert found.last_days.tolist() == [0, 0, 150]
    assert found.first_days.tolist() == [45, 0, 150]
    np.testing.assert_allclose(found.order_shares, [1, 1 / 3, 1])


def test_purchases_are_halved_with_every_half_life() -> None:
    found = profiles(LINES, customers=3).decayed
    # half-lives of 14, 45 and 150 days
    apples = [1 + 0.5 + 2 ** (-45 / 14), 1 + 2 ** (-14 / 45) + 0.5, 1 + 2 ** (-14 / 150) + 2 ** (-45 / 150)]
    expected = np.array([apples, [1, 1, 1], [2 ** (-150 / 14), 2 ** (-150 / 45), 0.5]])
    np.testing.assert_allclose(found, expected)


def test_customers_are_told_by_their_orders_and_one_who_bought_nothing_is_not_known() -> None:
    found = profiles(LINES, customers=3)
    assert found.order_days.tolist() == [3, 0, 1]
    np.testing.assert_array_equal(found.recency_days, [0, np.nan, 150])
    np.testing.assert_array_equal(found.tenure_days, [45, np.nan, 150])
    # four items on three days
    np.testing.assert_allclose(found.basket_items, [4 / 3, np.nan, 1])
    assert found.known.tolist() == [True, False, True]
    assert found.span(1) == slice(2, 2)


@pytest.mark.parametrize("customers", [0, 3])
def test_profiles_are_empty_when_nobody_bought_anything(customers: int) -> None:
    found = profiles([], customers=customers)
    assert (len(found.item), len(found.ends), found.decayed.shape) == (0, customers, (0, 3))
    assert found.dense(found.orders, -1.0).shape == (customers, 5)
    assert not found.known.any()
    same(found.chunk(0, customers), found)
    same(found.take(np.arange(customers)), found)


def test_profiles_are_empty_when_there_are_no_items() -> None:
    found = profiles_of(events_of(histories({0: [("apple", 3)]}, 1), np.full(5, -1, np.int32), 0))
    assert (found.items, len(found.item), found.known.tolist()) == (0, 0, [False])


def test_any_picked_customers_have_the_profiles_of_them_alone() -> None:
    lines = [(row, item, 10 * row + item + 1) for row in range(6) for item in range(row % 4)]
    whole = profiles(lines, customers=6)
    picked = [5, 2, 0, 2]
    alone = [(at, item, age) for at, row in enumerate(picked) for each, item, age in lines if each == row]
    same(whole.take(np.array(picked)), profiles(alone, customers=4))
    same(whole.take(np.arange(6)), whole)


def test_chunks_are_the_whole_cut_into_pieces() -> None:
    lines = [(row, item, 10 * row + item + 1) for row in range(6) for item in range(row % 4)]
    whole = profiles(lines, customers=6)
    for start, stop in [(0, 6), (0, 1), (2, 5), (4, 4), (5, 6)]:
        same(whole.chunk(start, stop), whole.take(np.arange(start, stop)))


def test_matrices_hold_the_values_of_customer_and_item() -> None:
    found = profiles(LINES, customers=3)
    expected = [[3, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 1, 0, 0]]
    np.testing.assert_array_equal(found.matrix(found.orders).toarray(), expected)
    np.testing.assert_array_equal(found.dense(found.last_days, -1)[2], [-1, -1, 150, -1, -1])


def test_lists_lie_one_after_the_other() -> None:
    values, rows = flat((np.array([APPLE, EGGS]), np.array([], np.int64), np.array([COAL])))
    assert (values.tolist(), rows.tolist()) == ([APPLE, EGGS, COAL], [0, 0, 2])
    assert [len(each) for each in flat(())] == [0, 0]


@pytest.mark.parametrize(
    ("values", "rising", "expected"),
    [
        ([5, 1, 9, 2, 5], [1, 2, 5], [True, True, False, True, True]),
        # before the first, between two, after the last
        ([0, 2, 4], [1, 3], [False, False, False]),
        ([3, 1], [], [False, False]),
        ([], [1, 3], []),
        ([], [], []),
    ],
)
def test_values_are_found_among_rising_ones(values: list[int], rising: list[int], expected: list[bool]) -> None:
    found = among(np.array(values, np.int64), np.array(rising, np.int64))
    assert (found.tolist(), found.dtype) == (expected, bool)
