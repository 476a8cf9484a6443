import numpy as np

from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.neighbours import together
from models.next_best_product.recommender import Level
from models.next_best_product.statistics import statistics_of
from models.next_best_product.vocabulary import Vocabulary
from models.rivals.most_popular import MostPopular
from tests.models.next_best_product.corner_shop import (
    APPLE,
    BREAD,
    COAL,
    EGGS,
    IDS,
    NO_RULES,
    events,
    fitted_scorer,
    profiles,
)

# bought by three lately, by two lately, by one lately, and by four long ago
LINES = [*[(row, APPLE, 5) for row in range(3)], *[(row, EGGS, 6) for row in range(2)], (0, BREAD, 7)] + [
    (row, COAL, 60) for row in range(4)
]
ANN = profiles([(0, APPLE, 3), (0, COAL, 9)], customers=2)


def test_nothing_is_scored_for_anybody() -> None:
    found = fitted_scorer(MostPopular(), LINES, customers=4).score(Asked(ANN, "any"))
    assert found.tolist() == [[NOT_SCORED] * 5] * 2


def test_everybody_gets_what_most_bought_in_the_last_30_days() -> None:
    sold = events(LINES, customers=4)
    level = Level(Vocabulary("product_id", IDS), statistics_of(sold), together(sold), MostPopular())
    found = level.rank(Asked(ANN, "any"), 10)
    assert [each.tolist() for each in found.items] == [[APPLE, EGGS, BREAD, COAL]] * 2
    # popularity filled every place: there is no score
    assert [len(each) for each in found.scores] == [4, 4]
    assert np.isnan(np.concatenate(found.scores)).all()
    assert np.concatenate(found.fallbacks).all()
    assert level.rank(Asked(ANN, "new"), 10).items[0].tolist() == [EGGS, BREAD]
    assert level.rank(Asked(ANN, "repeat"), 10).items[0].tolist() == [APPLE, COAL]


def test_there_is_nothing_to_choose_and_nothing_to_keep() -> None:
    method = MostPopular()
    assert (method.choices, method.parts()) == ({}, {})
    assert method.load({}, statistics_of(events([], customers=1)), NO_RULES) == method
