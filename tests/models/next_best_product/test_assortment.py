from typing import Any

import numpy as np
import pytest

from models import columns as col
from models.errors import InvalidRequestError
from models.next_best_product import assortment as module
from models.next_best_product.assortment import Assortment
from models.next_best_product.messages import Filters
from models.next_best_product.vocabulary import Vocabulary
from models.products import GROUPINGS
from tests.models.next_best_product.corner_shop import IDS, products

# diesel is no item
SHELF = Assortment(products(), Vocabulary(col.PRODUCT_ID, ("apple", "bread", "coal", "eggs"), ("fuel",)))
GROUPED = Assortment(products(), Vocabulary(col.SUBCATEGORY, ("bakery", "fruit")))


def left(assortment: Assortment = SHELF, **filters: Any) -> list[str] | None:
    found = assortment.allowed(Filters(**filters))
    return None if found is None else np.array(assortment.vocabulary.names)[found].tolist()


def test_everything_is_left_when_there_is_no_filter() -> None:
    assert left() is None


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"categories": ["food"]}, ["apple", "bread", "eggs"]),
        ({"categories": ["bakery"]}, ["bread", "eggs"]),
        ({"categories": ["fruit", "home"]}, ["apple", "coal"]),
        ({"categories": ["fuel"]}, []),
        ({"brands": ["theirs"]}, ["coal"]),
        ({"brands": ["ours"], "categories": ["fruit", "home"]}, ["apple"]),
        ({"in_stock": ["eggs", "bread", "milk"]}, ["bread", "eggs"]),
        ({"in_stock": []}, []),
        ({"exclude": ["eggs", "milk"]}, ["apple", "bread", "coal"]),
        ({"exclude": ["milk"]}, ["apple", "bread", "coal", "eggs"]),
        ({"in_stock": ["bread", "milk"]}, ["bread"]),
        ({"exclude": ["eggs"], "in_stock": ["eggs"]}, []),
    ],
)
def test_a_filter_leaves_what_it_says(filters: dict[str, Any], expected: list[str]) -> None:
    assert left(**filters) == expected


def test_a_category_stays_while_one_of_its_products_may_be_recommended() -> None:
    assert left(GROUPED, exclude=["bread"]) == ["bakery", "fruit"]
    assert left(GROUPED, exclude=["bread", "eggs"]) == ["fruit"]
    assert left(GROUPED, in_stock=["eggs"]) == ["bakery"]
    assert left(GROUPED, brands=["theirs"]) == []


def refused(match: str, field: str, **filters: Any) -> None:
    with pytest.raises(InvalidRequestError, match=match) as caught:
        SHELF.allowed(Filters(**filters))
    assert caught.value.field == field
    assert "\n" not in caught.value.message


def test_a_misspelt_category_or_brand_is_answered_with_close_ones() -> None:
    refused(
        r"filters\.categories: no product has 'Bakry'; did you mean 'bakery'\?", "filters.categories.1",
        categories=["food", "Bakry"],
    )  # fmt: skip
    refused(r"filters\.brands: no product has 'OURS'; did you mean 'ours'\?", "filters.brands.0", brands=["OURS"])


def test_a_category_or_brand_that_is_like_none_is_to_be_left_out() -> None:
    refused(r"filters\.categories: no product has 'xyzzy'; leave it out", "filters.categories.0", categories=["xyzzy"])
    # a name of the other kind is none
    refused(r"filters\.brands: no product has 'bakery'; leave it out", "filters.brands.0", brands=["bakery"])


def test_no_category_is_known_when_there_are_none() -> None:
    bare = Assortment(products().drop_columns(list(GROUPINGS)), SHELF.vocabulary)
    with pytest.raises(InvalidRequestError, match="no product has 'food'; leave it out"):
        bare.allowed(Filters(categories=["food"]))


@pytest.mark.parametrize("few", [1_000, 0])
def test_ids_are_found_one_by_one_as_by_an_index(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(module, "FEW", few)
    asked = ["eggs", "milk", "apple", "", "diesel", "eggs", "zebra", "Apple"]
    assert SHELF.rows(asked).tolist() == [4, -1, 0, -1, 3, 4, -1, -1]
    # diesel is known, and no item
    assert SHELF.items(asked).tolist() == [3, -1, 0, -1, -1, 3, -1, -1]
    assert SHELF.rows([]).tolist() == []


def test_nothing_is_known_when_there_are_no_products() -> None:
    empty = Assortment(products().slice(0, 0), SHELF.vocabulary)
    assert empty.items(["eggs"]).tolist() == [-1]
    assert empty.name_of(0) == {"product_id": "apple", "category": None, "name": None}


def test_a_product_is_named_with_its_finest_category() -> None:
    assert SHELF.name_of(1) == {"product_id": "bread", "category": "bakery", "name": "Bread"}
    # only the department of coal is known
    assert SHELF.name_of(2) == {"product_id": "coal", "category": "home", "name": "Coal"}


def test_a_category_is_its_own_name() -> None:
    assert GROUPED.name_of(0) == {"product_id": None, "category": "bakery", "name": "bakery"}


def test_a_product_that_the_store_does_not_have_has_no_name() -> None:
    shelf = Assortment(products().slice(1), Vocabulary(col.PRODUCT_ID, IDS))
    assert shelf.name_of(0) == {"product_id": "apple", "category": None, "name": None}
    assert shelf.name_of(4)["name"] == "Eggs"
