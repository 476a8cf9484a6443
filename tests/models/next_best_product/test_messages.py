from typing import Any

import pytest
from pydantic import ValidationError

from models.next_best_product.messages import NextBestProductRequest


def request(**asked: Any) -> NextBestProductRequest:
    return NextBestProductRequest.model_validate({"customers": ["ann"], **asked})


def refused(match: str, **asked: Any) -> None:
    with pytest.raises(ValidationError, match=match) as caught:
        request(**asked)
    assert caught.value.error_count() == 1


def test_the_defaults_are_ten_products_of_any_kind() -> None:
    found = request()
    assert (found.k, found.mode, found.level, found.basket) == (10, "any", None, None)
    assert (found.filters.categories, found.filters.brands, found.filters.exclude) == (None, None, [])
    assert found.filters.in_stock is None


@pytest.mark.parametrize(
    ("k", "match"), [(0, "greater than or equal to 1"), (101, "less than or equal to 100"), (100_000, "100")]
)
def test_k_is_1_to_100(k: int, match: str) -> None:
    refused(match, k=k)
    assert (request(k=1).k, request(k=100).k) == (1, 100)


@pytest.mark.parametrize("k", ["5", 5.0, True, None])
def test_k_is_a_whole_number(k: object) -> None:
    refused("k\n  Input should be a valid integer", k=k)


@pytest.mark.parametrize("mode", ["any", "new", "repeat"])
@pytest.mark.parametrize("basket", [["milk"], []])
def test_a_basket_is_for_the_mode_basket_alone(mode: str, basket: list[str]) -> None:
    refused(f"a basket is for the mode 'basket', not for '{mode}'; leave it out, or change the mode", mode=mode,
            basket=basket)  # fmt: skip


@pytest.mark.parametrize("basket", [None, []])
def test_the_mode_basket_needs_a_basket(basket: list[str] | None) -> None:
    refused("mode 'basket' needs a basket: 1 to 500 product ids", mode="basket", basket=basket)


def test_a_basket_has_at_most_500_products() -> None:
    assert request(mode="basket", basket=["milk"] * 500).basket == ["milk"] * 500
    refused("at most 500 items", mode="basket", basket=["milk"] * 501)


def test_customers_times_k_are_at_most_100_000() -> None:
    assert request(customers=["ann"] * 1_000, k=100).k == 100
    refused(r"1,001 customers x 100 products; at most 100,000 a call: ask for fewer customers or a smaller k",
            customers=["ann"] * 1_001, k=100)  # fmt: skip
    assert len(request(customers=["ann"] * 10_000).customers) == 10_000


@pytest.mark.parametrize("customers", [[], ["ann"] * 10_001])
def test_customers_are_1_to_10_000(customers: list[str]) -> None:
    refused("customers", customers=customers, k=1)


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ({"top": 3}, "top\n  Extra inputs are not permitted"),
        ({"filters": {"colour": ["red"]}}, "filters.colour\n  Extra inputs are not permitted"),
        ({"reasons": 3}, "reasons\n  Extra inputs are not permitted"),
        ({"mode": "cheap"}, "'any', 'new', 'repeat' or 'basket'"),
        ({"level": "brand"}, "'product' or 'category'"),
        ({"filters": {"categories": []}}, "filters.categories\n  List should have at least 1 item"),
        ({"filters": {"brands": []}}, "filters.brands\n  List should have at least 1 item"),
        ({"filters": {"exclude": None}}, "filters.exclude\n  Input should be a valid list"),
        ({"mode": "basket", "basket": [""]}, "basket.0\n  String should have at least 1 character"),
    ],
)
def test_what_is_not_known_is_refused(asked: dict[str, Any], match: str) -> None:
    refused(match, **asked)


def test_nothing_in_stock_is_something_to_say() -> None:
    assert request(filters={"in_stock": []}).filters.in_stock == []
