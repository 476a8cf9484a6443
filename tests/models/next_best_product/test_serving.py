"""The shoppers are in ``corner_shop.SHOPPERS``; item-kNN sees that apples and eggs go together."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from models.errors import InvalidRequestError
from models.next_best_product.messages import NextBestProductAnswer, Recommendation
from models.prediction import Served
from models.rivals.item_knn import ItemKNN
from models.rivals.personal_frequency import PersonalFrequency
from tests.models.next_best_product.corner_shop import AS_OF, SHOPPERS, ask, inline, served_shop


@pytest.fixture(scope="module")
def frequent(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Ranks by the customer's own orders."""
    return served_shop(tmp_path_factory.mktemp("store"), PersonalFrequency())


@pytest.fixture(scope="module")
def near(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """Ranks by items that the same people buy."""
    return served_shop(tmp_path_factory.mktemp("store"), ItemKNN())


def one(served: Served, customer: Any, **more: Any) -> NextBestProductAnswer:
    (answer,) = ask(served, customer, **more).answers
    return answer


def ids(answer: NextBestProductAnswer) -> list[str | None]:
    return [each.product_id for each in answer.products]


def alike(answer: NextBestProductAnswer) -> dict[str, Any]:
    return {**answer.model_dump(), "customer_id": None}


def test_an_answer_tells_who_answered_and_for_whom(frequent: Served) -> None:
    found = ask(frequent, "eve3", "ann", "eve3")
    assert (found.release, found.as_of, found.model.name) == ("r000001", AS_OF, "next-best-product")
    assert [each.customer_id for each in found.answers] == ["eve3", "ann", "eve3"]
    assert found.answers[0] == found.answers[2]
    assert found.unknown_products == []


def test_products_have_names_categories_scores_and_reasons(frequent: Served) -> None:
    found = one(frequent, "ann", k=3)
    assert (found.status, found.explanation, found.as_of) == ("ok", None, AS_OF)
    apple, bread, eggs = found.products
    assert (apple.product_id, apple.category, apple.name, apple.score) == ("apple", "fruit", "Apple", 2)
    assert (apple.reason.kind, apple.reason.count, apple.reason.last_days) == ("past_purchase", 2, 3)
    assert apple.reason.text == "bought on 2 days, last 3 days ago"
    assert bread.reason.text == "bought on 1 day, last 3 days ago"
    assert not apple.fallback
    assert (eggs.product_id, eggs.fallback, eggs.reason.kind) == ("eggs", True, "popularity")
    # six of the eight who ever bought a product that is recommended; the method says nothing of it
    assert eggs.score is None
    assert eggs.reason.text == "75.0% of those who ever ordered bought it in the last 30 days"
    assert (eggs.reason.item, eggs.reason.support, eggs.reason.count) == (None, None, None)


def test_a_rule_is_told_in_words_and_figures(near: Served) -> None:
    eggs = one(near, "ann", k=1, mode="new").products[0]
    assert (eggs.product_id, eggs.fallback, eggs.reason.kind) == ("eggs", False, "rule")
    assert eggs.reason.item == "apple"
    # of nine orders six hold both; eight hold apples, six eggs
    assert eggs.reason.support == pytest.approx(6 / 9)
    assert eggs.reason.confidence == pytest.approx(6 / 8)
    assert eggs.reason.lift == pytest.approx((6 / 8) / (6 / 9))
    assert eggs.reason.lift_low is not None
    assert eggs.reason.lift_high is not None
    assert eggs.reason.lift_low < eggs.reason.lift < eggs.reason.lift_high
    assert eggs.reason.text == "75% of the orders with Apple hold it too, 1.1 times as many as of all orders"


def test_categories_are_answered_with_their_own_names(near: Served) -> None:
    fruit, bakery = one(near, "ann", k=2, level="category").products
    assert {fruit.category, bakery.category} == {"fruit", "bakery"}
    assert (fruit.product_id, fruit.name) == (None, fruit.category)


def test_a_rule_that_lifts_nothing_is_told_as_popularity(near: Served) -> None:
    # item-kNN finds bakery by fruit, yet each of the eight orders with a category holds fruit
    (bakery,) = one(near, inline([("apple", 4)]), k=1, level="category", mode="new").products
    assert (bakery.category, bakery.reason.kind, bakery.fallback) == ("bakery", "popularity", True)
    # it is scored: popularity filled no place. Seven customers bought fruit, as many bakery, all of them both; nobody
    # else ordered anything that has a category and is recommended
    assert bakery.score == pytest.approx(1)
    assert bakery.reason.text == "100.0% of those who ever ordered bought it in the last 30 days"


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("nobody", "unknown_customer", "the store has no customer of this id: nothing here is from a history"),
        ("dan", "not_eligible", "this customer has not ordered yet: nothing here is from a history"),
        ("cat", "ok", "this customer ordered nothing that is recommended here: nothing here is from a history"),
    ],
)
def test_popular_products_are_flagged_when_there_is_no_usable_history(
    near: Served, name: str, status: str, said: str
) -> None:
    found = one(near, name, k=2)
    assert (found.customer_id, found.status, found.explanation) == (name, status, said)
    assert ids(found) == ["apple", "eggs"]
    assert all(each.fallback and each.reason.kind == "popularity" for each in found.products)
    assert [each.score for each in found.products] == [None, None]
    again = one(near, name, k=2, mode="repeat")
    assert (again.status, again.products) == (status, [])
    assert again.explanation == f"{said}; 0 of 2 products: this customer bought no more that may be recommended"


def test_it_is_explained_when_there_are_fewer_than_wanted(frequent: Served) -> None:
    assert one(frequent, "ann", k=5, mode="repeat").explanation == (
        "2 of 5 products: this customer bought no more that may be recommended"
    )
    assert one(frequent, "ann", k=5, mode="new").explanation == (
        "2 of 5 products: no more that this customer never bought may be recommended"
    )
    assert one(frequent, "ann", k=5).explanation == "4 of 5 products: no more may be recommended"
    basket = one(frequent, "ann", k=5, mode="basket", basket=["apple"])
    assert basket.explanation == "3 of 5 products: no more may be recommended"
    assert one(frequent, "ann", k=4).explanation is None


def test_modes_hold_for_every_customer(near: Served) -> None:
    bought = {name: {product for product, _ in lines} - {"diesel"} for name, lines in SHOPPERS.items()}
    new = {each.customer_id: set(ids(each)) for each in ask(near, *SHOPPERS, mode="new").answers}
    repeat = {each.customer_id: set(ids(each)) for each in ask(near, *SHOPPERS, mode="repeat").answers}
    assert repeat == bought
    assert new == {name: {"apple", "bread", "coal", "eggs"} - own for name, own in bought.items()}


def test_an_excluded_product_is_never_answered(near: Served) -> None:
    everything = ask(near, *SHOPPERS, "nobody", k=100)
    assert "diesel" not in {product for answer in everything.answers for product in ids(answer)}
    groups = {each.category for answer in ask(near, *SHOPPERS, level="category").answers for each in answer.products}
    assert groups == {"fruit", "bakery"}


def test_filters_keep_what_they_say(frequent: Served) -> None:
    assert ids(one(frequent, "ann", filters={"categories": ["bakery"]})) == ["bread", "eggs"]
    assert ids(one(frequent, "ann", filters={"brands": ["theirs"]})) == ["coal"]
    assert ids(one(frequent, "ann", filters={"exclude": ["apple"], "in_stock": ["apple", "coal", "bread"]})) == [
        "bread",
        "coal",
    ]


def test_it_is_explained_when_filters_leave_nothing(frequent: Served) -> None:
    nothing: tuple[dict[str, Any], ...] = (
        {"in_stock": []},
        {"categories": ["fuel"]},
        {"categories": ["home"], "exclude": ["coal"]},
    )
    for filters in nothing:
        found = one(frequent, "ann", k=3, filters=filters)
        assert (found.status, found.products) == ("ok", [])
        assert found.explanation == "0 of 3 products: no more may be recommended"


@pytest.mark.parametrize("name", [name for name in SHOPPERS if name != "dan"])
@pytest.mark.parametrize("mode", ["any", "new", "repeat"])
@pytest.mark.parametrize("level", ["product", "category"])
def test_a_history_that_was_sent_gets_the_answer_of_the_same_customer_in_the_store(
    near: Served, name: str, mode: str, level: str
) -> None:
    stored, sent = ask(near, name, inline(SHOPPERS[name]), mode=mode, level=level).answers
    assert sent.customer_id == "sent"
    assert alike(sent) == alike(stored)


def test_a_history_that_was_sent_without_orders_is_not_eligible(near: Served) -> None:
    stored, sent = ask(near, "dan", inline([])).answers
    assert alike(sent) == alike(stored)


def test_a_customer_who_is_known_is_answered_from_the_history_that_was_sent(frequent: Served) -> None:
    stored, sent = ask(frequent, "ann", {**inline([("coal", 9)]), "customer_id": "ann"}, mode="repeat").answers
    assert (ids(stored), ids(sent)) == (["apple", "bread"], ["coal"])


def test_a_history_is_known_up_to_its_own_as_of(frequent: Served) -> None:
    earlier = inline([("coal", 9), ("coal", 40)]) | {"as_of": "2017-12-24"}
    found = one(frequent, earlier, mode="repeat")
    assert found.as_of == date(2017, 12, 24)
    # nine days before the store's as_of is a day before this one
    assert found.products[0].reason.text == "bought on 2 days, last 1 day ago"


def test_lines_of_a_day_count_once_in_the_configured_time_zone(tmp_path: Path) -> None:
    served = served_shop(tmp_path, PersonalFrequency(), timezone="Asia/Tokyo")
    lines = [
        {"ordered_at": time, "product_id": "coal"}
        for time in ("2017-12-30T10:00:00+09:00", "2017-12-29T15:30:00Z", "2017-12-30", "2017-12-30T23:59:59")
    ]
    found = one(served, {"customer_id": "sent", "as_of": "2018-01-01", "order_lines": lines}, mode="repeat")
    assert found.products[0].reason.text == "bought on 1 day, last 2 days ago"


def test_returns_of_a_history_that_was_sent_do_not_count(near: Served) -> None:
    history = inline([("apple", 4)])
    for returned in ({"quantity": -1}, {"amount": -2.5}):
        lines = [*history["order_lines"], *inline([("bread", 4), ("coal", 1)], **returned)["order_lines"]]
        sent, plain = ask(near, {**history, "order_lines": lines}, history).answers
        assert sent == plain
    nothing_else = one(near, inline([("bread", 4)], quantity=-1))
    assert nothing_else.status == "not_eligible"


def test_a_line_without_a_product_is_an_order_of_nothing_that_is_recommended(near: Served) -> None:
    for lines in ([{"ordered_at": "2017-12-30"}], [{"ordered_at": "2017-12-30", "product_id": "milk"}]):
        found = one(near, {"customer_id": "sent", "as_of": "2018-01-01", "order_lines": lines}, k=2)
        assert (found.status, ids(found)) == ("ok", ["apple", "eggs"])
        assert found.explanation is not None
        assert found.explanation.startswith("this customer ordered nothing that is recommended here")


def test_ten_thousand_lines_are_one_history(frequent: Served) -> None:
    lines = [(("apple", "bread")[at % 2], 1 + at % 1_000) for at in range(10_000)]
    found = one(frequent, inline(lines), k=2, mode="repeat")
    # apples on the odd ages, bread on the even ones
    assert [each.reason.text for each in found.products] == [
        "bought on 500 days, last 1 day ago",
        "bought on 500 days, last 2 days ago",
    ]


def test_a_fault_of_a_history_names_its_place(near: Served) -> None:
    with pytest.raises(InvalidRequestError, match="is not before as_of") as caught:
        ask(near, "ann", inline([("apple", 3), ("eggs", 0)]))
    assert caught.value.field == "customers.1.order_lines.1.ordered_at"


def explained(product: Recommendation) -> tuple[str | None, str, bool]:
    return product.product_id, product.reason.kind, product.fallback


def test_a_basket_is_completed_by_what_goes_with_it(near: Served) -> None:
    for customer in ("bob", "nobody", "dan"):
        found = one(near, customer, mode="basket", basket=["apple"], k=1)
        assert explained(found.products[0]) == ("eggs", "rule", False)
        assert found.products[0].reason.item == "apple"


def test_nothing_of_the_basket_is_answered_and_duplicates_count_once(near: Served) -> None:
    once = ask(near, "ann", mode="basket", basket=["apple", "bread"])
    twice = ask(near, "ann", mode="basket", basket=["bread", "apple", "apple", "bread"])
    assert once == twice
    assert set(ids(once.answers[0])) == {"coal", "eggs"}
    (answer,) = ask(near, "ann", mode="basket", basket=["apple"], level="category").answers
    assert [each.category for each in answer.products] == ["bakery"]


def test_products_of_a_basket_that_are_not_known_are_listed_and_ignored(near: Served) -> None:
    plain = ask(near, "ann", mode="basket", basket=["apple"])
    found = ask(near, "ann", mode="basket", basket=["milk", "apple", "diesel"])
    assert found.unknown_products == ["milk", "diesel"]
    assert found.answers == plain.answers
    again = ask(near, "ann", mode="basket", basket=["milk", "apple", "diesel", "milk", "apple", "diesel", "milk"])
    assert again == found
    assert ask(near, "ann", mode="basket", basket=["coal", "apple"], level="category").unknown_products == ["coal"]


def test_products_of_a_filter_that_are_not_known_are_listed_and_ignored(near: Served) -> None:
    plain = ask(near, "ann", filters={"exclude": ["apple"], "in_stock": ["apple", "bread", "eggs"]})
    assert plain.unknown_products == []
    # diesel is known, and never recommended
    filters = {"exclude": ["apple", "milk", "diesel", "milk"], "in_stock": ["soap", "apple", "bread", "eggs", "milk"]}
    found = ask(near, "ann", filters=filters)
    assert found.unknown_products == ["milk", "soap"]
    assert found.answers == plain.answers
    by_group = ask(near, "ann", level="category", filters=filters)
    assert by_group.unknown_products == ["milk", "soap"]
    # after those of the basket, each once
    basket = ask(near, "ann", mode="basket", basket=["soap", "apple", "tea"], filters=filters)
    assert basket.unknown_products == ["soap", "tea", "milk"]


def test_at_most_a_thousand_unknown_products_are_listed(near: Served) -> None:
    many = [f"x{number}" for number in range(1_500)]
    found = ask(near, "ann", filters={"exclude": many[:600], "in_stock": ["eggs", *many[500:]]})
    assert found.unknown_products == many[:1_000]
    assert ids(found.answers[0]) == ["eggs"]


def test_a_basket_of_which_nothing_is_known_is_refused(near: Served) -> None:
    with pytest.raises(
        InvalidRequestError, match=r"basket: none of the 2 products is known or recommended.*'milk'"
    ) as e:
        ask(near, "ann", mode="basket", basket=["milk", "diesel"])
    assert e.value.field == "basket"
    with pytest.raises(InvalidRequestError, match=r"basket: none of the 3 products is known or recommended.*'milk'"):
        ask(near, "ann", mode="basket", basket=["milk", "diesel", "milk"])


def test_unknown_names_in_a_filter_are_refused(near: Served) -> None:
    with pytest.raises(InvalidRequestError, match=r"no product has 'bakry'; did you mean 'bakery'\?") as caught:
        ask(near, "ann", filters={"categories": ["bakry"]})
    assert caught.value.field == "filters.categories.0"


def test_the_level_category_is_refused_when_the_products_have_none(tmp_path: Path) -> None:
    served = served_shop(tmp_path, PersonalFrequency(), grouped=False)
    assert ids(one(served, "ann", k=2)) == ["apple", "bread"]
    with pytest.raises(InvalidRequestError, match="the products have no categories; ask for the level 'product'") as e:
        ask(served, "ann", level="category")
    assert e.value.field == "level"
