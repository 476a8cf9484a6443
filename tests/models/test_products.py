import pyarrow as pa
import pytest

from models import columns as col
from models.products import bears, close_names, filled, known_names, listed, positions_of

PRODUCTS = pa.table(
    {
        col.PRODUCT_ID: ["apple", "coal", "eggs"],
        col.CATEGORY: pa.array(["fruit", None, "dairy"], pa.string()),
        col.SUBCATEGORY: pa.nulls(3, pa.string()),
    }
)


def test_columns_that_hold_nothing_or_are_not_there_are_left_out() -> None:
    assert filled(PRODUCTS, (col.SUBCATEGORY, col.PRODUCT_ID, col.DEPARTMENT, col.CATEGORY)) == [
        col.PRODUCT_ID,
        col.CATEGORY,
    ]


def test_names_rise_and_products_have_their_positions() -> None:
    assert known_names(PRODUCTS, col.CATEGORY) == ["dairy", "fruit"]
    assert known_names(PRODUCTS, col.BRAND) == []
    assert positions_of(PRODUCTS, col.CATEGORY, ["dairy", "fruit"]).tolist() == [1, -1, 0]
    assert positions_of(PRODUCTS, col.BRAND, ["ours"]).tolist() == [-1, -1, -1]


def test_products_bear_a_name_in_any_of_the_columns() -> None:
    assert bears(PRODUCTS, (col.DEPARTMENT, col.CATEGORY, col.PRODUCT_ID), ["dairy", "coal"]).tolist() == [
        False,
        True,
        True,
    ]
    assert not bears(PRODUCTS, (col.CATEGORY,), []).any()


def test_lists_of_ids_are_looked_up_and_strangers_left_out() -> None:
    owners, rows = listed(PRODUCTS, [["eggs", "apple"], None, [], ["nobody", "coal"]])
    assert (owners.tolist(), rows.tolist()) == ([0, 0, 3], [2, 0, 1])
    assert [part.tolist() for part in listed(PRODUCTS, [None])] == [[], []]


@pytest.mark.parametrize(("wanted", "found"), [("FRUTI", ["fruit"]), ("dairy", ["dairy"]), ("xyz", [])])
def test_names_are_close_whatever_their_case(wanted: str, found: list[str]) -> None:
    assert close_names(wanted, ["fruit", "dairy"], cutoff=0.6) == found
