import numpy as np
import pytest

from models.lookalike.space import fit_space, load_space, rank_by
from models.prediction import Customers
from tests.synthetic import AS_OF, examples


def test_the_idle_are_ranked_by_all_they_ever_spent_and_come_after_whoever_spent() -> None:
    recent = np.array([5.0, 0.0, 0.0, 0.0, -3.0, np.nan, 0.01], np.float32)
    ever = np.array([5.0, 9.0, 100.0, np.nan, 50.0, np.nan, 1.0], np.float32)
    found = rank_by(recent, ever)
    assert np.argsort(-found).tolist() == [0, 6, 2, 1, 3, 4, 5]
    assert found[[0, 1, 3, 4, 5]].tolist() == [5.0, -0.1, -1.0, -4.0, -np.inf]


@pytest.fixture(scope="module")
def customers() -> Customers:
    return examples(300, cutoffs=(AS_OF,)).customers


def test_one_customer_lies_where_he_lies_among_many_bit_for_bit(customers: Customers) -> None:
    space = fit_space(customers, "category", dimensions=4, seed=1)
    many = space.points(customers)
    for row in range(0, 300, 37):
        one = space.points(customers.take(np.array([row])))
        for found, expected in ((one.vectors, many.vectors), (one.spend, many.spend), (one.likes, many.likes)):
            np.testing.assert_array_equal(found[0], expected[row])


def test_a_loaded_space_gives_the_same_points(customers: Customers) -> None:
    space = fit_space(customers, "category", dimensions=4, seed=1)
    again = load_space(space.parts()).points(customers)
    np.testing.assert_array_equal(again.vectors, space.points(customers).vectors)
    np.testing.assert_array_equal(again.likes, space.points(customers).likes)


def test_a_standardised_figure_is_told_as_it_was(customers: Customers) -> None:
    space = fit_space(customers, "category", dimensions=4, seed=1)
    at = customers.names.index("gap_median_days")
    points = space.points(customers)
    known = ~np.isnan(customers.features[:, at])
    told = [space.figure(at, value) for value in points.vectors[known, at].tolist()]
    np.testing.assert_allclose(told, customers.features[known, at], rtol=1e-6)
