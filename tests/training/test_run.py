from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest

from models import prediction_named
from models.errors import NotConvergedError
from models.prediction import Examples, Task
from models.settings import Settings, load_settings
from tests.shop import open_shop
from training.ingest import ensure_tables
from training.run import Trainer, choose, train

TASKS = (Task("h7", 7), Task("h30", 30), Task("date", 30, chooses=False))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(open_shop(tmp_path_factory.mktemp("shop")))


@pytest.fixture
def new_trainer(shop: Settings) -> Callable[..., Trainer]:
    intake = ensure_tables(shop, today=date(2026, 11, 1))

    def new(name: str, *, without: tuple[str, ...] = ()) -> Trainer:
        training = shop.training.model_copy(update={"without": without})
        settings = shop.model_copy(update={"training": training})
        return Trainer(settings, prediction_named(name, shop.models), intake)

    return new


def without_answer(trainer: Trainer, *methods: str) -> Callable[..., Any]:
    """Return a ``fit`` of the trainer's prediction in which some methods do not converge."""
    fit = trainer.prediction.fit

    def fit_or_fail(method: str, *what: Any, **more: Any) -> Any:
        if method in methods:
            raise NotConvergedError(f"{method} found no answer in 100 steps")
        return fit(method, *what, **more)

    return fit_or_fail


def losses(first: float, second: float, third: float = 0.0) -> dict[str, np.ndarray]:
    return {"h7": np.full(4, first), "h30": np.full(2, second), "date": np.full(2, third)}


def test_the_best_method_wins_when_it_is_clearly_better() -> None:
    validation = {"trees": losses(0.2, 0.3), "simple": losses(0.3, 0.3)}
    assert choose(("trees", "simple"), TASKS, validation, margin=0.002) == "trees"


def test_the_simpler_method_wins_when_the_difference_is_within_the_margin() -> None:
    validation = {"trees": losses(0.5, 0.6), "simple": losses(0.501, 0.602)}
    assert choose(("trees", "simple"), TASKS, validation, margin=0.002) == "simple"


def test_the_margin_is_half_a_per_cent_of_the_loss_when_losses_are_small() -> None:
    # .5 % of .06 is .0003: a difference of .001 is no tie where the event is rare
    validation = {"trees": losses(0.05, 0.07), "simple": losses(0.051, 0.071)}
    assert choose(("trees", "simple"), TASKS, validation, margin=0.002) == "trees"
    validation["simple"] = losses(0.0502, 0.0702)
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


def test_a_method_is_left_out_and_marked_when_it_does_not_converge(
    new_trainer: Callable[[str], Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = new_trainer("churn")
    monkeypatch.setattr(trainer.prediction, "fit", without_answer(trainer, "bg_nbd"))
    outcome = train(trainer)
    assert outcome.left_out == {"bg_nbd": "bg_nbd found no answer in 100 steps"}
    assert set(outcome.validation) == set(outcome.test) == set(outcome.figures) == set(outcome.methods)
    assert set(outcome.methods) == set(trainer.prediction.methods) - {"bg_nbd"}
    assert outcome.method not in outcome.others
    assert outcome.summary.endswith("; bg_nbd is left out: bg_nbd found no answer in 100 steps")


def test_the_method_that_was_asked_for_is_not_replaced_when_it_does_not_converge(
    new_trainer: Callable[[str], Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = new_trainer("churn")
    monkeypatch.setattr(trainer.prediction, "fit", without_answer(trainer, "bg_nbd"))
    with pytest.raises(NotConvergedError, match=r"\Abg_nbd found no answer in 100 steps\Z"):
        train(trainer, "bg_nbd")


def test_a_method_that_the_configuration_leaves_out_is_not_fitted_unless_it_is_asked_for(
    new_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = new_trainer("churn", without=("blend", "recency", "als"))
    fitted, fit = [], trainer.prediction.fit

    def counted(method: str, *what: Any, **more: Any) -> Any:
        fitted.append(method)
        return fit(method, *what, **more)

    monkeypatch.setattr(trainer.prediction, "fit", counted)
    outcome = train(trainer, "recency")
    assert outcome.left_out == {"blend": "training.without names it"}
    assert "blend" not in fitted
    assert outcome.method == "recency"
    assert outcome.summary.endswith("; blend is left out: training.without names it")


@pytest.mark.parametrize("name", ["churn", "next-best-product"])
def test_training_is_refused_in_one_line_when_no_method_converges(
    new_trainer: Callable[[str], Trainer], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    trainer = new_trainer(name)
    monkeypatch.setattr(trainer.prediction, "fit", without_answer(trainer, *trainer.prediction.methods))
    with pytest.raises(NotConvergedError, match=rf"\A{name}: no method converged: [^\n]+; [^\n]+\Z"):
        train(trainer)


def test_the_next_best_is_chosen_when_the_best_does_not_converge_on_the_newest_windows(
    new_trainer: Callable[[str], Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = new_trainer("repurchase")
    fit, best = trainer.prediction.fit, []
    newest, longest = max(trainer.plan.test.values()), trainer.prediction.tasks[-1].horizon

    def fit_or_fail(method: str, examples: Examples, *, horizon: int, **more: Any) -> Any:
        # each horizon is measured by a fit of its own; this is the one that would be served
        if (examples.limit, horizon) == (newest, longest) and not best:
            best.append(method)
            raise NotConvergedError(f"{method} found no answer in 100 steps")
        return fit(method, examples, horizon=horizon, **more)

    monkeypatch.setattr(trainer.prediction, "fit", fit_or_fail)
    outcome = train(trainer)
    assert list(outcome.left_out) == best
    assert outcome.method not in best
    assert outcome.artifact.fitted.method == outcome.method
    assert outcome.figures.keys() == set(outcome.methods)
    assert outcome.paired.keys() == set(outcome.others)
