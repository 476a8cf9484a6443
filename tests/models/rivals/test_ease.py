import numpy as np
import pytest

from models.next_best_product import affinity
from models.next_best_product.asking import NOT_SCORED, Asked
from models.rivals import ease
from models.rivals.ease import EASE, REPEAT_STRENGTH
from tests.models.next_best_product.corner_shop import (
    APPLE,
    BREAD,
    COAL,
    EGGS,
    fitted_scorer,
    profiles,
)

# customer 0: apples in both orders, bread in one; customer 1: apples and eggs; customer 2: eggs; customer 3: bread
LINES = [(0, 0, 2), (0, 0, 9), (0, 1, 9), (1, 0, 3), (1, 4, 3), (2, 4, 8), (3, 1, 1)]
ORDERS = np.array([[2, 1, 0, 0, 0], [1, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0, 1, 0, 0, 0]])
BOUGHT = (ORDERS > 0).astype(float)
NEW_STRENGTH = 1_000.0
# two customers bought apples and bread, one bread alone
PAIRED = [(0, APPLE, 1), (0, BREAD, 1), (1, APPLE, 1), (1, BREAD, 1), (2, BREAD, 1)]
ANN = profiles([(0, APPLE, 3), (0, APPLE, 7), (0, BREAD, 7), (0, APPLE, 8)], customers=2)


def closed_form(bought: np.ndarray, strength: float) -> np.ndarray:
    inverse = np.linalg.inv(bought.T @ bought + strength * np.eye(5))
    weights: np.ndarray = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


def ridge(bought: np.ndarray, strength: float) -> np.ndarray:
    solved: np.ndarray = np.linalg.solve(bought.T @ bought + strength * np.eye(5), bought.T @ bought)
    return solved


def expected(own: np.ndarray, weights: np.ndarray) -> np.ndarray:
    found = own @ weights
    return np.where(found > 1e-12, found, NOT_SCORED)


def test_the_next_basket_is_scored_by_shares_of_the_orders_and_items_speak_for_themselves() -> None:
    found = fitted_scorer(EASE(), LINES, customers=4).score(Asked(ANN, "any"))
    # of three orders all hold apples, one bread
    own = np.array([1, 1 / 3, 0, 0, 0])
    np.testing.assert_allclose(found[0], expected(own, ridge(ORDERS, REPEAT_STRENGTH)), rtol=1e-4)
    assert found[0, APPLE] > found[0, BREAD] > found[0, EGGS] > 0
    assert found.dtype == np.float64


def test_new_products_are_scored_by_what_was_ever_bought_and_not_by_themselves() -> None:
    found = fitted_scorer(EASE(), LINES, customers=4).score(Asked(ANN, "new"))
    own = np.array([1.0, 1, 0, 0, 0])
    np.testing.assert_allclose(found[0], expected(own, closed_form(BOUGHT, NEW_STRENGTH)), rtol=1e-4)
    assert found.dtype == np.float64


def test_more_items_may_be_repeated_than_are_related(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affinity, "MAX_ITEMS", 2)
    monkeypatch.setattr(ease, "REPEAT_ITEMS", 3)
    fitted = fitted_scorer(EASE(), [*LINES, (3, COAL, 4)], customers=4)
    assert fitted.orders.items.tolist() == [APPLE, BREAD, EGGS]
    assert fitted.bought.items.tolist() == [APPLE, BREAD]


def test_the_basket_counts_as_what_is_always_bought() -> None:
    fitted = fitted_scorer(EASE(), LINES, customers=4)
    # customer 0 holds eggs, customer 1, who never bought anything, apples and bread
    found = fitted.score(Asked(ANN, "basket", baskets=(np.array([EGGS]), np.array([APPLE, BREAD]))))
    np.testing.assert_allclose(
        found[0], expected(np.array([1, 1 / 3, 0, 0, 1]), ridge(ORDERS, REPEAT_STRENGTH)), rtol=1e-4
    )
    np.testing.assert_allclose(
        found[1], expected(np.array([1.0, 1, 0, 0, 0]), ridge(ORDERS, REPEAT_STRENGTH)), rtol=1e-4
    )
    # as somebody with one order of just that, who has no basket
    always = profiles([(0, APPLE, 5), (0, BREAD, 5)], customers=1)
    np.testing.assert_array_equal(found[1], fitted.score(Asked(always, "any"))[0])


def test_a_basket_of_one_item_is_completed_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    # two customers bought apples and bread, one bread alone: the gram is [[2, 2], [2, 3]], with 1 on the diagonal its
    # inverse [[4, -2], [-2, 3]] over 8; the weights are what that, times the penalty of 1, leaves of the identity
    monkeypatch.setattr(ease, "REPEAT_STRENGTH", 1.0)
    fitted = fitted_scorer(EASE(), PAIRED, customers=3)
    baskets = (np.array([APPLE]), np.array([BREAD]), np.array([COAL]), np.array([], np.int64))
    found = fitted.score(Asked(profiles([], customers=4), "basket", baskets=baskets))
    np.testing.assert_allclose(found[0, :2], [4 / 8, 2 / 8], rtol=1e-6)
    np.testing.assert_allclose(found[1, :2], [2 / 8, 5 / 8], rtol=1e-6)
    # nobody bought coal, and nothing lies in the last basket
    for row, others in ((0, [COAL, EGGS]), (1, [COAL, EGGS]), (2, range(5)), (3, range(5))):
        assert (found[row, list(others)] == NOT_SCORED).all()


def test_what_was_bought_before_and_lies_in_the_basket_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # weights as in the test above: from apples 4 / 8 and 2 / 8, from bread 2 / 8 and 5 / 8; none from or to coal
    monkeypatch.setattr(ease, "REPEAT_STRENGTH", 1.0)
    fitted = fitted_scorer(EASE(), PAIRED, customers=3)
    # apples are in one of two orders; in both; in one, and bread in the other
    own = [(0, APPLE, 3), (0, COAL, 5), (1, APPLE, 3), (1, APPLE, 5), (2, APPLE, 3), (2, BREAD, 5)]
    known = profiles(own, customers=3)
    found = fitted.score(Asked(known, "basket", baskets=(np.array([APPLE]),) * 3))
    # the greater of the share of the orders and of 1, not their sum
    np.testing.assert_allclose(found[:, :2], [[4 / 8, 2 / 8], [4 / 8, 2 / 8], [5 / 8, 4.5 / 8]], rtol=1e-6)
    # without a basket the shares count
    plain = fitted.score(Asked(known, "any"))
    np.testing.assert_allclose(plain[:, :2], [[2 / 8, 1 / 8], [4 / 8, 2 / 8], [3 / 8, 3.5 / 8]], rtol=1e-6)


def test_an_empty_basket_changes_nothing() -> None:
    fitted = fitted_scorer(EASE(), LINES, customers=4)
    empty = (np.array([], np.int64),) * 2
    np.testing.assert_array_equal(fitted.score(Asked(ANN, "basket", baskets=empty)), fitted.score(Asked(ANN, "any")))


def test_nothing_is_scored_when_nothing_was_bought() -> None:
    fitted = fitted_scorer(EASE(), LINES, customers=4)
    for mode in ("any", "new"):
        assert fitted.score(Asked(ANN, mode))[1].tolist() == [NOT_SCORED] * 5
