import numpy as np
import pyarrow as pa
import pytest

from models import columns as col
from models.next_best_product.vocabulary import Vocabulary, grouping_of, kept, vocabulary_of
from models.products import GROUPINGS, bears
from tests.models.next_best_product.corner_shop import IDS, products


def test_items_are_the_names_of_a_column_rising_and_nulls_are_none() -> None:
    found = vocabulary_of(products(), col.SUBCATEGORY, ())
    assert (found.names, len(found)) == (("bakery", "fruit", "fuel"), 3)
    # apple is fruit, bread and eggs are bakery, coal has no category
    assert found.codes(products()).tolist() == [1, 0, -1, 2, 0]


def test_a_product_is_no_item_when_a_grouping_column_bears_an_excluded_name() -> None:
    by_subcategory = Vocabulary(col.PRODUCT_ID, IDS, ("fuel",)).codes(products())
    by_department = Vocabulary(col.PRODUCT_ID, IDS, ("food", "fuel")).codes(products())
    assert by_subcategory.tolist() == [0, 1, 2, -1, 4]
    assert by_department.tolist() == [-1, -1, 2, -1, -1]


def test_a_product_is_not_excluded_by_its_brand_or_where_there_are_no_groups() -> None:
    assert not bears(products(), GROUPINGS, ("ours", "Apple")).any()
    assert not bears(products().select([col.PRODUCT_ID]), GROUPINGS, ("fuel",)).any()
    assert bears(products(), GROUPINGS, ("car",)).tolist() == [False, False, False, True, False]


def test_products_that_are_not_in_the_vocabulary_are_no_items() -> None:
    assert Vocabulary(col.PRODUCT_ID, ("bread", "milk")).codes(products()).tolist() == [-1, 0, -1, -1, -1]


def test_there_are_no_items_when_there_is_no_such_column() -> None:
    assert vocabulary_of(products().select([col.PRODUCT_ID]), col.CATEGORY, ()).names == ()


def test_a_part_of_a_vocabulary_keeps_what_is_excluded() -> None:
    found = kept(Vocabulary(col.PRODUCT_ID, IDS, ("fuel",)), np.array([True, False, False, True, True]))
    assert found == Vocabulary(col.PRODUCT_ID, ("apple", "diesel", "eggs"), ("fuel",))


@pytest.mark.parametrize(
    ("wanted", "empty", "found"),
    [
        ("subcategory", (), "subcategory"),
        ("department", (), "department"),
        ("subcategory", ("subcategory",), "category"),
        ("subcategory", ("subcategory", "category"), "department"),
        ("department", ("department",), "subcategory"),
        ("category", ("subcategory", "category", "department"), "category"),
    ],
)
def test_the_finest_grouping_that_is_not_empty_stands_for_an_empty_one(
    wanted: str, empty: tuple[str, ...], found: str
) -> None:
    table = products()
    for name in empty:
        table = table.set_column(table.column_names.index(name), name, pa.array([None] * len(IDS), pa.string()))
    assert grouping_of(table, wanted) == found
    # a column that is not there is as good as empty
    assert grouping_of(products().drop_columns(list(empty)), wanted) == found
