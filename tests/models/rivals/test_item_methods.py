"""What every published rival of next-best-product bears: odd customers, odd shops, one customer alone."""

import numpy as np
import pytest

from models.next_best_product.asking import Asked
from models.next_best_product.recommender import ItemMethod
from models.next_best_product.statistics import statistics_of
from models.rivals.als import ALS
from models.rivals.decayed_frequency import DecayedFrequency
from models.rivals.ease import EASE
from models.rivals.item_knn import ItemKNN
from models.rivals.most_popular import MostPopular
from models.rivals.personal_frequency import PersonalFrequency
from models.rivals.tifu_knn import TIFUKNN
from models.rivals.up_cf import UPCF
from tests.models.next_best_product.corner_shop import (
    APPLE,
    BREAD,
    COAL,
    EGGS,
    NO_RULES,
    events,
    fitted_scorer,
    profiles,
)

METHODS: tuple[ItemMethod, ...] = (
    ALS(), EASE(), TIFUKNN(), UPCF(), ItemKNN(), DecayedFrequency(), PersonalFrequency(), MostPopular(),
)  # fmt: skip
NAMES = [method.name for method in METHODS]
RNG = np.random.default_rng(3)
LINES = [(int(row), int(item), int(age)) for row, item, age in RNG.integers((0, 0, 1), (80, 3, 80), (900, 3))]
MODES = ("any", "new", "repeat", "basket")


def question(lines: list[tuple[int, int, int]], customers: int, mode: str) -> Asked:
    baskets = (np.array([BREAD]),) * customers if mode == "basket" else ()
    return Asked(profiles(lines, customers=customers), mode, baskets=baskets)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_a_customer_is_scored_alone_as_among_many(method: ItemMethod, mode: str) -> None:
    fitted = fitted_scorer(method, LINES, customers=80)
    asked = question([*LINES, (80, EGGS, 4)], 82, mode)
    found = fitted.score(asked)
    assert found.shape == (82, 5)
    assert not np.isnan(found).any()
    singles = [fitted.score(asked.chunk(row, row + 1)) for row in range(82)]
    np.testing.assert_array_equal(np.concatenate(singles), found)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_a_saved_method_scores_the_same(method: ItemMethod, mode: str) -> None:
    fitted = fitted_scorer(method, LINES, customers=80)
    loaded = method.load(fitted.parts(), statistics_of(events(LINES, customers=80)), NO_RULES)
    asked = question(LINES, 80, mode)
    np.testing.assert_array_equal(loaded.score(asked), fitted.score(asked))
    assert (loaded.parts(), loaded.choices) == (fitted.parts(), fitted.choices)


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_a_customer_with_ten_thousand_lines_is_scored(method: ItemMethod) -> None:
    many = [(0, line % 5, 1 + line // 5) for line in range(10_000)]
    found = fitted_scorer(method, LINES, customers=80).score(question(many, 1, "any"))
    assert not np.isnan(found).any()
    assert (found < np.inf).all()
    # and is learnt from
    taught = fitted_scorer(method, [*LINES, *((80, item, age) for _, item, age in many)], customers=81)
    assert not np.isnan(taught.score(question(many, 1, "any"))).any()


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_nothing_is_made_up_when_the_assortment_changed_completely(method: ItemMethod) -> None:
    # everybody bought the first three items; this one bought eggs, which nobody else did
    found = fitted_scorer(method, LINES, customers=80).score(question([(0, EGGS, 4)], 1, "any"))[0]
    assert not np.isnan(found).any()
    scored = set(np.flatnonzero(found > -np.inf).tolist())
    assert scored <= {APPLE, BREAD, COAL, EGGS}


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_one_customer_or_nobody_is_enough_to_fit(method: ItemMethod) -> None:
    for lines, customers in (([(0, APPLE, 3)], 1), ([], 1)):
        fitted = fitted_scorer(method, lines, customers=customers)
        for asked in ([(0, APPLE, 3)], []):
            found = fitted.score(question(asked, 1, "any"))
            assert found.shape == (1, 5)
            assert not np.isnan(found).any()
