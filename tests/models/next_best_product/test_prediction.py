from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pytest

from models import columns as col
from models.errors import InvalidRequestError, NotEnoughDataError
from models.examples import bought_most
from models.next_best_product.messages import NextBestProductRequest
from models.next_best_product.prediction import NextBestProduct
from models.next_best_product.recommender import FittedRecommender
from models.next_best_product.vocabulary import Vocabulary
from models.prediction import BatchOptions, Served
from models.purchases import Histories
from models.ranking import RankingMeasurement
from models.rivals.item_knn import ItemKNN
from models.rivals.most_popular import MostPopular
from models.rivals.personal_frequency import PersonalFrequency
from tests.models.features.builders import AS_OF as CUTOFF
from tests.models.features.builders import Person, line, spine, stack
from tests.models.next_best_product import town
from tests.models.next_best_product.corner_shop import (
    SHOPPERS,
    Lines,
    ask,
    examples_of,
    histories,
    level_of,
    level_with,
    rows_of,
    served_shop,
    shop_prediction,
)
from tests.synthetic import people

NAMES = list(SHOPPERS)
ROWS = np.arange(len(NAMES))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return served_shop(tmp_path_factory.mktemp("store"), ItemKNN())


def labels(*excluded: str) -> dict[str, tuple[Any, Any]]:
    tables = {
        "ann": Person([line(3, "bread"), line(-1, "bun"), line(-1, "soap"), line(-5, "milk")]),
        "bob": Person([line(-2, "bun"), line(-4, "gift")]),
    }
    backend = ibis.duckdb.connect()
    given = {name: backend.create_table(name, table) for name, table in stack(tables).items()}
    asked = backend.create_table("spine", spine(("ann", CUTOFF), ("bob", CUTOFF)))
    found = shop_prediction(exclude_categories=list(excluded)).labels(given, asked).to_pyarrow().to_pylist()
    return {row[col.CUSTOMER_ID]: (row[col.NEXT_BASKET], row[col.WINDOW_PRODUCTS]) for row in found}


def test_what_was_bought_next_is_the_label() -> None:
    assert labels() == {
        "ann": (["bun", "soap"], ["bun", "milk", "soap"]),
        "bob": (["bun"], ["bun", "gift"]),
    }


def test_what_is_never_recommended_is_no_label() -> None:
    # the next basket is then the first day with something that is recommended
    assert labels("bakery", "care") == {"ann": (["milk"], ["milk"]), "bob": (["gift"], ["gift"])}
    assert labels("food", "home") == {"ann": (None, None), "bob": (["gift"], ["gift"])}


def test_those_who_ordered_are_eligible() -> None:
    assert shop_prediction().eligible(people(orders=[0, 1, np.nan, 7])).tolist() == [False, True, False, True]


def test_the_target_counts_products_and_is_not_known_while_the_window_is_open() -> None:
    windows = [["apple", "eggs"], None, []]
    known = examples_of(histories({}, 3), windows, windows)
    assert np.isnan(shop_prediction().target(known)).all()
    later = examples_of(histories({}, 3), windows, windows, limit=known.limit.replace(day=31))
    assert shop_prediction().target(later).tolist() == [[2], [0], [0]]
    assert np.isnan(shop_prediction(horizon=31).target(later)).all()


def test_modes_are_measured_by_category_and_two_of_them_by_product() -> None:
    tasks = shop_prediction(horizon=14).tasks
    assert [task.tag for task in tasks if task.chooses] == ["next_basket", "new"]
    assert [task.tag for task in tasks if not task.chooses] == [
        "repeat",
        "basket",
        "product_next_basket",
        "product_new",
    ]
    assert {task.horizon for task in tasks} == {14}


def test_our_own_method_comes_first_and_the_simplest_last() -> None:
    methods = shop_prediction().methods
    assert (methods[0], methods[-1]) == ("two_stage", "most_popular")


def test_a_table_has_a_row_for_each_product_and_one_of_nulls_without_any(served: Served) -> None:
    found = served.prediction.table(served, ROWS, BatchOptions(k=3, mode="repeat"))
    ann = rows_of(found, col.CUSTOMER_ID, "ann")
    assert [(row[col.RANK], row[col.ITEM]) for row in ann] == [(1, "apple"), (2, "bread")]
    assert ann[0][col.EXPLANATION] == "2 of 3 products: this customer bought no more that may be recommended"
    (dan,) = rows_of(found, col.CUSTOMER_ID, "dan")
    assert (dan[col.STATUS], dan[col.RANK], dan[col.ITEM]) == ("not_eligible", None, None)
    assert found[col.CUSTOMER_ID].to_pylist() == sorted(found[col.CUSTOMER_ID].to_pylist())


@pytest.mark.parametrize("mode", ["any", "new", "repeat"])
@pytest.mark.parametrize("level", ["product", "category"])
def test_a_table_equals_the_answers_of_the_service(served: Served, mode: Any, level: Any) -> None:
    rows = ROWS[::-1]
    table = served.prediction.table(served, rows, BatchOptions(k=3, mode=mode, level=level)).to_pylist()
    expected: list[tuple[Any, ...]] = []
    for answer in ask(served, *[NAMES[row] for row in rows], k=3, mode=mode, level=level).answers:
        about = (answer.customer_id, answer.status, answer.explanation, answer.as_of)
        for rank, each in enumerate(answer.products, 1):
            item = each.product_id or each.category
            expected.append((*about, rank, item, each.name, each.score, each.reason.text, each.fallback))
        if not answer.products:
            expected.append((*about, *[None] * 6))
    assert [tuple(row.values()) for row in table] == expected


def test_places_that_popularity_filled_have_no_score_in_a_table(served: Served) -> None:
    found = served.prediction.table(served, ROWS, BatchOptions(k=3))
    # nobody else bought what ann and bob bought but apples, which go with eggs
    assert [row[col.ITEM] for row in rows_of(found, col.CUSTOMER_ID, "dan")] == ["apple", "eggs", "bread"]
    assert [row[col.SCORE] for row in rows_of(found, col.CUSTOMER_ID, "dan")] == [None] * 3
    ann = {row[col.ITEM]: row[col.SCORE] for row in rows_of(found, col.CUSTOMER_ID, "ann")}
    assert ann["eggs"] > 0
    assert not any(np.isnan(score) for score in ann.values() if score is not None)


def test_a_table_of_nobody_is_empty(served: Served) -> None:
    assert served.prediction.table(served, ROWS[:0], BatchOptions()).num_rows == 0


def test_a_batch_by_category_is_refused_when_there_are_none(tmp_path: Path) -> None:
    bare = served_shop(tmp_path, PersonalFrequency(), grouped=False)
    with pytest.raises(InvalidRequestError, match="the products have no categories"):
        bare.prediction.table(bare, ROWS, BatchOptions(level="category"))
    bare.prediction.warm(bare)


def test_the_example_asks_for_all_kinds_of_customers(served: Served) -> None:
    served.prediction.warm(served)
    plain, basket = served.prediction.examples(served)
    found = ask(served, *plain.pop("customers"), **plain)
    assert [each.status for each in found.answers] == ["ok", "not_eligible", "unknown_customer", "ok"]
    assert NextBestProductRequest.model_validate(basket).mode == "basket"


# diesel is bought most, then apples, bread, eggs and coal
FUELLED = {
    "ann": [*[("diesel", age) for age in range(1, 10)], *[("apple", age) for age in range(1, 9)], ("coal", 9)],
    "bob": [*[("bread", age) for age in (3, 4, 5)], *[("eggs", age) for age in (5, 7)]],
}


def test_the_basket_of_the_example_is_of_products_that_are_items(tmp_path: Path) -> None:
    fuelled = served_shop(tmp_path, ItemKNN(), shoppers=FUELLED)
    assert bought_most(fuelled.store, 5) == ["diesel", "apple", "bread", "eggs", "coal"]
    # diesel is excluded
    assert examples(fuelled)[1]["basket"] == ["apple", "bread"]
    # apples have too few buyers to be an item
    level = level_with(ItemKNN(), Vocabulary(col.PRODUCT_ID, ("bread", "coal", "eggs"), ("fuel",)), known_of(FUELLED))
    rare = replace(fuelled, fitted=FittedRecommender("item_knn", {"product": level}))
    _, basket = examples(rare)
    assert (basket["mode"], basket["basket"]) == ("basket", ["bread", "eggs"])
    found = ask(rare, *basket.pop("customers"), **basket)
    assert found.unknown_products == []
    # nothing is left but coal
    assert [[each.product_id for each in answer.products] for answer in found.answers] == [["coal"]]


def test_there_is_no_example_of_a_basket_when_no_product_that_was_bought_is_an_item(tmp_path: Path) -> None:
    shoppers = {"ann": [("diesel", age) for age in range(1, 10)]}
    fuelled = served_shop(tmp_path, MostPopular(), shoppers=shoppers)
    assert bought_most(fuelled.store, 5) == ["diesel"]
    (plain,) = examples(fuelled)
    assert "basket" not in plain


def examples(served: Served) -> list[dict[str, Any]]:
    assert isinstance(served.prediction, NextBestProduct)
    return served.prediction.examples(served)


def known_of(shoppers: Mapping[str, Lines]) -> Histories:
    return histories(dict(enumerate(shoppers.values())), len(shoppers))


def test_scores_of_products_have_no_percentiles(served: Served) -> None:
    assert served.prediction.cut_points(served.fitted, served.store).shape == (0,)


def test_there_is_only_the_product_level_when_there_are_no_categories() -> None:
    prediction = shop_prediction()
    fitted = prediction.fit("item_knn", town.examples(grouped=False), horizon=30, seed=1)
    assert list(fitted.levels) == ["product"]
    assert set(prediction.load("item_knn", fitted.parts()).levels) == {"product"}
    # what is asked of categories is asked of products, as it is where there are both; it is not asked twice
    both = prediction.fit("item_knn", town.examples(), horizon=30, seed=1)
    bare, grouped = (town.examples(grouped=each).at([town.day(2)]) for each in (False, True))
    tasks = {task.tag: task for task in prediction.tasks}
    for tag in ("next_basket", "new"):
        own = prediction.measure(fitted, bare, tasks[tag])
        assert len(own.loss) > 0
        assert own.metrics() == prediction.measure(both, grouped, tasks[f"product_{tag}"]).metrics()
        assert_nobody(prediction.measure(fitted, bare, tasks[f"product_{tag}"]))


def assert_nobody(found: RankingMeasurement) -> None:
    """Assert that nobody was measured."""
    assert (len(found.loss), len(found.offered), found.shown.shape) == (0, 0, (0, 10))


def test_the_product_level_is_left_out_when_too_few_bought_any_one_product() -> None:
    # each customer is a buyer of what they bought, so that none has more buyers than there are customers
    prediction = shop_prediction(min_buyers=town.PEOPLE + 1)
    fitted = prediction.fit("item_knn", town.examples(), horizon=30, seed=1)
    assert list(fitted.levels) == ["category"]
    assert set(prediction.load("item_knn", fitted.parts()).levels) == {"category"}
    known = town.examples().at([town.day(2)])
    tasks = {task.tag: task for task in prediction.tasks}
    plain = shop_prediction()
    both = plain.fit("item_knn", town.examples(), horizon=30, seed=1)
    assert list(both.levels) == ["category", "product"]
    for tag in ("next_basket", "new"):
        # categories are measured as they always are, and products not at all
        own = prediction.measure(fitted, known, tasks[tag])
        assert len(own.loss) > 0
        assert own.metrics() == plain.measure(both, known, tasks[tag]).metrics()
        assert_nobody(prediction.measure(fitted, known, tasks[f"product_{tag}"]))


def test_products_are_refused_when_there_are_only_categories(served: Served) -> None:
    assert isinstance(served.fitted, FittedRecommender)
    few = FittedRecommender("item_knn", {"category": served.fitted.levels["category"]})
    alone = replace(served, fitted=few)
    said = "level 'product': too few customers bought any one product; ask for the level 'category'"
    with pytest.raises(InvalidRequestError) as caught:
        ask(alone, "ann", level="product")
    assert (str(caught.value), caught.value.field) == (said, "level")
    with pytest.raises(InvalidRequestError, match=said):
        alone.prediction.table(alone, ROWS, BatchOptions(level="product"))
    asked, batch = {"level": "category", "mode": "repeat", "k": 3}, BatchOptions(level="category", mode="repeat", k=3)
    assert ask(alone, *NAMES, **asked) == ask(served, *NAMES, **asked)
    assert alone.prediction.table(alone, ROWS, batch) == served.prediction.table(served, ROWS, batch)
    alone.prediction.warm(alone)


@pytest.mark.parametrize("method", ["item_knn", "ease", "personal_frequency", "most_popular"])
def test_a_fitted_method_scores_the_same_after_it_was_saved(method: str) -> None:
    prediction = shop_prediction()
    fitted = prediction.fit(method, town.examples(), horizon=30, seed=1)
    loaded = prediction.load(method, fitted.parts())
    customers = town.examples().at([town.day(0)]).customers.take(np.arange(20))
    np.testing.assert_array_equal(loaded.score(customers), fitted.score(customers))
    assert loaded.parts() == fitted.parts()


def test_lists_are_measured_on_those_who_bought_something_that_counts() -> None:
    prediction = shop_prediction()
    # what fills places is what is popular in a month
    usual = {"windows_days": {"any": 30, "new": 30}}
    choices = {"category": usual, "product": usual}
    fitted = prediction.fit("most_popular", town.examples(), horizon=30, seed=1, choices=choices)
    tasks = {task.tag: task for task in prediction.tasks}
    known = town.examples().at([town.day(1)])
    basket = prediction.measure(fitted, known, tasks["product_next_basket"])
    # everybody orders every ten days
    assert len(basket.loss) == town.PEOPLE
    assert basket.metrics()["fallback_share"] == 1
    # the same ten for everybody, of twenty products
    assert basket.metrics()["coverage"] == 10 / len(town.IDS)
    new = prediction.measure(fitted, known, tasks["product_new"])
    bought = town.new_buyers(town.day(1))
    assert len(new.loss) == bought


def test_coverage_is_of_the_items_that_anybody_ever_bought() -> None:
    bought = {"ann": [("apple", 3), ("bread", 3)], "bob": [("apple", 4)]}
    columns = {"category": col.SUBCATEGORY, "product": col.PRODUCT_ID}
    levels = {name: level_of(MostPopular(), column, bought) for name, column in columns.items()}
    fitted = FittedRecommender("most_popular", levels)
    known = examples_of(histories(dict(enumerate(bought.values())), 2), [["bread"]] * 2, [["bread"]] * 2)
    prediction = shop_prediction()
    task = next(task for task in prediction.tasks if task.tag == "product_next_basket")
    found = prediction.measure(fitted, known, task)
    # apples and bread, in that order, are shown; coal and eggs are items that nobody bought
    assert found.offered.tolist() == [True, True, False, False]
    assert found.metrics()["coverage"] == 1
    assert found.shown[:, :3].tolist() == [[0, 1, -1]] * 2
    np.testing.assert_allclose(found.ndcg, [1 / np.log2(3)] * 2)


def test_it_is_refused_when_too_few_bought_a_product() -> None:
    few = town.examples().take(np.tile(np.arange(town.PEOPLE) < 99, town.CUTOFFS))
    with pytest.raises(NotEnoughDataError, match=r"99 customers with a known category in their orders, at least 100"):
        shop_prediction().fit("most_popular", few, horizon=30, seed=1)


def test_only_the_ranker_has_drivers() -> None:
    prediction = shop_prediction()
    fitted = prediction.fit("item_knn", town.examples(), horizon=30, seed=1)
    assert prediction.drivers(fitted, town.examples().customers, np.zeros(1, np.float32)) == {}


def test_golden_customers_are_made_from_the_fitted_items() -> None:
    prediction = shop_prediction()
    fitted = prediction.fit("item_knn", town.examples(), horizon=30, seed=1)
    found = prediction.golden_histories(fitted, 4)
    assert found is not None
    assert set(found.products[col.PRODUCT_ID].to_pylist()) == set(town.IDS)
    assert isinstance(found.products, pa.Table)


def test_categories_are_what_is_asked_for_when_they_are_all_there_is(served: Served) -> None:
    assert isinstance(served.fitted, FittedRecommender)
    few = FittedRecommender("item_knn", {"category": served.fitted.levels["category"]})
    alone = replace(served, fitted=few)
    for example in served.prediction.examples(alone):
        assert example.get("level") is None
        found = served.prediction.answer(alone, NextBestProductRequest.model_validate(example))
        assert {each.product_id for answer in found.answers for each in answer.products} <= {None}
    table = served.prediction.table(alone, ROWS, BatchOptions())
    assert table.equals(served.prediction.table(served, ROWS, BatchOptions(level="category")))
