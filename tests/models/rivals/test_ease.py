import numpy as np

from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.statistics import statistics_of
from models.rivals.ease import EASE, REPEAT_STRENGTH
from tests.models.next_best_product.corner_shop import APPLE, BREAD, NO_RULES, events, fitted_scorer, profiles

# customer 0: apples in both orders, bread in one; customer 1: apples and eggs; customer 2: eggs; customer 3: bread
LINES = [(0, 0, 2), (0, 0, 9), (0, 1, 9), (1, 0, 3), (1, 4, 3), (2, 4, 8), (3, 1, 1)]
SHARES = np.array([[1, 0.5, 0, 0, 0], [1, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0, 1, 0, 0, 0]])
BOUGHT = (SHARES > 0).astype(float)
NEW_STRENGTH = 1_000.0
ANN = profiles([(0, APPLE, 3), (0, APPLE, 7), (0, BREAD, 7), (0, APPLE, 8)], customers=2)


def closed_form(bought: np.ndarray, strength: float) -> np.ndarray:
    inverse = np.linalg.inv(bought.T @ bought + strength * np.eye(5))
    weights: np.ndarray = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


def expected(own: np.ndarray, bought: np.ndarray, strength: float) -> np.ndarray:
    found = own @ closed_form(bought, strength)
    return np.where(found > 1e-12, found, NOT_SCORED)


def test_the_next_basket_is_scored_by_shares_of_the_orders() -> None:
    found = fitted_scorer(EASE(), LINES, customers=4).score(Asked(ANN, "any"))
    # of three orders all hold apples, one bread
    np.testing.assert_allclose(found[0], expected(np.array([1, 1 / 3, 0, 0, 0]), SHARES, REPEAT_STRENGTH), rtol=1e-5)


def test_new_products_are_scored_by_what_was_ever_bought() -> None:
    found = fitted_scorer(EASE(), LINES, customers=4).score(Asked(ANN, "new"))
    np.testing.assert_allclose(found[0], expected(np.array([1.0, 1, 0, 0, 0]), BOUGHT, NEW_STRENGTH), rtol=1e-4)


def test_nothing_is_scored_when_nothing_was_bought() -> None:
    fitted = fitted_scorer(EASE(), LINES, customers=4)
    for mode in ("any", "new"):
        assert fitted.score(Asked(ANN, mode))[1].tolist() == [NOT_SCORED] * 5


def test_a_saved_method_scores_the_same() -> None:
    fitted = fitted_scorer(EASE(), LINES, customers=4)
    loaded = EASE().load(fitted.parts(), statistics_of(events(LINES, customers=4)), NO_RULES)
    for mode in ("any", "new", "repeat"):
        asked = Asked(profiles(LINES, customers=4), mode)
        np.testing.assert_array_equal(loaded.score(asked), fitted.score(asked))
    assert (loaded.parts(), loaded.choices) == (fitted.parts(), {})
