from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from models import columns as col
from models.errors import NotEnoughDataError
from models.next_best_product import teaching as module
from models.next_best_product.learning import Learnt
from models.next_best_product.teaching import Teaching
from models.prediction import Examples
from models.purchases import Histories
from tests.models.next_best_product import town
from tests.models.next_best_product.corner_shop import AS_OF, examples_of, histories, shop_prediction

# apples: 3 buyers, bread: 2, coal: 1 (twice), diesel: 4
BOUGHT = {
    0: [("apple", 3), ("bread", 3), ("diesel", 5)],
    1: [("apple", 4), ("diesel", 5)],
    2: [("apple", 9), ("bread", 9), ("diesel", 5)],
    3: [("coal", 2), ("coal", 8), ("diesel", 5)],
}


def shop() -> Examples:
    return examples_of(histories(BOUGHT, 4), [None] * 4, [None] * 4)


def names(level: str, **settings: Any) -> tuple[str, ...]:
    return Teaching(shop_prediction(**settings).settings).known(level, shop()).vocabulary.names


@pytest.mark.parametrize(
    ("least", "expected"), [(1, ("apple", "bread", "coal")), (2, ("apple", "bread")), (3, ("apple",)), (4, ())]
)
def test_a_product_is_an_item_when_so_many_customers_bought_it(least: int, expected: tuple[str, ...]) -> None:
    assert names("product", min_buyers=least) == expected


def test_what_is_excluded_is_no_item() -> None:
    assert "diesel" in names("product", exclude_categories=[])
    assert names("product", exclude_categories=["food", "car"]) == ("coal",)


def test_only_the_items_with_the_most_buyers_are_recommended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ITEMS", 2)
    assert names("product") == ("apple", "bread")


def test_a_category_stays_that_nobody_bought_yet() -> None:
    assert "fruit" in names("category", min_buyers=4)
    known = Teaching(shop_prediction().settings).known("category", shop())
    assert known.vocabulary.column == col.SUBCATEGORY
    assert known.now.profiles.known.tolist() == [True, True, True, False]


def test_the_wanted_grouping_names_the_categories() -> None:
    assert names("category", category_column="department") == ("car", "food", "home")
    without = pa.table({name: shop_products()[name] for name in (col.PRODUCT_ID, col.DEPARTMENT)})
    known = shop()
    seen = known.customers.histories
    assert seen is not None
    bare = replace(known, customers=replace(known.customers, histories=replace(seen, products=without)))
    assert Teaching(shop_prediction().settings).known("category", bare).vocabulary.column == col.DEPARTMENT


def shop_products() -> pa.Table:
    seen = shop().customers.histories
    assert seen is not None
    return seen.products


def test_it_is_refused_when_too_few_bought_a_known_product() -> None:
    with pytest.raises(
        NotEnoughDataError,
        match=r"4 customers with a known product in their orders, at least 100 are needed: map product_id.*min_buyers",
    ):
        Teaching(shop_prediction(exclude_categories=[]).settings).level(
            "product", Recorder(), shop(), horizon=30, seed=1, choices={}
        )


class Recorder:
    """Keeps what there was to learn."""

    name = "recorder"

    def __init__(self) -> None:
        self.learnt: list[Learnt] = []
        self.choices: list[Any] = []

    def fit(self, learnt: Learnt, *, seed: int, choices: Any = None) -> Any:
        self.learnt.append(learnt)
        self.choices.append(choices)
        return None

    def load(self, parts: Any, statistics: Any, rules: Any) -> Any:
        raise NotImplementedError


def teach(teaching: Teaching, examples: Examples, level: str = "product", **choices: Any) -> tuple[Learnt, Any]:
    recorder = Recorder()
    teaching.level(level, recorder, examples, horizon=30, seed=1, choices=choices)
    return recorder.learnt[0], recorder.choices[0]


def test_a_method_is_taught_by_the_newest_cutoff_and_what_came_after_older_ones() -> None:
    learnt, choices = teach(Teaching(shop_prediction().settings), town.examples(), product={"trees": 3})
    assert choices == {"trees": 3}
    assert learnt.now.profiles.customers == town.PEOPLE
    assert learnt.now.profiles.recency_days.min() == 1
    assert [past.day for past in learnt.past] == [town.day(1), town.day(2), town.day(3)]
    seen = learnt.past[0].read()
    # nothing that was bought in the window is known at its cutoff
    assert seen.profiles.first_days.max() == learnt.now.profiles.first_days.max() - 30
    assert all(len(basket) for basket in seen.basket)


def test_choices_of_one_level_are_not_for_the_other() -> None:
    _, choices = teach(Teaching(shop_prediction().settings), town.examples(), level="category", product={"trees": 3})
    assert choices is None


def test_what_is_read_once_is_kept_for_the_next_method() -> None:
    teaching = Teaching(shop_prediction().settings)
    one, other = (teach(teaching, town.examples())[0] for _ in range(2))
    assert one.now is other.now
    assert one.kept is other.kept


def test_only_so_many_cutoffs_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    teaching = Teaching(shop_prediction().settings)
    cutoffs = [town.examples().at([town.day(back)]) for back in (3, 2, 1)]
    oldest, second, newest = (teaching.known("product", each) for each in cutoffs)
    # the oldest made room for the newest
    assert teaching.known("product", cutoffs[1]) is second
    assert teaching.known("product", cutoffs[2]) is newest
    assert teaching.known("product", cutoffs[0]) is not oldest
    # and what makes room next is the one that has been there longest
    assert teaching.known("product", cutoffs[2]) is newest
    assert teaching.known("product", cutoffs[1]) is not second


def test_what_is_kept_for_rankers_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    # so many buyers that some products are no items yet three months before
    teaching = Teaching(shop_prediction(min_buyers=215).settings)
    now, before = town.examples(), town.examples().known_by(town.day(3))

    def kept(level: str, examples: Examples) -> tuple[dict[Any, Any], int]:
        learnt, _ = teach(teaching, examples, level)
        return learnt.kept, learnt.now.profiles.items

    (product, many), (category, _) = kept("product", now), kept("category", now)
    assert product is not category
    # the same items at another level's turn, and at another limit: kept
    assert kept("product", now)[0] is product
    assert kept("category", before)[0] is category
    # other items make room of what was there first
    other, few = kept("product", before)
    assert few < many
    assert other is not product
    assert kept("category", now)[0] is category
    assert kept("product", before)[0] is other
    assert kept("product", now)[0] is not product
    # now the categories were the oldest
    assert kept("product", before)[0] is other
    assert kept("category", now)[0] is not category


def test_what_was_made_is_kept_until_it_is_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    cache: dict[str, str] = {}
    made: list[str] = []

    def bounded(key: str) -> str:
        return module._bounded(cache, key, lambda: made.append(key) or key.upper())  # type: ignore[func-returns-value]

    assert [bounded(key) for key in "abab"] == ["A", "B", "A", "B"]
    assert made == ["a", "b"]
    assert bounded("c") == "C"
    assert cache == {"b": "B", "c": "C"}
    assert [bounded(key) for key in "bca"] == ["B", "C", "A"]
    assert (made, cache) == (["a", "b", "c", "a"], {"c": "C", "a": "A"})


def test_nothing_makes_room_for_what_could_not_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 1)
    cache = {"a": "A"}

    def refuse() -> str:
        raise NotEnoughDataError("too little")

    with pytest.raises(NotEnoughDataError):
        module._bounded(cache, "b", refuse)
    assert cache == {"a": "A"}


def test_examples_are_seen_with_the_items_of_a_fitted_level() -> None:
    teaching = Teaching(shop_prediction().settings)
    known = teaching.known("product", shop())
    assert teaching.seen_with(known.vocabulary, "product", shop()) is not None
    few = replace(known.vocabulary, names=("bread",))
    seen = teaching.seen_with(few, "product", shop())
    assert (seen.profiles.items, seen.profiles.row.tolist()) == (1, [0, 2])


@pytest.mark.parametrize("method", ["two_stage", "item_knn", "most_popular"])
def test_another_history_is_learnt_from_as_if_it_were_the_first(method: str) -> None:
    prediction = shop_prediction()
    prediction.fit(method, town.examples(seed=1), horizon=30, seed=1).parts()
    again = prediction.fit(method, town.examples(seed=2), horizon=30, seed=1).parts()
    fresh = shop_prediction().fit(method, town.examples(seed=2), horizon=30, seed=1).parts()
    assert again == fresh


def test_other_customers_of_one_history_are_learnt_from_as_if_they_were_the_first() -> None:
    even, odd = (town.examples().take(np.tile(np.arange(town.PEOPLE) % 2 == rest, town.CUTOFFS)) for rest in (0, 1))
    prediction = shop_prediction()
    prediction.fit("item_knn", even, horizon=30, seed=1).parts()
    again = prediction.fit("item_knn", odd, horizon=30, seed=1).parts()
    assert again == shop_prediction().fit("item_knn", odd, horizon=30, seed=1).parts()
    # and so is what came next
    one, other = (teach(prediction._teaching, each)[0].past[0] for each in (even, odd))
    assert one.key != other.key


def test_a_history_without_anybody_is_refused() -> None:
    nobody = town.examples().take(np.zeros(town.PEOPLE * town.CUTOFFS, bool))
    with pytest.raises(NotEnoughDataError, match="0 customers with a known category"):
        shop_prediction().fit("most_popular", nobody, horizon=30, seed=1)


def test_a_history_without_products_is_refused() -> None:
    known = histories({}, 200)
    bare = Histories(known.products.slice(0, 0), known.purchases, known.rows, known.as_of)
    with pytest.raises(NotEnoughDataError, match="0 customers with a known product in their orders"):
        shop_prediction().fit("two_stage", examples_of(bare, [None] * 200, [None] * 200), horizon=30, seed=1)
    assert bare.as_of[0].item() == AS_OF
