from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.next_best_product import candidates as module
from models.next_best_product.affinity import affinity_of
from models.next_best_product.asking import Asked
from models.next_best_product.candidates import FEATURES, GROUPS, Generators
from models.next_best_product.neighbourhood import neighbourhood_of
from models.next_best_product.neighbours import similar_items, together
from models.next_best_product.profiles import Profiles, profiles_of
from models.next_best_product.statistics import statistics_of
from tests.models.next_best_product.corner_shop import APPLE, BREAD, COAL, DIESEL, EGGS, events, profiles

# six orders of apples and eggs by six customers, two of apples alone, bread lately and once; nobody ever bought diesel
LINES = [
    *[(row, item, 5) for row in range(6) for item in (APPLE, EGGS)],
    (6, APPLE, 5), (6, APPLE, 15), (7, BREAD, 40), (7, COAL, 100),
]  # fmt: skip
ANN = profiles([(0, APPLE, 4), (0, APPLE, 14), (0, COAL, 10)], customers=1)
BOTH = profiles([(0, APPLE, 4), (0, APPLE, 14), (0, COAL, 10), (2, EGGS, 3)], customers=3)


def generators() -> Generators:
    sold = events(LINES, customers=8)
    known = profiles_of(sold)
    return Generators(
        statistics_of(sold),
        similar_items(known),
        together(sold),
        affinity_of(known, np.ones(len(known.item))),
        neighbourhood_of(known, known.recent, within_days=90),
    )


def told(known: Profiles, mode: Any, item: int, **asked: Any) -> dict[str, float]:
    """Return what the ranker sees of one candidate of the first customer."""
    found = generators().candidates(Asked(known, mode, **asked))
    (at,) = np.flatnonzero((found.row == 0) & (found.item == item))
    return dict(zip(FEATURES, found.features[at].tolist(), strict=True))


def items(known: Profiles, mode: Any, **asked: Any) -> list[list[int]]:
    found = generators().candidates(Asked(known, mode, **asked))
    return [found.item[found.row == row].tolist() for row in range(known.customers)]


def test_every_column_is_in_one_group() -> None:
    assert len(FEATURES) == len(set(FEATURES)) == sum(len(names) for names in GROUPS.values())
    assert generators().candidates(Asked(ANN, "any")).features.shape[1] == len(FEATURES)


def test_a_mode_has_the_candidates_that_it_may_answer() -> None:
    # nobody ever bought diesel; of the customer in the middle nothing is known
    assert items(BOTH, "any") == [[APPLE, BREAD, COAL, EGGS], [], [APPLE, BREAD, COAL, EGGS]]
    assert items(BOTH, "new") == [[BREAD, EGGS], [], [APPLE, BREAD, COAL]]
    assert items(BOTH, "repeat") == [[APPLE, COAL], [], [EGGS]]
    baskets = (np.array([APPLE]), np.array([COAL]), np.array([], np.int64))
    assert items(BOTH, "basket", baskets=baskets) == [
        [BREAD, COAL, EGGS],
        [APPLE, BREAD, EGGS],
        [APPLE, BREAD, COAL, EGGS],
    ]


def test_only_allowed_items_are_candidates() -> None:
    assert items(ANN, "any", allowed=np.isin(np.arange(5), [COAL, DIESEL, EGGS])) == [[COAL, EGGS]]
    assert items(ANN, "any", allowed=np.zeros(5, bool)) == [[]]


def test_popular_items_make_up_for_those_that_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OWN", "SIMILAR", "LINEAR", "NEAR"):
        monkeypatch.setattr(module, name, 1)
    monkeypatch.setattr(module, "POPULAR", 2)
    # by popularity: apples, eggs, bread, coal; two each that are new to the customer
    found = items(BOTH, "new", allowed=None)
    assert set(found[0]) >= {EGGS, BREAD}
    assert set(found[2]) >= {APPLE, BREAD}


def test_what_was_bought_most_and_lately_is_a_candidate_to_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OWN", 1)
    monkeypatch.setattr(module, "SIMILAR", 0)
    assert items(ANN, "repeat") == [[APPLE]]


@pytest.mark.parametrize("mode", ["any", "repeat"])
def test_own_items_that_a_filter_leaves_are_candidates_however_many_were_bought_more(
    mode: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OWN", 1)
    if mode == "repeat":
        # what is left of the similar items is filled with their own
        monkeypatch.setattr(module, "SIMILAR", 0)
    # nobody else ever bought diesel: only their own purchases make it a candidate
    often = [(row, item, age) for row in (0, 2) for item in (APPLE, BREAD, COAL) for age in (1, 2, 3)]
    known = profiles([*often, (0, DIESEL, 50), (2, DIESEL, 60), (2, EGGS, 90)], customers=3)
    assert not any(DIESEL in each for each in items(known, mode))
    assert items(known, mode, allowed=np.arange(5) == DIESEL) == [[DIESEL], [], [DIESEL]]
    # of two that are left it is the one that was bought more, lately more than long ago
    picked = items(known, mode, allowed=np.isin(np.arange(5), [DIESEL, EGGS]))
    assert [DIESEL in each for each in picked] == [True, False, True]


def test_what_nobody_else_ever_bought_is_a_candidate_to_repeat_and_no_other() -> None:
    ann = profiles([(0, DIESEL, 4)], customers=1)
    assert items(ann, "repeat") == [[DIESEL]]
    assert items(ann, "any") == [[APPLE, BREAD, COAL, DIESEL, EGGS]]
    assert items(ann, "new") == [[APPLE, BREAD, COAL, EGGS]]


def test_own_purchases_are_seen_by_hand() -> None:
    found = told(ANN, "any", APPLE)
    assert (found["orders"], found["last_days"], found["first_days"], found["gap_days"]) == (2, 4, 14, 10)
    # three orders, two with apples; four days of a gap of ten
    assert found["order_share"] == pytest.approx(2 / 3)
    assert found["last_by_own_gap"] == pytest.approx(0.4)
    decayed = 2 ** (-4 / 150) + 2 ** (-14 / 150)
    assert found["decayed_150d"] == pytest.approx(decayed)
    assert found["decayed_14d"] == pytest.approx(2 ** (-4 / 14) + 0.5)
    assert found["decayed_share"] == pytest.approx(decayed / (decayed + 2 ** (-10 / 150)))
    # one customer of the town bought apples twice, ten days apart
    assert found["item_gap_days"] == pytest.approx(10)
    assert found["last_by_item_gap"] == pytest.approx(0.4)
    assert (found["order_days"], found["recency_days"], found["tenure_days"], found["basket_items"]) == (3, 4, 14, 1)


def test_a_gap_is_not_known_when_it_was_bought_once() -> None:
    found = told(ANN, "any", COAL)
    assert found["orders"] == 1
    assert np.isnan([found["gap_days"], found["last_by_own_gap"]]).all()


def test_what_was_never_bought_has_no_purchases_of_its_own() -> None:
    found = told(ANN, "any", EGGS)
    assert np.isnan([found[name] for name in GROUPS["own purchases"]]).all()
    assert found["order_days"] == 3


def test_popularity_is_seen_by_hand() -> None:
    found = told(ANN, "any", EGGS)
    # six customers in the last week, second behind seven with apples
    shares = [found[f"share_{window}"] for window in ("7d", "30d", "90d", "ever")]
    assert shares == pytest.approx([6 / 7] * 4)
    assert [found[f"rank_{window}"] for window in ("7d", "30d", "90d", "ever")] == [1, 1, 1, 1]
    # of the 13 buyers of the last week and month, and the 14 of the quarter
    assert (found["trend_7d"], found["trend_30d"]) == pytest.approx((1, (6 / 13) / (6 / 14)))
    assert found["repeat_rate"] == 0
    bread = told(ANN, "any", BREAD)
    assert (bread["share_30d"], bread["share_90d"], bread["share_ever"]) == pytest.approx((0, 1 / 7, 1 / 7))
    # nobody bought bread or coal in the last month; coal was bought once like bread
    assert (bread["rank_30d"], bread["rank_90d"], bread["rank_ever"]) == (2, 2, 2)
    assert (bread["trend_7d"], bread["trend_30d"]) == (0, 0)


def test_a_month_in_which_everybody_buys_twice_as_many_things_says_the_same() -> None:
    busy = statistics_of(events(LINES, customers=8))
    calm = replace(busy, recent=busy.recent / 2)
    for name in ("ranks", "trends"):
        np.testing.assert_allclose(getattr(calm, name), getattr(busy, name))
    np.testing.assert_allclose(calm.shares[:3], busy.shares[:3])


def test_nothing_is_popular_where_nobody_bought_anything() -> None:
    nothing = statistics_of(events([], customers=3))
    assert (nothing.shares == 0).all()
    assert (nothing.ranks == 0).all()
    assert (nothing.trends == 0).all()


def test_similar_customers_are_seen_with_their_share_of_the_highest() -> None:
    found = told(ANN, "any", EGGS)
    # those who bought apples bought eggs as well
    assert found["near"] > 0
    assert found["near_share"] < 1
    # apples are more so, and out of the question where the customer never bought the item
    assert told(ANN, "any", APPLE)["near_share"] == 1
    assert told(ANN, "new", EGGS)["near_share"] == 1
    assert told(ANN, "new", EGGS)["near"] == found["near"]


def test_similarity_is_seen_with_its_share_of_the_highest() -> None:
    found = told(ANN, "any", EGGS)
    # six customers bought both, seven apples, six eggs
    assert found["similar"] == pytest.approx(6 / np.sqrt(7 * 6))
    # nothing else is similar to apples, and nothing at all to coal
    assert found["similar_share"] == 1
    apple = told(ANN, "any", APPLE)
    assert (apple["similar"], apple["similar_share"]) == (0, 0)
    linear = generators().affinity.weights[[APPLE, COAL]].sum(axis=0)
    assert linear.argmax() == EGGS
    assert found["affinity"] == pytest.approx(linear[EGGS], rel=1e-5)
    assert found["affinity_share"] == 1
    bread = told(ANN, "any", BREAD)
    assert bread["affinity"] == pytest.approx(linear[BREAD], rel=1e-5)
    assert bread["affinity_share"] == pytest.approx(linear[BREAD] / linear[EGGS], rel=1e-5)
    assert 0 < bread["affinity_share"] < 1


@pytest.mark.parametrize("mode", ["any", "new", "repeat", "basket"])
def test_a_filter_changes_nothing_that_is_seen_of_what_it_leaves(mode: Any) -> None:
    baskets = (np.array([COAL]), np.array([APPLE]), np.array([BREAD])) if mode == "basket" else ()
    every = generators().candidates(Asked(BOTH, mode, baskets=baskets))
    # without apples and eggs, which are the highest of similarity and affinity
    left = np.isin(np.arange(5), [BREAD, COAL, DIESEL])
    found = generators().candidates(Asked(BOTH, mode, left, baskets))
    kept = left[every.item]
    assert 0 < kept.sum() < len(kept)
    assert (found.row.tolist(), found.item.tolist()) == (every.row[kept].tolist(), every.item[kept].tolist())
    np.testing.assert_array_equal(found.features, every.features[kept])


def test_what_is_bought_again_is_seen_as_in_the_next_basket() -> None:
    every, again = (generators().candidates(Asked(BOTH, mode)) for mode in ("any", "repeat"))
    own = np.isin(every.row * 5 + every.item, BOTH.row * 5 + BOTH.item)
    assert 0 < own.sum() < len(own)
    assert (again.row.tolist(), again.item.tolist()) == (every.row[own].tolist(), every.item[own].tolist())
    np.testing.assert_array_equal(again.features, every.features[own])


def test_the_basket_is_seen_by_hand() -> None:
    basket = (np.array([APPLE, COAL]),)
    found = told(ANN, "basket", EGGS, baskets=basket)
    # six orders hold apples and eggs, eight apples, six eggs; coal has no rule
    assert found["together"] == pytest.approx(6 / np.sqrt(8 * 6))
    assert found["confidence"] == pytest.approx(6 / 8 / 2)
    plain = told(ANN, "any", EGGS)
    assert np.isnan([plain["together"], plain["confidence"]]).all()


def test_shares_are_of_each_customers_own_highest_and_nought_where_nothing_is_above_it() -> None:
    values = np.array([[1, 4, -2], [10, 5, 0], [0, 0, 0], [-3, -1, 0]], np.float32)
    row, item = np.nonzero(np.ones(values.shape))
    own, shares = module._with_share(values, row, item)
    assert own.tolist() == values.ravel().tolist()
    assert shares.reshape(4, 3).tolist() == [[0.25, 1, -0.5], [1, 0.5, 0], [0, 0, 0], [-3, -1, 0]]
    assert len(module._with_share(np.empty((2, 0), np.float32), row[:0], item[:0])[1]) == 0


def test_the_top_are_above_nought_and_equals_go_together() -> None:
    found = module._top(np.array([[3, 1, 2, 1], [0, 0, 0, 5], [1, 1, 1, 1]], np.float32), 3)
    assert found.tolist() == [[True, True, True, True], [False, False, False, True], [True] * 4]
    assert module._top(np.array([[0, -1, 2]], np.float32), 3).tolist() == [[False, False, True]]


def test_there_are_no_candidates_when_there_is_nobody() -> None:
    found = generators().candidates(Asked(profiles([], customers=0), "any"))
    assert (len(found.row), found.features.shape) == (0, (0, len(FEATURES)))
