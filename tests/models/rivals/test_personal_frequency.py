from models.next_best_product.asking import NOT_SCORED, Asked, Mode
from models.next_best_product.neighbours import together
from models.next_best_product.reasons import PastPurchase
from models.next_best_product.recommender import Level
from models.next_best_product.statistics import statistics_of
from models.next_best_product.vocabulary import Vocabulary
from models.rivals.personal_frequency import PersonalFrequency
from tests.models.next_best_product.corner_shop import (
    APPLE,
    BREAD,
    COAL,
    DIESEL,
    EGGS,
    IDS,
    NO_RULES,
    events,
    profiles,
)

# eggs are more popular than coal, coal than apples; nobody bought bread
LINES = [*[(row, EGGS, 5) for row in range(3)], (0, COAL, 6), (1, COAL, 6), (2, APPLE, 7), (2, DIESEL, 90)]
# coal on two days, apples and eggs on one
ANN = profiles([(0, APPLE, 1), (0, COAL, 9), (0, COAL, 90), (0, EGGS, 80)], customers=1)


def ranked(mode: Mode, k: int = 10) -> list[int]:
    sold = events(LINES, customers=3)
    level = Level(Vocabulary("product_id", IDS), statistics_of(sold), together(sold), PersonalFrequency())
    found: list[int] = level.rank(Asked(ANN, mode), k).items[0].tolist()
    return found


def test_the_score_is_the_number_of_days() -> None:
    found = PersonalFrequency().score(Asked(ANN, "any"))
    assert found.tolist() == [[1, NOT_SCORED, 2, NOT_SCORED, 1]]


def test_what_was_bought_most_comes_first_then_the_more_popular_then_what_others_buy() -> None:
    assert ranked("any") == [COAL, EGGS, APPLE, DIESEL]
    assert ranked("repeat") == [COAL, EGGS, APPLE]


def test_only_popularity_is_left_for_what_is_new() -> None:
    assert ranked("new") == [DIESEL]
    assert BREAD not in ranked("any")


def test_the_reason_is_the_past_purchase() -> None:
    sold = events(LINES, customers=3)
    level = Level(Vocabulary("product_id", IDS), statistics_of(sold), together(sold), PersonalFrequency())
    found = level.rank(Asked(ANN, "any"), 4)
    assert found.why[0] == (PastPurchase(2, 9), PastPurchase(1, 80), PastPurchase(1, 1), None)


def test_there_is_nothing_to_choose_and_nothing_to_keep() -> None:
    method = PersonalFrequency()
    assert (method.choices, method.parts()) == ({}, {})
    assert method.load({}, statistics_of(events([], customers=1)), NO_RULES) == method
