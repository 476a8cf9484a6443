from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from models import columns as col
from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.neighbours import together
from models.next_best_product.profiles import Floats, Profiles, events_of, profiles_of
from models.next_best_product.reasons import PastPurchase, Rule
from models.next_best_product.recommender import FittedRecommender, Level, Levels, best, load_level
from models.next_best_product.statistics import statistics_of
from models.next_best_product.vocabulary import Vocabulary
from models.prediction import Customers
from models.rivals.ease import EASE
from models.rivals.item_knn import ItemKNN
from models.rivals.most_popular import MostPopular
from models.rivals.personal_frequency import PersonalFrequency
from tests.models.next_best_product.corner_shop import (
    APPLE,
    BREAD,
    COAL,
    DIESEL,
    EGGS,
    IDS,
    SHOPPERS,
    events,
    histories,
    level_of,
    products,
    profiles,
)

# customers 0 to 4 buy apples, 1 to 3 bread, 4 coal, long ago eggs; nobody buys diesel
SOLD = [(row, APPLE, 5) for row in range(5)] + [(row, BREAD, 5) for row in (1, 2, 3)] + [(4, COAL, 5), (4, EGGS, 200)]


@dataclass(frozen=True)
class Told:
    """Scores as it is told."""

    scores: Mapping[int, float]
    choices: Mapping[str, Any]

    def score(self, asked: Asked) -> Floats:
        found = np.full((len(asked), asked.profiles.items), NOT_SCORED)
        for item, score in self.scores.items():
            found[:, item] = score
        return found

    def parts(self) -> Mapping[str, bytes]:
        return {}


def level(scores: Mapping[int, float] | None = None) -> Level:
    sold = events(SOLD, customers=5)
    return Level(Vocabulary(col.PRODUCT_ID, IDS), statistics_of(sold), together(sold), Told(scores or {}, {}))


def ranked(scores: Mapping[int, float], known: Profiles, k: int = 10, mode: Any = "any", **asked: Any) -> list[int]:
    (items,) = level(scores).rank(Asked(known, mode, **asked), k).items
    found: list[int] = items.tolist()
    return found


ANN = profiles([(0, APPLE, 3), (0, APPLE, 9), (0, COAL, 9)], customers=1)


def test_the_best_are_ordered_by_score_then_popularity_then_position() -> None:
    scores = np.array([1.0, 3.0, 1.0, 1.0, NOT_SCORED, 2.0])
    popularity = np.array([0.1, 0.0, 0.2, 0.1, 0.9, 0.0])
    assert best(scores, popularity, 6).tolist() == [1, 5, 2, 0, 3]
    # the cut goes through those that are equal
    assert best(scores, popularity, 3).tolist() == [1, 5, 2]
    assert best(scores, popularity, 4).tolist() == [1, 5, 2, 0]
    assert best(np.full(3, NOT_SCORED), popularity[:3], 2).tolist() == []


def test_places_that_are_left_are_filled_with_what_is_popular() -> None:
    found = level({COAL: 0.4}).rank(Asked(ANN, "any"), 3)
    assert found.items[0].tolist() == [COAL, APPLE, BREAD]
    # the method says nothing of a filled place
    np.testing.assert_array_equal(found.scores[0], [0.4, np.nan, np.nan])
    assert found.why[0] == (PastPurchase(1, 9), None, None)
    assert found.fallbacks[0].tolist() == [False, True, True]


def test_a_scored_item_without_a_reason_is_a_fallback() -> None:
    found = level({BREAD: 0.4}).rank(Asked(ANN, "any"), 1)
    assert (found.items[0].tolist(), found.fallbacks[0].tolist()) == ([BREAD], [True])


def test_items_that_nobody_ever_bought_fill_no_place() -> None:
    # diesel was never bought; eggs were, though not in the last 30 days
    assert ranked({}, ANN) == [APPLE, BREAD, COAL, EGGS]


def test_there_are_fewer_when_k_is_more_than_there_is() -> None:
    assert ranked({APPLE: 1}, ANN, k=100) == [APPLE, BREAD, COAL, EGGS]
    assert ranked({APPLE: 1}, ANN, k=1) == [APPLE]


def test_only_what_was_bought_is_answered_in_mode_repeat() -> None:
    assert ranked({BREAD: 9, COAL: 1}, ANN, mode="repeat") == [COAL, APPLE]


def test_a_place_that_popularity_filled_has_its_past_purchase_as_reason_in_mode_repeat() -> None:
    found = level().rank(Asked(ANN, "repeat"), 5)
    assert found.why[0] == (PastPurchase(2, 3), PastPurchase(1, 9))
    np.testing.assert_array_equal(found.scores[0], [np.nan, np.nan])
    assert not found.fallbacks[0].any()


def test_nothing_that_was_bought_is_answered_in_mode_new() -> None:
    assert ranked({APPLE: 9, EGGS: 1}, ANN, mode="new") == [EGGS, BREAD]


def test_nothing_of_the_basket_is_answered() -> None:
    assert ranked({APPLE: 9, EGGS: 1}, ANN, mode="basket", baskets=(np.array([APPLE]),)) == [EGGS, BREAD, COAL]


def test_only_allowed_items_are_answered() -> None:
    assert ranked({APPLE: 9}, ANN, allowed=np.array([False, False, True, False, True])) == [COAL, EGGS]
    assert ranked({APPLE: 9}, ANN, allowed=np.zeros(5, bool)) == []


def test_somebody_unknown_gets_what_is_popular() -> None:
    nobody = profiles([], customers=1)
    assert ranked({DIESEL: 9, EGGS: 8}, nobody) == [APPLE, BREAD, COAL, EGGS]
    assert ranked({DIESEL: 9}, nobody, mode="repeat") == []


def test_nobody_is_answered_when_nobody_is_asked_for() -> None:
    found = level().rank(Asked(profiles([], customers=0), "any"), 5)
    assert (found.items, found.scores, found.why, found.fallbacks) == ((), (), (), ())


@pytest.mark.parametrize("method", [ItemKNN(), PersonalFrequency(), EASE(), MostPopular()], ids=lambda each: each.name)
@pytest.mark.parametrize("column", [col.PRODUCT_ID, col.SUBCATEGORY])
def test_a_level_that_was_saved_ranks_the_same(method: Any, column: str) -> None:
    one = level_of(method, column)
    other = load_level(method, one.parts())
    assert other.vocabulary == one.vocabulary
    assert other.parts() == one.parts()
    known = histories(dict(enumerate(SHOPPERS.values())), len(SHOPPERS))
    asked = Asked(profiles_of(events_of(known, one.vocabulary.codes(products()), len(one.vocabulary))), "any")
    for before, after in zip(*(each.rank(asked, 4).items for each in (one, other)), strict=True):
        np.testing.assert_array_equal(before, after)
    assert one.rank(asked, 4).why == other.rank(asked, 4).why
    np.testing.assert_array_equal(
        np.concatenate(one.rank(asked, 4).scores), np.concatenate(other.rank(asked, 4).scores)
    )


def test_rules_stay_with_a_saved_level() -> None:
    other = load_level(ItemKNN(), level_of(ItemKNN()).parts())
    assert other.vocabulary.names == ("apple", "bread", "coal", "eggs")
    (why,) = other.rank(Asked(profiles([(0, 0, 3)], customers=1, items=4), "new"), 1).why
    assert isinstance(why[0], Rule)


def test_a_level_is_fitted_when_it_is_first_asked_for_and_once() -> None:
    made = []

    def make(name: str) -> Level:
        made.append(name)
        return level()

    levels = Levels({"category": lambda: make("category"), "product": lambda: make("product")})
    assert (list(levels), len(levels), made) == (["category", "product"], 2, [])
    assert levels["product"] is levels["product"]
    assert made == ["product"]
    with pytest.raises(KeyError):
        levels["shelf"]


def test_scores_are_the_ten_best_of_each_mode_and_level() -> None:
    known = histories({0: [("apple", 3), ("coal", 5)], 1: []}, 2)
    customers = Customers(["a", "b"], known.as_of, np.ones((2, 1), np.float32), ("orders",), known)
    found = FittedRecommender("told", {"product": level({APPLE: 0.9, COAL: 0.8, BREAD: 0.7})}).score(customers)
    assert found.shape == (2, 20)
    # any: three scored, then eggs, which nobody bought lately, then no more; new: bread and eggs
    np.testing.assert_allclose(found[0], [0.9, 0.8, 0.7, *[0.0] * 7, 0.7, *[0.0] * 9])
    # somebody without a history: popularity fills four places, twice: apples, bread, coal and eggs
    np.testing.assert_allclose(found[1], [1.0, 0.6, 0.2, *[0.0] * 7] * 2)
    nobody = customers.take(np.array([], np.int64))
    assert FittedRecommender("told", {"product": level()}).score(nobody).shape == (0, 20)


def test_places_that_popularity_filled_are_scored_by_the_share_of_buyers() -> None:
    known = histories({0: [("coal", 3), ("bread", 5)]}, 1)
    customers = Customers(["a"], known.as_of, np.ones((1, 1), np.float32), ("orders",), known)
    taught = level({COAL: 7.5})
    (found,) = FittedRecommender("told", {"category": taught, "product": taught}).score(customers)
    # any: coal by its score, then apples, that all five bought, bread, that three bought, and eggs, long ago; new:
    # apples and eggs
    expected = [7.5, 1.0, 0.6, *[0.0] * 7, 1.0, *[0.0] * 9]
    np.testing.assert_allclose(found, expected * 2)
    # the list itself says that the method says nothing of them
    asked = Asked(profiles_of(events_of(known, taught.vocabulary.codes(products()), 5)), "any")
    np.testing.assert_array_equal(taught.rank(asked, 10).scores[0], [7.5, np.nan, np.nan, np.nan])


def test_customers_without_histories_are_scored_as_such_who_bought_nothing() -> None:
    fitted = FittedRecommender("told", {"product": level({APPLE: 0.9})})
    known = histories({}, 2)
    bought_nothing = Customers(["a", "b"], known.as_of, np.ones((2, 1), np.float32), ("orders",), known)
    without = replace(bought_nothing, histories=None)
    np.testing.assert_array_equal(fitted.score(without), fitted.score(bought_nothing))
    # apples are not scored for somebody of whom nothing is known: popularity fills four places in each mode, the last
    # with eggs, which nobody bought lately
    np.testing.assert_allclose(fitted.score(without), [[1.0, 0.6, 0.2, *[0.0] * 7] * 2] * 2)


def test_only_levels_that_chose_anything_tell_their_choices() -> None:
    told = Level(Vocabulary(col.PRODUCT_ID, IDS), level().statistics, level().rules, Told({}, {"trees": 3}))
    fitted = FittedRecommender("told", {"category": level(), "product": told})
    assert fitted.choices == {"product": {"trees": 3}}


def test_files_lie_under_the_name_of_their_level() -> None:
    parts = FittedRecommender("told", {"category": level(), "product": level()}).parts()
    assert {name.split(".")[0] for name in parts} == {"category", "product"}
    assert "product.items.json" in parts


def test_a_store_is_indexed_once_and_anew_when_it_is_another() -> None:
    fitted = FittedRecommender("told", {"product": level()})
    one, other = products(), products()
    found = fitted.assortment("product", one)
    assert fitted.assortment("product", one) is found
    assert fitted.assortment("product", other) is not found
