import numpy as np
import pytest

from models.next_best_product.asking import NOT_SCORED, Asked
from models.rivals.up_cf import REPEAT_LOCALITY, UPCF
from tests.models.next_best_product.corner_shop import (
    APPLE,
    BREAD,
    COAL,
    EGGS,
    fitted_scorer,
    profiles,
)

# customer 0: apples and bread; customer 1: bread and eggs
LINES = [(0, APPLE, 5), (0, BREAD, 5), (1, BREAD, 6), (1, EGGS, 6)]


def scores(*lines: tuple[int, int, int], mode: str = "any", basket: tuple[int, ...] | None = None) -> list[float]:
    fitted = fitted_scorer(UPCF(), LINES, customers=2)
    baskets = () if basket is None else (np.array(basket, np.int64),)
    found: list[float] = fitted.score(Asked(profiles(list(lines), customers=1), mode, baskets=baskets))[0].tolist()  # type: ignore[arg-type]
    return found


def test_new_products_are_scored_by_the_cosine_with_each_neighbour() -> None:
    # apples in both orders, eggs in one: cosine with customer 0 is 1 / sqrt(2.5), with customer 1 half of it
    near = 1 / np.sqrt(1.25 * 2)
    found = scores((0, APPLE, 3), (0, APPLE, 4), (0, EGGS, 4), mode="new")
    assert found == pytest.approx([near, near * 1.5, NOT_SCORED, NOT_SCORED, near / 2], rel=1e-6)


def test_the_next_basket_is_scored_by_the_very_nearest_and_the_own_orders() -> None:
    near = 0.5 ** (REPEAT_LOCALITY / 2)
    found = scores((0, APPLE, 3), mode="any")
    assert found == pytest.approx([1 + near, near, NOT_SCORED, NOT_SCORED, NOT_SCORED], rel=1e-5)
    assert scores((0, APPLE, 3), mode="repeat") == found


def test_a_basket_counts_as_what_is_always_bought() -> None:
    assert scores(mode="basket", basket=(APPLE,)) == scores((0, APPLE, 3))
    half = [(0, APPLE, 3), (0, COAL, 4)]
    both = scores(*half, mode="basket", basket=(APPLE,))
    assert both[APPLE] > scores(*half)[APPLE]
    assert both[COAL] == scores(*half)[COAL] == 0.5


@pytest.mark.parametrize("mode", ["any", "new", "basket"])
def test_nothing_is_scored_when_nothing_is_known(mode: str) -> None:
    assert scores(mode=mode) == [NOT_SCORED] * 5
