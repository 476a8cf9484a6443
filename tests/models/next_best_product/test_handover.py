"""Customer 0..119 each bought one item before, and buys the next one of a ring of five in the window."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.handover import HeldOut, held_out
from models.next_best_product.learning import Learnt, Past, Snapshot
from models.rivals.item_knn import ItemKNN
from models.rivals.most_popular import MostPopular
from tests.models.next_best_product.corner_shop import events

PEOPLE, ITEMS = 120, 5


def seen(people: int = PEOPLE) -> Snapshot:
    bought = [(row, row % ITEMS, 3) for row in range(people)]
    after = tuple(np.array([(row + 1) % ITEMS]) for row in range(people))
    return Snapshot(events(bought, customers=people, items=ITEMS), after, after)


class Guess:
    """Ranks the item ``steps`` after the one that was bought first in so many of a hundred customers' lists."""

    choices: Any = {}  # noqa: RUF012

    def __init__(self, hundredths: int) -> None:
        self.hundredths = hundredths

    def score(self, asked: Asked) -> np.ndarray:
        scores = np.full((len(asked), asked.profiles.items), NOT_SCORED)
        own = asked.profiles.item
        right = (own * 7 + np.arange(len(own)) * 31) % 100 < self.hundredths
        scores[np.arange(len(own)), (own + 1) % ITEMS] = np.where(right, 2, 0)
        scores[np.arange(len(own)), (own + 2) % ITEMS] = 1
        return scores

    def parts(self) -> Any:
        return {}


def test_the_best_of_the_generators_serves_where_it_is_better_than_the_ranker() -> None:
    held = HeldOut(seen(), {"weak": Guess(20), "good": Guess(60), "poor": Guess(0)})
    assert held.better("new", Guess(10)) == "good"
    assert held.better("new", Guess(90)) is None


def test_the_ranker_serves_where_chance_may_have_put_the_generator_ahead() -> None:
    # each list that the generator alone gets right is worth 1 - 1 / log2(3) = .37
    held = HeldOut(seen(), {"good": Guess(60)})
    right = [int((held.ndcg("any", Guess(share)) == 1).sum()) for share in (60, 58, 57)]
    # of 120 lists 2 more (1.42 standard errors), and 3 more (1.75)
    assert right == [73, 71, 70]
    assert held.better("any", Guess(58)) is None
    assert held.better("any", Guess(57)) == "good"


def test_the_ranker_serves_where_the_generators_lists_are_its_own() -> None:
    assert HeldOut(seen(), {"good": Guess(60)}).better("new", Guess(60)) is None


def test_the_ranker_serves_where_neither_finds_anything() -> None:
    # everybody buys what nobody ever bought: a sixth item
    bought = [(row, row % ITEMS, 3) for row in range(PEOPLE)]
    after = (np.array([ITEMS]),) * PEOPLE
    held = HeldOut(Snapshot(events(bought, customers=PEOPLE, items=ITEMS + 1), after, after), {"good": Guess(60)})
    assert len(held.ndcg("new", Guess(60))) == PEOPLE
    assert not held.ndcg("new", Guess(60)).any()
    assert held.better("new", Guess(60)) is None


def test_of_equal_generators_the_first_serves() -> None:
    held = HeldOut(seen(), {"simple": Guess(60), "complex": Guess(60)})
    assert held.better("any", Guess(0)) == "simple"


def test_a_list_has_its_ndcg_by_hand() -> None:
    held = HeldOut(seen(), {})
    # what is right comes first, or second behind the item after it
    assert held.ndcg("new", Guess(100)).tolist() == [1.0] * PEOPLE
    assert held.ndcg("new", Guess(0)) == pytest.approx(np.full(PEOPLE, 1 / np.log2(3)))


def test_nothing_is_handed_over_where_too_few_lists_can_be_compared() -> None:
    assert HeldOut(seen(99), {"good": Guess(90)}).better("new", Guess(0)) is None
    assert HeldOut(seen(100), {"good": Guess(90)}).better("new", Guess(0)) == "good"
    nothing_new = replace(seen(), window=(np.empty(0, np.int64),) * PEOPLE)
    assert HeldOut(nothing_new, {"good": Guess(90)}).better("new", Guess(0)) is None


def past(count: int) -> tuple[Past, ...]:
    return tuple(Past(date(2017, 9 - back, 1), back, seen) for back in range(count))


@pytest.mark.parametrize(("count", "expected"), [(0, False), (1, False), (2, False), (3, True)])
def test_the_newest_of_three_past_cutoffs_is_held_out(count: int, expected: bool) -> None:
    found = held_out(Learnt(seen(), past(count), {}), (MostPopular(), ItemKNN()), seed=1)
    assert (found is not None) == expected
    if found is not None:
        assert list(found.singles) == ["most_popular", "item_knn"]


def test_generators_are_fitted_on_what_was_known_at_the_held_out_cutoff() -> None:
    learnt: list[Learnt] = []

    class Spy:
        name = "spy"

        def fit(self, given: Learnt, *, seed: int, choices: Any = None) -> Any:
            learnt.append(given)

    given = Learnt(seen(200), past(3), {})
    held_out(given, (Spy(),), seed=1)  # type: ignore[arg-type]
    assert learnt[0].now.profiles.customers == PEOPLE
    assert learnt[0].past == given.past[1:]
