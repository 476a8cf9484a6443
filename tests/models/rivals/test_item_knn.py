import numpy as np
import pytest

from models.next_best_product import neighbours
from models.next_best_product.asking import NOT_SCORED, Asked
from models.rivals.item_knn import ItemKNN
from tests.models.next_best_product.corner_shop import (
    APPLE,
    BREAD,
    COAL,
    EGGS,
    fitted_scorer,
    profiles,
)

# three buy apples, four bread, three eggs; two buy apples and bread, two bread and eggs, one apples and eggs
LINES = [
    (0, APPLE, 5), (0, BREAD, 5), (1, APPLE, 5), (1, BREAD, 6), (2, APPLE, 5), (2, EGGS, 5),
    (3, BREAD, 5), (3, EGGS, 7), (4, BREAD, 5), (4, EGGS, 8), (4, COAL, 8),
]  # fmt: skip
APPLE_BREAD, BREAD_EGGS = 2 / np.sqrt(3 * 4), 2 / np.sqrt(4 * 3)


@pytest.fixture(autouse=True)
def of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two buyers in common are enough in so small a shop."""
    monkeypatch.setattr(neighbours, "MIN_TOGETHER", 2)


def scores(*lines: tuple[int, int, int], mode: str = "any", basket: tuple[int, ...] | None = None) -> list[float]:
    fitted = fitted_scorer(ItemKNN(), LINES, customers=5)
    baskets = () if basket is None else (np.array(basket, np.int64),)
    found = fitted.score(Asked(profiles(list(lines), customers=1), mode, baskets=baskets))  # type: ignore[arg-type]
    scored: list[float] = found[0].tolist()
    return scored


def test_the_score_is_the_sum_of_the_cosines_with_what_was_bought() -> None:
    # coal has one buyer: it goes with nothing
    expected = [NOT_SCORED, APPLE_BREAD + BREAD_EGGS, NOT_SCORED, NOT_SCORED, NOT_SCORED]
    assert scores((0, APPLE, 3), (0, EGGS, 4), (0, COAL, 4)) == pytest.approx(expected)


def test_how_often_it_was_bought_does_not_count() -> None:
    assert scores((0, APPLE, 3), (0, APPLE, 9)) == scores((0, APPLE, 50))


def test_a_basket_counts_as_what_was_bought() -> None:
    assert scores(mode="basket", basket=(BREAD,)) == pytest.approx(
        [APPLE_BREAD, NOT_SCORED, NOT_SCORED, NOT_SCORED, BREAD_EGGS]
    )
    # what lies in the basket and was bought before counts twice
    both = scores((0, BREAD, 3), mode="basket", basket=(BREAD,))
    assert both[APPLE] == pytest.approx(2 * APPLE_BREAD)


def test_nothing_is_scored_when_nothing_is_known() -> None:
    assert scores() == [NOT_SCORED] * 5


def test_only_the_nearest_are_kept() -> None:
    # apples and bread, bread and eggs, both ways
    assert len(fitted_scorer(ItemKNN(), LINES, customers=5).similar.values) == 4
