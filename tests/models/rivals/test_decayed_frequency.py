import numpy as np
import pytest

from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.statistics import statistics_of
from models.rivals.decayed_frequency import POPULARITY_ORDERS, DecayedFrequency
from tests.models.next_best_product.corner_shop import (
    APPLE,
    BREAD,
    EGGS,
    NO_RULES,
    events,
    fitted_scorer,
    profiles,
)

# of four customers two bought apples in the last 30 days, one eggs; bread was bought before
LINES = [(0, APPLE, 5), (1, APPLE, 6), (1, APPLE, 16), (2, EGGS, 4), (3, BREAD, 60)]
APPLES, EGG = POPULARITY_ORDERS * 2 / 4, POPULARITY_ORDERS / 4


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


def test_a_saved_method_scores_the_same() -> None:
    fitted = fitted_scorer(DecayedFrequency(), LINES, customers=4)
    loaded = DecayedFrequency().load(fitted.parts(), statistics_of(events(LINES, customers=4)), NO_RULES)
    asked = Asked(profiles(LINES, customers=4), "any")
    np.testing.assert_array_equal(loaded.score(asked), fitted.score(asked))
    assert (fitted.parts(), loaded.choices) == ({}, {})
