from dataclasses import replace

import numpy as np
import pytest

from models.next_best_product.profiles import events_of
from models.next_best_product.statistics import PRIOR_GAP_BUYERS, Anonymous, anonymous_of, statistics_of
from models.purchases import AnonymousSales
from tests.models.next_best_product.corner_shop import APPLE, BREAD, COAL, DIESEL, EGGS, Bought, events, histories


def test_buyers_are_shares_of_those_who_ordered_in_each_window() -> None:
    lines = [(0, APPLE, 7), (0, APPLE, 80), (1, APPLE, 8), (2, APPLE, 31), (2, BREAD, 90), (3, BREAD, 91)]
    found = statistics_of(events(lines, customers=5))
    assert found.items == 5
    # four of the five ordered; apples: in 7, 30 and 90 days by customer 0; 0 and 1; 0, 1 and 2
    np.testing.assert_allclose(found.recent[:, APPLE], [1 / 4, 2 / 4, 3 / 4])
    np.testing.assert_allclose(found.recent[:, BREAD], [0, 0, 1 / 4])
    np.testing.assert_allclose(found.buyers, [3 / 4, 2 / 4, 0, 0, 0])
    np.testing.assert_array_equal(found.popularity, found.recent[1])


def test_those_who_never_ordered_or_order_later_change_nothing() -> None:
    bought = {0: [("apple", 3), ("apple", 13), ("eggs", 3)], 1: [("apple", 40)]}
    codes = np.arange(5, dtype=np.int32)

    def told(lines: Bought, count: int) -> dict[str, np.ndarray]:
        return vars(statistics_of(events_of(histories(lines, count), codes, 5)))

    expected = told(bought, 2)
    np.testing.assert_allclose(expected["recent"][:, APPLE], [1 / 2, 1 / 2, 1])
    np.testing.assert_allclose(expected["buyers"], [1, 0, 0, 0, 1 / 2])
    # four more never ordered; one more orders on the day of the cutoff, one a month after it
    later = {6: [("apple", 0), ("bread", 0)], 7: [("coal", -30)]}
    for lines, count in ((bought, 6), ({**bought, **later}, 8)):
        found = told(lines, count)
        assert found.keys() == expected.keys()
        for name, array in found.items():
            np.testing.assert_array_equal(array, expected[name], err_msg=name)


def test_orders_are_days_of_a_customer() -> None:
    lines = [(0, APPLE, 7), (0, BREAD, 7), (0, APPLE, 9), (1, APPLE, 7)]
    found = statistics_of(events(lines, customers=2))
    assert found.orders.tolist() == [3, 1, 0, 0, 0]
    assert float(found.total_orders) == 3


def test_repeaters_are_shares_of_the_buyers() -> None:
    lines = [(0, APPLE, 1), (0, APPLE, 2), (1, APPLE, 1), (1, BREAD, 1), (2, APPLE, 1), (3, APPLE, 1)]
    np.testing.assert_allclose(statistics_of(events(lines, customers=4)).repeat_rate, [1 / 4, 0, 0, 0, 0])


def test_gaps_are_drawn_towards_the_mean_over_all_items() -> None:
    # customer 0 waits 10 days between apples (three times), customer 1 20 days; customer 0 waits 60 days for bread
    lines = [
        (0, APPLE, 1),
        (0, APPLE, 11),
        (0, APPLE, 21),
        (1, APPLE, 5),
        (1, APPLE, 25),
        (0, BREAD, 1),
        (0, BREAD, 61),
    ]
    found = statistics_of(events(lines, customers=2)).gap_days
    usual = (10 + 20 + 60) / 3
    assert PRIOR_GAP_BUYERS == 10
    np.testing.assert_allclose(found[APPLE], (10 + 20 + 10 * usual) / 12)
    np.testing.assert_allclose(found[BREAD], (60 + 10 * usual) / 11)
    np.testing.assert_allclose(found[COAL], usual)


def test_gaps_are_a_month_when_nobody_bought_anything_twice() -> None:
    np.testing.assert_allclose(statistics_of(events([(0, APPLE, 3)], customers=1)).gap_days, 30)


def test_items_stand_by_popularity_then_buyers_then_order() -> None:
    lines = [
        (0, EGGS, 5), (1, EGGS, 5),  # two buyers lately
        (0, COAL, 5), (1, COAL, 60), (2, COAL, 60),  # one lately, three ever
        (0, DIESEL, 5), (0, BREAD, 5),  # one lately, one ever
    ]  # fmt: skip
    assert statistics_of(events(lines, customers=3)).by_popularity.tolist() == [EGGS, COAL, BREAD, DIESEL, APPLE]


@pytest.mark.parametrize("customers", [0, 2])
def test_everything_is_nought_when_nobody_bought_anything(customers: int) -> None:
    found = statistics_of(events([], customers=customers))
    assert (found.buyers.tolist(), float(found.total_orders)) == ([0] * 5, 0)
    assert all(np.isfinite(array).all() for array in vars(found).values())


def test_an_anonymous_line_is_one_more_customer_who_bought_once() -> None:
    lines = [(0, APPLE, 7), (0, APPLE, 9), (1, APPLE, 40), (1, BREAD, 40)]
    # two apples and one bread in the last week, three coals within ninety days, two breads before that
    sold = Anonymous(np.array([APPLE, BREAD, COAL, BREAD]), np.array([7, 1, 31, 91]), np.array([2.0, 1, 3, 2]))
    found, known = (statistics_of(events(lines, customers=3), anonymous=each) for each in (sold, None))
    # two customers ordered, and eight anonymous lines
    np.testing.assert_allclose(found.recent[:, APPLE], [3 / 10, 3 / 10, 4 / 10])
    np.testing.assert_allclose(found.recent[:, BREAD], [1 / 10, 1 / 10, 2 / 10])
    np.testing.assert_allclose(found.recent[:, COAL], [0, 0, 3 / 10])
    np.testing.assert_allclose(found.buyers, [4 / 10, 4 / 10, 3 / 10, 0, 0])
    assert found.by_popularity[:2].tolist() == [APPLE, BREAD]
    # habits and orders are those of customers
    for name in ("repeat_rate", "gap_days", "orders", "total_orders"):
        np.testing.assert_array_equal(getattr(found, name), getattr(known, name), err_msg=name)


def test_no_anonymous_line_changes_no_bit() -> None:
    lines = [(0, APPLE, 7), (1, APPLE, 40), (2, BREAD, 40)]
    nothing = Anonymous(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    found, known = (vars(statistics_of(events(lines, customers=3), anonymous=each)) for each in (nothing, None))
    assert {name: array.tobytes() for name, array in found.items()} == {
        name: array.tobytes() for name, array in known.items()
    }


def test_anonymous_lines_are_known_from_the_day_after_and_only_of_items() -> None:
    known = histories({0: [("apple", 3)]}, 1)
    cutoff = int(known.as_of[0].astype(np.int64))
    sales = AnonymousSales(
        np.array([APPLE, APPLE, APPLE, DIESEL], np.int32),
        (cutoff - np.array([1, 0, -5, 2])).astype(np.int32),
        np.array([2.0, 4, 8, 16]),
    )
    codes = np.array([4, 3, 2, -1, 0], np.int32)  # apples are item 4, diesel is none
    found = anonymous_of(replace(known, anonymous=sales), codes)
    assert found is not None
    assert (found.item.tolist(), found.age.tolist(), found.lines.tolist()) == ([4], [1], [2.0])


def test_there_are_no_anonymous_lines_when_none_are_counted_or_nobody_asks() -> None:
    known = histories({0: [("apple", 3)]}, 1)
    codes = np.arange(5, dtype=np.int32)
    assert anonymous_of(known, codes) is None
    sales = AnonymousSales(np.array([APPLE], np.int32), np.array([0], np.int32), np.array([1.0]))
    assert anonymous_of(replace(known, anonymous=sales).take(np.empty(0, np.int64)), codes) is None
