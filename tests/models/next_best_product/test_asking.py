from typing import Any

import numpy as np
import pytest

from models.next_best_product.asking import NOT_SCORED, Asked, scored_only
from tests.models.next_best_product.corner_shop import APPLE, BREAD, COAL, EGGS, profiles

# customer 0 bought apples and coal, customer 1 nothing, customer 2 eggs
KNOWN = profiles([(0, APPLE, 3), (0, COAL, 9), (2, EGGS, 1)], customers=3)
BASKETS = (np.array([BREAD]), np.array([BREAD, EGGS]), np.array([], np.int64))


def open_to(**asked: Any) -> list[list[int]]:
    return [np.flatnonzero(row).tolist() for row in Asked(KNOWN, **asked).open_items]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("any", [[0, 1, 2, 3, 4]] * 3),
        ("new", [[1, 3, 4], [0, 1, 2, 3, 4], [0, 1, 2, 3]]),
        ("repeat", [[0, 2], [], [4]]),
    ],
)
def test_a_mode_says_which_items_may_be_answered(mode: str, expected: list[list[int]]) -> None:
    assert open_to(mode=mode) == expected


def test_what_lies_in_the_basket_is_not_answered() -> None:
    assert open_to(mode="basket", baskets=BASKETS) == [[0, 2, 3, 4], [0, 2, 3], [0, 1, 2, 3, 4]]


def test_only_allowed_items_are_answered() -> None:
    assert open_to(mode="new", allowed=np.array([True, True, False, False, True])) == [[1, 4], [0, 1, 4], [0, 1]]


def test_somebody_is_usable_by_a_history_or_a_basket() -> None:
    assert Asked(KNOWN, "any").usable.tolist() == [True, False, True]
    assert Asked(KNOWN, "basket", baskets=BASKETS).usable.tolist() == [True, True, True]


def test_baskets_are_rows_of_ones() -> None:
    expected = [[0, 1, 0, 0, 0], [0, 1, 0, 0, 1], [0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(Asked(KNOWN, "basket", baskets=BASKETS).basket_matrix().toarray(), expected)


def test_parts_of_a_question_keep_their_own_baskets() -> None:
    asked = Asked(KNOWN, "basket", baskets=BASKETS)
    part = asked.chunk(1, 3)
    assert (len(part), [each.tolist() for each in part.baskets]) == (2, [[BREAD, EGGS], []])
    assert part.profiles.item.tolist() == [EGGS]
    taken = asked.take(np.array([2, 0]))
    assert [each.tolist() for each in taken.baskets] == [[], [BREAD]]
    assert taken.profiles.item.tolist() == [EGGS, APPLE, COAL]


def test_nothing_is_scored_for_somebody_of_whom_nothing_is_known() -> None:
    found = scored_only(np.ones((3, 5)), Asked(KNOWN, "new"))
    assert found.tolist() == [
        [NOT_SCORED, 1, NOT_SCORED, 1, 1],
        [NOT_SCORED] * 5,
        [1, 1, 1, 1, NOT_SCORED],
    ]
