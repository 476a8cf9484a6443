import numpy as np
import pytest

from models.next_best_product import trial
from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.learning import Learnt, Past, Snapshot
from models.next_best_product.trial import trial_of
from tests.models.next_best_product.corner_shop import APPLE, BREAD, COAL, EGGS
from tests.models.next_best_product.past import DAY, learnt_with, snapshot_of

# everybody bought apples lately; bread comes next, and coal is what is new in the window
PEOPLE = [[(APPLE, 5)]] * 120


class Always:
    """Scores one item."""

    def __init__(self, item: int) -> None:
        self.item = item

    @property
    def choices(self) -> dict[str, int]:
        return {}

    def score(self, asked: Asked) -> np.ndarray:
        found = np.full((len(asked), 5), NOT_SCORED)
        found[:, self.item] = 1
        return found

    def parts(self) -> dict[str, bytes]:
        return {}


SCORERS = {item: Always(item) for item in (APPLE, BREAD, COAL, EGGS)}


def test_the_best_at_the_newest_past_cutoff_is_chosen_by_mode() -> None:
    found = trial_of(learnt_with(snapshot_of(PEOPLE, [BREAD], [COAL])))
    assert found is not None
    assert found.best("any", SCORERS) == BREAD
    assert found.best("new", SCORERS) == COAL


def test_the_first_is_chosen_when_none_is_better() -> None:
    found = trial_of(learnt_with(snapshot_of(PEOPLE, [BREAD])))
    assert found is not None
    assert found.best("any", {"one": Always(EGGS), "other": Always(COAL)}) == "one"
    # nothing was new to anybody
    assert found.best("new", SCORERS) == APPLE


def test_the_first_is_chosen_when_too_few_have_lists_to_compare() -> None:
    for count, best in ((99, APPLE), (100, BREAD)):
        found = trial_of(learnt_with(snapshot_of(PEOPLE[:count], [BREAD])))
        assert found is not None
        assert found.best("any", SCORERS) == best


def test_there_is_no_trial_without_a_past() -> None:
    assert trial_of(Learnt(snapshot_of(PEOPLE, [BREAD]), (), {})) is None


def test_a_cutoff_is_read_once_and_kept_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MAX_TRIED", 110)
    read = []

    def once() -> Snapshot:
        read.append(1)
        return snapshot_of(PEOPLE, [BREAD], [COAL])

    past = (Past(DAY, "newest", once),)
    learnt = Learnt(snapshot_of(PEOPLE, [EGGS]), past, {})
    found = trial_of(learnt)
    # another limit that learns from the same cutoff
    assert trial_of(Learnt(snapshot_of(PEOPLE, [APPLE]), past, learnt.kept)) is found
    assert found is not None
    assert (len(read), [len(asked) for asked, _ in found.questions.values()]) == (1, [110, 110])
