from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from models.errors import NotEnoughDataError
from models.next_best_product.learning import ACTIVE_DAYS, BUT_ONE, Snapshot, past_cutoffs, snapshot
from models.prediction import Customers, Examples
from models.purchases import AnonymousSales
from models.sampling import thinned
from tests.models.next_best_product.corner_shop import APPLE, BREAD, COAL, DIESEL, EGGS, examples_of, histories

# diesel is no item; customer 1 never ordered; customer 2 was last here 91 days ago, customer 3 90 days ago
CODES = np.array([APPLE, BREAD, COAL, -1, EGGS], np.int32)
BOUGHT = {0: [("apple", 3), ("diesel", 3), ("coal", 9)], 2: [("apple", 91)], 3: [("apple", 90)]}
BASKETS = [["eggs", "apple", "diesel", "bread"], ["apple"], ["bread", "eggs"], None]
WINDOWS = [["eggs", "apple", "diesel", "bread", "coal"], ["apple"], ["bread", "eggs"], None]


def seen() -> Snapshot:
    return snapshot(examples_of(histories(BOUGHT, 4), BASKETS, WINDOWS), CODES, 5)


def lists(arrays: Any) -> list[list[int]]:
    return [each.tolist() for each in arrays]


def test_what_came_next_is_read_as_items_rising() -> None:
    found = seen()
    assert lists(found.basket) == [[APPLE, BREAD, EGGS], [APPLE], [BREAD, EGGS], []]
    assert lists(found.window) == [[APPLE, BREAD, COAL, EGGS], [APPLE], [BREAD, EGGS], []]
    assert found.profiles.item.tolist() == [APPLE, COAL, APPLE, APPLE]


def test_products_that_the_table_does_not_have_are_no_items() -> None:
    known = examples_of(histories({}, 2), [["milk", "apple"], ["milk"]], [None, []])
    found = snapshot(known, CODES, 5)
    assert (lists(found.basket), lists(found.window)) == ([[APPLE], []], [[], []])


def test_two_products_of_one_category_are_one_item() -> None:
    found = snapshot(
        examples_of(histories({}, 1), [["eggs", "bread"]], [None]), np.array([1, 0, -1, 2, 0], np.int32), 3
    )
    assert lists(found.basket) == [[0]]


def test_anonymous_lines_count_in_popularity_when_histories_bring_them() -> None:
    known = histories(BOUGHT, 4)
    yesterday = np.array([int(known.as_of[0].astype(np.int64)) - 1], np.int32)
    sold = AnonymousSales(np.array([EGGS], np.int32), yesterday, np.array([5.0]))
    found = snapshot(examples_of(replace(known, anonymous=sold), BASKETS, WINDOWS), CODES, 5)
    # three customers bought an item, and five more nobody knows; one bought apples in the last 30 days
    assert found.statistics.popularity.tolist() == [1 / 8, 0, 1 / 8, 0, 5 / 8]
    assert seen().statistics.popularity.tolist() == [1 / 3, 0, 1 / 3, 0, 0]


@pytest.mark.parametrize(
    ("mode", "right"),
    [
        ("any", [[APPLE, BREAD, EGGS], [APPLE], [BREAD, EGGS], []]),
        ("new", [[BREAD, EGGS], [APPLE], [BREAD, EGGS], []]),
        ("repeat", [[APPLE, COAL], [], [], []]),
        ("basket", [[BREAD], [], [EGGS], []]),
    ],
)
def test_a_mode_is_asked_with_what_would_have_been_right(mode: str, right: list[list[int]]) -> None:
    asked, found = seen().question(mode)
    assert (asked.mode, lists(found)) == (mode, right)
    # the other items of the basket lie in it already
    assert lists(asked.baskets) == ([[APPLE, EGGS], [APPLE], [BREAD], []] if mode == "basket" else [])


def test_one_drawn_item_of_a_basket_is_hidden_unless_it_is_the_only_one() -> None:
    asked, hidden = seen().question(BUT_ONE)
    assert asked.mode == "basket"
    assert [len(each) for each in hidden] == [1, 0, 1, 0]
    assert [sorted(each) for each in map(np.concatenate, zip(asked.baskets, hidden, strict=True))] == lists(
        seen().question("any")[1]
    )


def test_modes_are_asked_for_in_any_order_and_each_is_read_once() -> None:
    one, other = seen(), seen()
    modes = ("any", "new", "repeat", "basket")
    first = {mode: one.question(mode) for mode in modes}
    assert all(one.question(mode) is first[mode] for mode in modes)
    for mode in reversed(modes):
        asked, right = other.question(mode)
        assert (asked.mode, lists(right), lists(asked.baskets)) == (
            mode,
            lists(first[mode][1]),
            lists(first[mode][0].baskets),
        )


def test_those_with_an_order_lately_and_something_right_teach() -> None:
    assert ACTIVE_DAYS == 90
    something = [np.array([1])] * 4
    # customer 1 never ordered, customer 2 is a day too late
    assert seen().taught(something).tolist() == [0, 3]
    assert seen().taught([np.array([], np.int64), *something[1:]]).tolist() == [3]


def at(*days: str, limit: str = "2018-01-01") -> Examples:
    as_of = np.array(days, "datetime64[D]")
    customers = Customers([""] * len(days), as_of, np.ones((len(days), 1), np.float32), ("orders",))
    return Examples(customers, {}, date.fromisoformat(limit))


def test_past_cutoffs_have_closed_and_lie_four_weeks_apart() -> None:
    days = ["2017-12-03", "2017-12-02", "2017-12-02", "2017-11-05", "2017-11-04", "2017-10-10", "2017-10-07"]
    # 2017-12-02 + 30 days is the limit; a day later is open; 28 days between two are enough, 27 are not
    assert [str(day) for day in past_cutoffs(at(*days), 30)] == ["2017-12-02", "2017-11-04", "2017-10-07"]


def test_past_cutoffs_of_short_windows_lie_a_window_apart() -> None:
    days = ["2017-12-18", "2017-12-11", "2017-12-04", "2017-11-27"]
    assert [str(day) for day in past_cutoffs(at(*days), 14)] == ["2017-12-18", "2017-12-04"]
    assert [str(day) for day in past_cutoffs(at(*days), 7)] == ["2017-12-18", "2017-12-11", "2017-12-04"]


def test_the_newest_three_cutoffs_teach() -> None:
    days = ["2017-06-01", "2017-07-01", "2017-08-01", "2017-09-01", "2017-10-01"]
    assert [str(day) for day in past_cutoffs(at(*days), 30)] == ["2017-10-01", "2017-09-01", "2017-08-01"]


def test_it_is_refused_when_no_window_has_closed() -> None:
    for nothing in (at("2017-12-03"), at()):
        with pytest.raises(NotEnoughDataError) as caught:
            past_cutoffs(nothing, 30)
        assert str(caught.value) == (
            "0 examples: no window of 30 days has closed, of 100 customers at least; shorten the horizon, lower "
            "cutoffs.min_history_days, or bring more history"
        )


def test_rows_are_thinned_evenly() -> None:
    rows = np.arange(10, 20)
    assert thinned(rows, 4).tolist() == [10, 13, 16, 19]
    assert thinned(rows, 10).tolist() == rows.tolist()
    assert thinned(rows[:0], 4).tolist() == []
    assert len(np.unique(thinned(np.arange(1_001), 1_000))) == 1_000


def test_a_day_of_diesel_alone_is_no_order() -> None:
    found = snapshot(examples_of(histories({0: [("diesel", 2)]}, 1), [None], [None]), CODES, 5)
    assert found.profiles.known.tolist() == [False]
    assert found.taught([np.array([DIESEL])]).tolist() == []
