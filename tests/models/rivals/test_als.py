import numpy as np
import pytest

from models.next_best_product.asking import NOT_SCORED, Asked
from models.rivals import als
from models.rivals.als import ALS, ItemFactors, factorised
from tests.models.next_best_product.corner_shop import (
    APPLE,
    BREAD,
    COAL,
    DIESEL,
    EGGS,
    fitted_scorer,
    profiles,
)

# twenty customers buy apples and bread, twenty coal and eggs; nobody buys diesel
PAIRS = ((APPLE, BREAD), (COAL, EGGS))
LINES = [(row, item, 1 + row % 9) for row in range(40) for item in PAIRS[row % 2]]


@pytest.fixture(autouse=True)
def weakly_drawn_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few customers need a weaker penalty, and so few items fewer factors."""
    monkeypatch.setattr(als, "STRENGTH", 0.1)
    monkeypatch.setattr(als, "FACTORS", 2)


def scores(*lines: tuple[int, int, int], mode: str = "any", basket: tuple[int, ...] | None = None) -> list[float]:
    fitted = fitted_scorer(ALS(), LINES, customers=40)
    baskets = () if basket is None else (np.array(basket, np.int64),)
    found: list[float] = fitted.score(Asked(profiles(list(lines), customers=1), mode, baskets=baskets))[0].tolist()  # type: ignore[arg-type]
    return found


def test_a_customer_with_one_factor_is_worked_out_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(als, "CONFIDENCE", 3.0)
    # items at 1 and 2: their squares and the penalty are 5.1; two orders with the first have a certainty of 1 + 6
    factors = ItemFactors(np.array([[1.0], [2.0]], np.float32))
    assert factors.point(np.array([0]), np.array([2.0])).tolist() == pytest.approx([7 / (5.1 + 6)])


def test_what_the_same_people_buy_is_preferred() -> None:
    found = scores((0, APPLE, 3))
    assert found[APPLE] > 0.5
    assert found[BREAD] > 0.5
    assert max(found[COAL], found[EGGS]) < 0.1
    assert found[DIESEL] == NOT_SCORED


def test_the_factors_are_where_no_sweep_moves_them_much() -> None:
    known = profiles(LINES, customers=40)
    bought = known.matrix(known.orders)
    items = factorised(known, seed=1)
    again = als._solved(bought.T.tocsr(), als._solved(bought, items))
    customers = als._solved(bought, items)
    np.testing.assert_allclose(customers @ items.T, als._solved(bought, again) @ again.T, atol=0.01)
    # the customer of a fit is the customer of a call
    one = ItemFactors(items.astype(np.float32)).point(np.array([APPLE, BREAD]), np.ones(2))
    np.testing.assert_allclose(one, customers[0], atol=1e-5)


def test_a_basket_counts_as_one_more_order() -> None:
    assert scores(mode="basket", basket=(APPLE,)) == scores((0, APPLE, 3))
    assert scores((0, EGGS, 3), mode="basket", basket=(EGGS,)) == scores((0, EGGS, 3), (0, EGGS, 4))


def test_nothing_is_scored_when_nothing_is_known() -> None:
    assert scores() == [NOT_SCORED] * 5


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    known = profiles(LINES, customers=40)
    np.testing.assert_array_equal(factorised(known, seed=1), factorised(known, seed=1))
    assert not np.array_equal(factorised(known, seed=1), factorised(known, seed=2))
