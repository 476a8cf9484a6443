import pytest

from models.next_best_product.asking import NOT_SCORED, Asked
from models.rivals.decayed_frequency import DecayedFrequency
from tests.models.next_best_product.corner_shop import (
    APPLE,
    BREAD,
    EGGS,
    NO_RULES,
    fitted_scorer,
    profiles,
)
from tests.models.next_best_product.past import learnt_with, snapshot_of

# of four customers two bought apples in the last 30 days, one eggs; bread was bought before
LINES = [(0, APPLE, 5), (1, APPLE, 6), (1, APPLE, 16), (2, EGGS, 4), (3, BREAD, 60)]
# an item is worth three orders where everybody bought it
APPLES, EGG = 3 * 2 / 4, 3 / 4


def scores(*lines: tuple[int, int, int], mode: str = "any") -> list[float]:
    fitted = fitted_scorer(DecayedFrequency(), LINES, customers=4)
    found: list[float] = fitted.score(Asked(profiles(list(lines), customers=1), mode))[0].tolist()  # type: ignore[arg-type]
    return found


def test_each_order_is_halved_every_150_days_and_popularity_added() -> None:
    found = scores((0, BREAD, 150), (0, APPLE, 150), (0, APPLE, 300))
    assert found == pytest.approx([0.75 + APPLES, 0.5, NOT_SCORED, NOT_SCORED, EGG])


@pytest.mark.parametrize("mode", ["any", "new", "repeat"])
def test_popularity_alone_scores_what_was_never_bought(mode: str) -> None:
    assert scores(mode=mode) == pytest.approx([APPLES, NOT_SCORED, NOT_SCORED, NOT_SCORED, EGG])


def test_what_is_popular_may_stand_before_what_was_bought_once_long_ago() -> None:
    found = scores((0, BREAD, 300))
    assert found[APPLE] > found[BREAD] == 0.25


def chosen(people: list[list[tuple[int, int]]], basket: int) -> object:
    return DecayedFrequency().fit(learnt_with(snapshot_of(people, [basket])), seed=1).choices


# apples five times long ago, 0.1 each with a half-life of 150 days; bread once lately, as everybody did
LONG_AGO = [[*((APPLE, 500 + order) for order in range(5)), (BREAD, 10)]] * 120
# six orders with a favourite six weeks ago, half of them apples, half eggs; bread as above
FAVOURITES = [[*((APPLE if row % 2 else EGGS, 40 + order) for order in range(6)), (BREAD, 10)] for row in range(120)]


def test_orders_count_alike_when_what_was_bought_long_ago_came_next() -> None:
    # 5 against 1 + 3
    assert chosen(LONG_AGO, APPLE) == {"half_life_days": None, "popularity_orders": 3.0}


def test_the_usual_is_chosen_when_nothing_is_better() -> None:
    assert chosen(LONG_AGO, BREAD) == {"half_life_days": 150.0, "popularity_orders": 3.0}


def test_popularity_weighs_more_when_what_is_popular_came_next() -> None:
    # six orders are 4.9 after 150 days' half-life, and bread 0.95 + 3, or + 10
    assert chosen(FAVOURITES, BREAD) == {"half_life_days": 150.0, "popularity_orders": 10.0}


def test_what_was_chosen_scores_and_is_saved() -> None:
    now = snapshot_of([[(APPLE, 300), (APPLE, 310), (BREAD, 5)], [(BREAD, 6)]], [])
    fitted = DecayedFrequency().fit(learnt_with(snapshot_of(LONG_AGO, [APPLE]), now), seed=1)
    loaded = DecayedFrequency().load(fitted.parts(), now.statistics, NO_RULES)
    for each in (fitted, loaded):
        found = each.score(Asked(now.profiles, "any"))[0].tolist()
        assert found == [2, 1 + 3, NOT_SCORED, NOT_SCORED, NOT_SCORED]


def test_frozen_choices_are_not_chosen_again() -> None:
    frozen = {"half_life_days": 45.0, "popularity_orders": 1.0}
    learnt = learnt_with(snapshot_of(LONG_AGO, [APPLE]))
    assert DecayedFrequency().fit(learnt, seed=1, choices=frozen).choices == frozen
    assert not learnt.kept
