import numpy as np
import pytest
from scipy import sparse

from models.next_best_product import affinity
from models.next_best_product.affinity import affinity_of
from tests.models.next_best_product.corner_shop import APPLE, BREAD, COAL, EGGS, profiles

LINES = [
    (0, APPLE, 1), (0, BREAD, 1), (0, APPLE, 4), (1, APPLE, 2), (1, BREAD, 3), (2, BREAD, 2), (2, EGGS, 2),
    (3, COAL, 9), (3, EGGS, 9), (4, APPLE, 1), (4, EGGS, 5),
]  # fmt: skip


def closed_form(bought: np.ndarray, strength: float) -> np.ndarray:
    """Steck's formula with numpy's own inverse."""
    inverse = np.linalg.inv(bought.T @ bought + strength * np.eye(bought.shape[1]))
    weights: np.ndarray = np.eye(len(inverse)) - inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


@pytest.mark.parametrize("strength", [0.3, 1.0, 1_000.0])
def test_the_weights_are_those_of_the_closed_form(strength: float) -> None:
    known = profiles(LINES, customers=5)
    bought = np.zeros((5, 5))
    bought[known.row, known.item] = known.orders
    found = affinity_of(known, known.orders, strength=strength)
    np.testing.assert_allclose(found.weights, closed_form(bought, strength), rtol=1e-5, atol=1e-9)
    assert np.diag(found.weights).tolist() == [0] * 5
    assert found.items.tolist() == [0, 1, 2, 3, 4]


def test_an_item_speaks_for_itself_where_it_may_by_hand() -> None:
    # two customers buy both, one the first alone: the gram is [[3, 2], [2, 2]], with 1 on the diagonal its inverse is
    # [[3, -2], [-2, 4]] over 8; the weights are what that leaves of the identity
    lines = [(0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 1), (2, 0, 1)]
    found = affinity_of(profiles(lines, customers=3, items=2), np.ones(5), strength=1.0, repeats=True)
    np.testing.assert_allclose(found.weights, [[5 / 8, 2 / 8], [2 / 8, 4 / 8]], rtol=1e-6)


def test_so_many_items_take_part_as_are_asked_for() -> None:
    known = profiles(LINES, customers=5)
    found = affinity_of(known, known.orders, most=3)
    assert found.items.tolist() == [APPLE, BREAD, EGGS]
    assert found.weights.shape == (3, 3)


def test_two_items_that_go_together_by_hand() -> None:
    # two customers buy both: the gram is 2 + 1 on the diagonal and 2 beside it, so the weight is 2 / 3
    lines = [(row, item, 1) for row in range(2) for item in range(2)]
    found = affinity_of(profiles(lines, customers=2, items=2), np.ones(4), strength=1.0)
    np.testing.assert_allclose(found.weights, [[0, 2 / 3], [2 / 3, 0]], rtol=1e-6)


def test_a_score_is_the_sum_of_the_weights_of_what_was_bought() -> None:
    known = profiles(LINES, customers=5)
    found = affinity_of(known, known.orders, strength=1.0)
    scores = found.scores(known.matrix(known.orders))
    # customer 0 has apples twice and bread once
    np.testing.assert_allclose(scores[0], 2 * found.weights[APPLE] + found.weights[BREAD], rtol=1e-6)
    assert scores.shape == (5, 5)


def test_whatever_counts_is_scored_and_not_only_what_was_bought() -> None:
    known = profiles(LINES, customers=5)
    found = affinity_of(known, known.orders, strength=1.0)
    # bread counts half and coal thrice for the first, nothing for the second
    counts = sparse.csr_array((np.array([0.5, 3.0]), np.array([BREAD, COAL]), np.array([0, 2, 2])), shape=(2, 5))
    scores = found.scores(counts)
    np.testing.assert_allclose(scores[0], 0.5 * found.weights[BREAD] + 3 * found.weights[COAL], rtol=1e-6)
    assert scores[1].tolist() == [0] * 5
    assert scores.dtype == np.float32


def test_only_the_items_with_the_most_buyers_take_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affinity, "MAX_ITEMS", 2)
    known = profiles(LINES, customers=5)
    found = affinity_of(known, np.ones(len(known.item)), strength=1.0)
    # three buyers each of apples, bread and eggs: the first two
    assert found.items.tolist() == [APPLE, BREAD]
    scores = found.scores(known.matrix(np.ones(len(known.item))))
    assert not scores[:, [COAL, EGGS]].any()
    # what takes no part counts for nothing: customer 3 bought coal and eggs, customer 4 apples and eggs
    assert not scores[3].any()
    assert scores[4].tolist() == [0, found.weights[0, 1], 0, 0, 0]
    bought = np.array([[1, 1], [1, 1], [0, 1], [0, 0], [1, 0]])
    np.testing.assert_allclose(found.weights, closed_form(bought, 1.0), rtol=1e-5)


def test_nothing_goes_with_anything_when_nobody_bought_anything() -> None:
    assert not affinity_of(profiles([], customers=2), np.empty(0)).weights.any()
