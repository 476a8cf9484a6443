import numpy as np
import pyarrow as pa
import pytest

from models import columns as col
from models.lookalike.tastes import fit_tastes, log_counts, usable_level
from models.products import positions_of
from models.purchases import Histories, purchases_of

PRODUCTS = pa.table(
    {
        col.PRODUCT_ID: ["bread", "bun", "soap", "odd"],
        col.CATEGORY: ["bakery", "bakery", "care", None],
        col.SUBCATEGORY: pa.array([None] * 4, pa.string()),
    }
)
AS_OF = np.datetime64("1970-01-11", "D")


def histories() -> Histories:
    """Customer 0: bread twice, a bun, and soap on the day itself; customer 1: nothing; customer 2: soap and odd."""
    purchases = purchases_of([0, 0, 0, 0, 2, 2], [0, 0, 1, 2, 2, 3], [1, 2, 3, 10, 4, 5], count=3)
    return Histories(PRODUCTS, purchases, np.array([0, 1, 2, -1]), np.full(4, AS_OF))


def shoppers(count: int = 60) -> Histories:
    """Half of them buy bread, half of them soap."""
    customers = np.repeat(np.arange(count), 3)
    items = np.where(customers % 2 == 0, 0, 2)
    days = np.tile([1, 2, 3], count)
    purchases = purchases_of(customers.tolist(), items.tolist(), days.tolist(), count=count)
    return Histories(PRODUCTS, purchases, np.arange(count), np.full(count, AS_OF))


def test_purchases_are_counted_by_category_when_they_lie_before_as_of() -> None:
    counts = log_counts(histories(), positions_of(PRODUCTS, col.CATEGORY, ["bakery", "care"]), 2).toarray()
    expected = np.log1p([[3, 0], [0, 0], [0, 1], [0, 0]])
    np.testing.assert_allclose(counts, expected)


def test_a_purchase_on_the_day_itself_is_not_seen() -> None:
    rows, items, _ = histories().bought()
    assert list(zip(rows.tolist(), items.tolist(), strict=True)) == [(0, 0), (0, 0), (0, 1), (2, 2), (2, 3)]


def test_opposite_tastes_lie_apart_when_all_buy_one_thing() -> None:
    tastes = fit_tastes(shoppers(), col.CATEGORY, dimensions=8, seed=1)
    found = tastes.of(shoppers(), 60)
    assert found.shape == (60, 1)
    assert abs(found[0, 0] - found[1, 0]) > 0.9
    np.testing.assert_array_equal(found[0::2], np.tile(found[0], (30, 1)))


def test_one_customer_is_embedded_as_among_many_bit_for_bit() -> None:
    many = shoppers()
    tastes = fit_tastes(many, col.CATEGORY, dimensions=8, seed=1)
    singles = [tastes.of(many.take(np.array([row])), 1) for row in range(60)]
    np.testing.assert_array_equal(np.vstack(singles), tastes.of(many, 60))


def test_somebody_who_bought_nothing_is_at_zero() -> None:
    tastes = fit_tastes(shoppers(), col.CATEGORY, dimensions=8, seed=1)
    assert tastes.of(histories(), 4)[1].tolist() == [0.0]
    assert tastes.of(None, 2).tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize(("wanted", "found"), [(col.CATEGORY, col.CATEGORY), (col.SUBCATEGORY, col.CATEGORY)])
def test_an_empty_level_is_replaced_by_one_that_holds_something(wanted: str, found: str) -> None:
    assert usable_level(PRODUCTS, wanted) == found


def test_products_stand_for_themselves_when_nothing_is_known_of_them() -> None:
    assert usable_level(PRODUCTS.select([col.PRODUCT_ID]), col.CATEGORY) == col.PRODUCT_ID


def test_there_are_no_tastes_when_there_are_no_products() -> None:
    assert fit_tastes(None, col.CATEGORY, dimensions=8, seed=1).of(None, 3).shape == (3, 0)
