from typing import Any

import numpy as np
import pytest

from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.neighbours import together
from models.next_best_product.reasons import PastPurchase
from models.next_best_product.recommender import Level
from models.next_best_product.statistics import WINDOWS_DAYS, statistics_of
from models.next_best_product.vocabulary import Vocabulary
from models.rivals.most_popular import FittedMostPopular, MostPopular
from tests.models.next_best_product.corner_shop import (
    APPLE,
    BREAD,
    COAL,
    DIESEL,
    EGGS,
    IDS,
    NO_RULES,
    events,
    fitted_scorer,
    profiles,
)
from tests.models.next_best_product.past import learnt_with, snapshot_of

# bought by three lately, by two lately, by one lately, and by four long ago
LINES = [*[(row, APPLE, 5) for row in range(3)], *[(row, EGGS, 6) for row in range(2)], (0, BREAD, 7)] + [
    (row, COAL, 60) for row in range(4)
]
ANN = profiles([(0, APPLE, 3), (0, COAL, 9)], customers=2)


def test_nothing_is_scored_for_anybody_without_a_past() -> None:
    found = fitted_scorer(MostPopular(), LINES, customers=4).score(Asked(ANN, "any"))
    assert found.tolist() == [[NOT_SCORED] * 5] * 2


def test_everybody_gets_what_most_bought_in_the_last_30_days() -> None:
    sold = events(LINES, customers=4)
    level = Level(
        Vocabulary("product_id", IDS),
        statistics_of(sold),
        together(sold),
        fitted_scorer(MostPopular(), LINES, customers=4),
    )
    found = level.rank(Asked(ANN, "any"), 10)
    assert [each.tolist() for each in found.items] == [[APPLE, EGGS, BREAD, COAL]] * 2
    # popularity filled every place: there is no score
    assert [len(each) for each in found.scores] == [4, 4]
    assert np.isnan(np.concatenate(found.scores)).all()
    assert np.concatenate(found.fallbacks).all()
    assert level.rank(Asked(ANN, "new"), 10).items[0].tolist() == [EGGS, BREAD]
    assert level.rank(Asked(ANN, "repeat"), 10).items[0].tolist() == [APPLE, COAL]


# apples are what most bought in 30 days, eggs in 7; what is new to the first 120 is diesel in 30 days, coal in 90
PEOPLE = [
    *[[(APPLE, 20), *([(EGGS, 5)] if row % 2 else [])] for row in range(120)],
    *[[(COAL, 60), *([(DIESEL, 20)] if row < 10 else [])] for row in range(15)],
]


def chosen(basket: int, window: int) -> object:
    return MostPopular().fit(learnt_with(snapshot_of(PEOPLE, [basket], [window])), seed=1).choices["windows_days"]


def test_the_window_that_foretold_most_is_chosen_by_mode() -> None:
    assert chosen(EGGS, COAL) == {"any": 7, "new": 90}
    assert chosen(APPLE, DIESEL) == {"any": 30, "new": 30}


def test_a_short_window_ranks_by_the_share_of_its_buyers_and_the_usual_one_fills() -> None:
    now = snapshot_of(PEOPLE, [])
    fitted = MostPopular().fit(learnt_with(snapshot_of(PEOPLE, [EGGS], [DIESEL]), now), seed=1)
    loaded = MostPopular().load(fitted.parts(), now.statistics, NO_RULES)
    for each in (fitted, loaded):
        for mode in ("any", "repeat"):
            found = each.score(Asked(ANN, mode))  # type: ignore[arg-type]
            assert found.tolist() == [[NOT_SCORED] * 4 + [60 / 135]] * 2
        assert each.score(Asked(ANN, "new")).tolist() == [[NOT_SCORED] * 5] * 2
    level = Level(Vocabulary("product_id", IDS), now.statistics, NO_RULES, fitted)
    # whoever ordered before gets the week's first; about the other nothing is known
    assert [each.tolist() for each in level.rank(Asked(ANN, "any"), 3).items] == [
        [EGGS, APPLE, DIESEL],
        [APPLE, EGGS, DIESEL],
    ]


def test_frozen_choices_are_not_chosen_again() -> None:
    frozen = {"windows_days": {"any": 90, "new": 7}}
    learnt = learnt_with(snapshot_of(PEOPLE, [EGGS], [COAL]))
    assert MostPopular().fit(learnt, seed=1, choices=frozen).choices == frozen
    assert not learnt.kept


@pytest.mark.parametrize("days", WINDOWS_DAYS)
@pytest.mark.parametrize("mode", ["any", "new", "basket"])
def test_what_is_the_same_for_everybody_is_a_fallback_whatever_the_window(days: int, mode: Any) -> None:
    sold = events(LINES, customers=4)
    own = FittedMostPopular(statistics_of(sold), {"any": days, "new": days})
    level = Level(Vocabulary("product_id", IDS), statistics_of(sold), together(sold), own)
    # apples and coal were bought before, and a rule leads from apples to eggs
    basket = (np.array([APPLE]),) * 2 if mode == "basket" else ()
    found = level.rank(Asked(ANN, mode, baskets=basket), 4)
    assert found.items[0].size
    assert not any(why for row in found.why for why in row)
    assert np.concatenate(found.fallbacks).all()


def test_what_was_bought_before_is_the_reason_in_mode_repeat_whatever_the_window() -> None:
    sold = events(LINES, customers=4)
    for days in WINDOWS_DAYS:
        own = FittedMostPopular(statistics_of(sold), {"any": days, "new": days})
        level = Level(Vocabulary("product_id", IDS), statistics_of(sold), together(sold), own)
        found = level.rank(Asked(ANN, "repeat"), 4)
        assert dict(zip(found.items[0].tolist(), found.why[0], strict=True)) == {
            APPLE: PastPurchase(1, 3),
            COAL: PastPurchase(1, 9),
        }
