import numpy as np
import pytest

from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.profiles import GROUP_DECAY, GROUP_ORDERS
from models.rivals import tifu_knn
from models.rivals.tifu_knn import OWN, TIFUKNN
from tests.models.next_best_product.corner_shop import (
    APPLE,
    BREAD,
    COAL,
    EGGS,
    fitted_scorer,
    profiles,
)

# customer 0: apples and bread; customer 1: bread and eggs; customer 2: coal
LINES = [(0, APPLE, 5), (0, BREAD, 5), (1, BREAD, 6), (1, EGGS, 6), (2, COAL, 4)]


def scores(*lines: tuple[int, int, int], mode: str = "any", basket: tuple[int, ...] | None = None) -> list[float]:
    fitted = fitted_scorer(TIFUKNN(), LINES, customers=3)
    baskets = () if basket is None else (np.array(basket, np.int64),)
    found: list[float] = fitted.score(Asked(profiles(list(lines), customers=1), mode, baskets=baskets))[0].tolist()  # type: ignore[arg-type]
    return found


def test_older_groups_of_orders_count_for_less() -> None:
    # bread in the newest seven orders, apples in the one before: two groups
    assert (GROUP_ORDERS, GROUP_DECAY) == (7, 0.6)
    known = profiles([(0, APPLE, 90), *((0, BREAD, age) for age in range(1, 8))], customers=1)
    assert known.temporal.tolist() == pytest.approx([0.6 / 2, 1 / 2])
    # seven orders are one group, within which all count alike
    one = profiles([(0, APPLE, 90), *((0, BREAD, age) for age in range(1, 7))], customers=1)
    assert one.temporal.tolist() == pytest.approx([1 / 7, 6 / 7])


def test_the_own_frequency_is_mixed_with_the_mean_of_the_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tifu_knn, "NEAREST", 2)
    # from apples alone it is 1 to customer 0, sqrt(2) to customer 2 and sqrt(3) to customer 1
    found = scores((0, APPLE, 3))
    assert found == pytest.approx([OWN + (1 - OWN) / 2, (1 - OWN) / 2, (1 - OWN) / 2, NOT_SCORED, NOT_SCORED])
    assert scores((0, APPLE, 3), mode="new") == found
    monkeypatch.setattr(tifu_knn, "NEAREST", 1)
    assert scores((0, APPLE, 3)) == pytest.approx([1, 1 - OWN, NOT_SCORED, NOT_SCORED, NOT_SCORED])


def test_everybody_is_a_neighbour_when_there_are_few() -> None:
    third = (1 - OWN) / 3
    assert scores((0, APPLE, 3)) == pytest.approx([OWN + third, 2 * third, third, NOT_SCORED, third])


def test_a_basket_counts_as_what_is_always_bought() -> None:
    assert scores(mode="basket", basket=(EGGS,)) == scores((0, EGGS, 3))
