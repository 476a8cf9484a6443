import numpy as np
import pytest

from models.prediction import Task
from training.run import choose

TASKS = (Task("h7", 7), Task("h30", 30), Task("date", 30, chooses=False))


def losses(first: float, second: float, third: float = 0.0) -> dict[str, np.ndarray]:
    return {"h7": np.full(4, first), "h30": np.full(2, second), "date": np.full(2, third)}


def test_the_best_method_wins_when_it_is_clearly_better() -> None:
    validation = {"trees": losses(0.2, 0.3), "simple": losses(0.3, 0.3)}
    assert choose(("trees", "simple"), TASKS, validation, margin=0.002) == "trees"


def test_the_simpler_method_wins_when_the_difference_is_within_the_margin() -> None:
    validation = {"trees": losses(0.2, 0.3), "simple": losses(0.201, 0.302)}
    assert choose(("trees", "simple"), TASKS, validation, margin=0.002) == "simple"


def test_a_rival_wins_when_it_is_better() -> None:
    validation = {"trees": losses(0.4, 0.4), "middle": losses(0.1, 0.1), "simple": losses(0.3, 0.3)}
    assert choose(("trees", "middle", "simple"), TASKS, validation, margin=0.002) == "middle"


def test_each_task_weighs_the_same_when_they_have_different_numbers_of_customers() -> None:
    # h7 has twice the rows of h30; the mean of the means is .25 against .26
    validation = {"trees": losses(0.2, 0.3), "simple": losses(0.12, 0.4)}
    assert choose(("trees", "simple"), TASKS, validation, margin=0) == "trees"


@pytest.mark.parametrize("third", [0.0, 100.0])
def test_a_task_that_does_not_choose_changes_nothing(third: float) -> None:
    validation = {"trees": losses(0.2, 0.3, third), "simple": losses(0.3, 0.3)}
    assert choose(("trees", "simple"), TASKS, validation, margin=0.002) == "trees"
