import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import prediction_named, predictions
from models.boosting import PARAMETERS
from models.errors import NotConvergedError, NotEnoughDataError, TrackingError, UnknownMethodError
from models.prediction import Customers, Examples, Task
from models.settings import Settings, TrainingSettings, load_settings
from tests.commands import Command, command_line
from tests.shop import open_shop
from training import study
from training.challenger import make_challenger
from training.cutoffs import Plan
from training.ingest import ensure_tables
from training.run import Trainer
from training.study import STUDIES
from training.tracking import Tracker
from training.tune import METHOD, Folds, TimeLimit, Tuning, check_tunable, tune, tuning_folds

EVER = TimeLimit(float("inf"), lambda: 0.0)
MONDAYS = tuple(date(2024, 1, 1) + timedelta(7 * week) for week in range(30))


@dataclass(frozen=True)
class Guess:
    """The same probability for everybody."""

    probability: float
    outputs: int
    method: str = "blend"
    choices: dict[str, Any] = field(default_factory=dict)

    def score(self, customers: Customers) -> np.ndarray:
        return np.full((len(customers), self.outputs), self.probability)

    def parts(self) -> dict[str, bytes]:
        return {}


@dataclass
class Fits:
    """Stands in for ``Prediction.fit``: the farther the learning rate from the best, the farther the guess.

    Parameters
    ----------
    best : float
        Learning rate whose guess is the share of those to whom it happened.
    steepness : float
        How far a guess is off for a learning rate e times as large or small.
    fail_at : int, optional
        The fit that is interrupted.
    """

    trainer: Trainer
    best: float = 0.1
    steepness: float = 0.1
    fail_at: int | None = None
    limits: list[date] = field(default_factory=list)
    made: int = 0

    def __call__(
        self, method: str, examples: Examples, *, horizon: int, seed: int, choices: dict[str, Any] | None = None
    ) -> Guess:
        self.made += 1
        if self.made == self.fail_at:
            raise KeyboardInterrupt
        self.limits.append(examples.limit)
        rate = (choices or {}).get("parameters", PARAMETERS)["learning_rate"]
        off = self.steepness * abs(np.log(rate / self.best))
        return Guess(float(np.clip(0.5 + off, 0.01, 0.99)), 1, method, dict(choices or {}))

    @property
    def clock(self) -> Callable[[], float]:
        """A clock on which every fit takes a second."""
        return lambda: float(self.made)


class Notes:
    """Stands in for a tracker: keeps what was logged of trials, in a workspace of its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tried: list[tuple[dict[str, Any], float]] = []
        self.parameters: dict[str, str] = {}

    @contextmanager
    def run(self, prediction: str, run_name: str, *, kind: str, parent: str | None = None) -> Iterator[str]:
        yield run_name

    def log_trial(self, run_id: str, parameters: dict[str, Any], metrics: dict[str, float]) -> None:
        self.tried.append((parameters, metrics["tuning.loss"]))

    def log_parameters(self, run_id: str, parameters: dict[str, str]) -> None:
        self.parameters |= parameters


@pytest.fixture(autouse=True)
def few_random_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "RANDOM_TRIALS", 2)


@pytest.fixture
def new_notes(churn: Trainer, tmp_path: Path) -> Callable[[], Notes]:
    numbers = count()
    return lambda: Notes(churn.settings.model_copy(update={"workspace": tmp_path / str(next(numbers))}))


@pytest.fixture
def notes(new_notes: Callable[[], Notes]) -> Notes:
    return new_notes()


@pytest.fixture(scope="module")
def churn(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    settings = load_settings(open_shop(tmp_path_factory.mktemp("shop")))
    return trainer_of(settings)


def trainer_of(settings: Settings) -> Trainer:
    intake = ensure_tables(settings, today=date(2026, 11, 1))
    return Trainer(settings, prediction_named("churn", settings.models), intake)


@pytest.fixture
def new_trainer(churn: Trainer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Trainer]:
    """Make trainers that have fitted nothing yet, and that work in the workspace of a tracker."""

    def make(tracker: Any, *, seed: int = 1, **fits: Any) -> Trainer:
        trainer = copy.copy(churn)
        trainer.tuned, trainer._fits = {}, {}
        training = churn.settings.training.model_copy(update={"seed": seed})
        update = {"workspace": tracker.settings.workspace, "training": training}
        trainer.settings = churn.settings.model_copy(update=update)
        trainer.prediction = copy.copy(churn.prediction)
        trainer.prediction.fit = Fits(trainer, **fits)  # type: ignore[method-assign]
        return trainer

    return make


def fits_of(trainer: Trainer) -> Fits:
    assert isinstance(trainer.prediction.fit, Fits)
    return trainer.prediction.fit


def older_windows(trainer: Trainer) -> Folds:
    folds = tuning_folds(trainer.plan, trainer.prediction.tasks)
    assert folds is not None
    return folds


def tuned(trainer: Trainer, tracker: Any, *, trials: int = 3, limit: TimeLimit = EVER) -> Tuning:
    with tracker.run("churn", "train churn", kind="train") as parent:
        return tune(trainer, tracker, parent=parent, limit=limit, trials=trials)


def trial_runs(tracker: Tracker) -> list[Any]:
    """Return the runs of trials, in order."""
    found = tracker.client.search_runs([tracker.experiment("churn")], "tags.foresell.kind = 'trial'")
    return sorted(found, key=lambda run: str(run.info.run_name))


def test_the_first_trial_is_the_hand_set_parameters(notes: Notes, new_trainer: Callable[..., Trainer]) -> None:
    found = tuned(new_trainer(notes), notes, trials=1)
    ((parameters, _),) = notes.tried
    assert parameters == {name: PARAMETERS[name] for name in parameters}
    assert found.sentence == "tuning did not pay: the hand-set parameters are the best of 1 trial"
    assert not found.taken


def test_the_same_seed_makes_the_same_trials(
    new_notes: Callable[[], Notes], new_trainer: Callable[..., Trainer]
) -> None:
    one, same, other = new_notes(), new_notes(), new_notes()
    for notes, seed in ((one, 1), (same, 1), (other, 2)):
        tuned(new_trainer(notes, seed=seed), notes, trials=6)
    assert one.tried == same.tried != other.tried
    assert len(one.tried) == 6


def test_a_study_goes_on_when_its_process_was_killed(
    new_notes: Callable[[], Notes], new_trainer: Callable[..., Trainer]
) -> None:
    whole, broken = new_notes(), new_notes()
    tuned(new_trainer(whole), whole, trials=6)
    with pytest.raises(KeyboardInterrupt):
        # three fits a trial: in the middle of the fifth
        tuned(new_trainer(broken, fail_at=14), broken, trials=6)
    assert len(broken.tried) == 4
    assert tuned(new_trainer(broken), broken, trials=6).trials == 6
    assert broken.tried == whole.tried


def test_what_was_tried_is_not_tried_again(notes: Notes, new_trainer: Callable[..., Trainer]) -> None:
    first = tuned(new_trainer(notes), notes)
    again = new_trainer(notes)
    assert tuned(again, notes) == first
    folds = tuning_folds(again.plan, again.prediction.tasks)
    assert folds is not None
    assert not set(fits_of(again).limits) & set(folds.days)
    assert len(notes.tried) == 3


def test_other_settings_are_another_study(notes: Notes, new_trainer: Callable[..., Trainer]) -> None:
    tuned(new_trainer(notes), notes, trials=3)
    tuned(new_trainer(notes, seed=2), notes, trials=3)
    assert len(notes.tried) == 6


def test_no_trial_is_begun_that_would_end_too_late(notes: Notes, new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer(notes)
    # three fits a trial, a second each: begun at 0, 3 and 6; the one at 9 would end at 12
    found = tuned(trainer, notes, limit=TimeLimit(10.5, fits_of(trainer).clock), trials=100)
    assert found.trials == len(notes.tried) == 3


def test_a_study_with_trials_makes_no_more_when_there_is_no_time(
    notes: Notes, new_trainer: Callable[..., Trainer]
) -> None:
    for _ in range(2):
        trainer = new_trainer(notes)
        assert tuned(trainer, notes, limit=TimeLimit(0, fits_of(trainer).clock)).trials == 1


def test_better_parameters_are_taken_when_the_windows_that_choose_agree(
    notes: Notes, new_trainer: Callable[..., Trainer]
) -> None:
    trainer = new_trainer(notes)
    found = tuned(trainer, notes, trials=8)
    assert found.taken
    assert trainer.tuned["blend"] == {"parameters": found.parameters}
    assert abs(np.log(found.parameters["learning_rate"] / 0.1)) < abs(np.log(0.05 / 0.1))
    assert found.sentence.startswith("tuned (")
    # what training fits next begins with them
    assert trainer.fit("blend", trainer.plan.end, 14).choices == {"parameters": found.parameters}


def test_better_parameters_are_not_taken_when_they_gain_less_than_the_margin(
    notes: Notes, new_trainer: Callable[..., Trainer]
) -> None:
    trainer = new_trainer(notes, steepness=0.001)
    found = tuned(trainer, notes, trials=8)
    assert found.parameters["learning_rate"] != PARAMETERS["learning_rate"]
    assert (found.taken, trainer.tuned) == (False, {})
    assert found.sentence.startswith(
        "tuning did not pay: the hand-set parameters stay (validation loss after 8 trials:"
    )


def test_parameters_are_not_taken_when_they_were_good_for_older_windows_alone(
    notes: Notes, new_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = new_trainer(notes)
    folds, fits = older_windows(trainer), fits_of(trainer)

    def later_the_other_way_round(method: str, examples: Examples, **more: Any) -> Guess:
        fits.best = 0.1 if examples.limit in folds.days else 0.02
        return fits(method, examples, **more)

    monkeypatch.setattr(trainer.prediction, "fit", later_the_other_way_round)
    found = tuned(trainer, notes, trials=8)
    assert found.parameters["learning_rate"] > PARAMETERS["learning_rate"]
    assert (found.taken, trainer.tuned) == (False, {})


def test_trials_see_no_window_that_chooses_or_reports(notes: Notes, new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer(notes)
    seen = []
    measured = trainer.measured

    def noted(fitted: Any, task: Task, day: date) -> Any:
        seen.append(day + timedelta(task.horizon))
        return measured(fitted, task, day)

    trainer.measured = noted  # type: ignore[method-assign]
    tuned(trainer, notes, trials=1)
    oldest = min(trainer.plan.validation["h14"])
    assert max(seen) <= oldest < trainer.plan.test["h14"]
    assert max(fits_of(trainer).limits) < oldest


def test_trials_are_nested_runs_with_their_parameters_and_losses(
    tracker: Tracker, new_trainer: Callable[..., Trainer]
) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        tracker.run("churn", "train churn", kind="train") as parent,
    ):
        tune(new_trainer(tracker, fail_at=8), tracker, parent=parent, limit=EVER)
    runs = trial_runs(tracker)
    assert [(run.info.run_name, run.info.status) for run in runs] == [
        ("trial 1", "FINISHED"), ("trial 2", "FINISHED"), ("trial 3", "KILLED")
    ]  # fmt: skip
    assert {run.data.tags["mlflow.parentRunId"] for run in runs} == {parent}
    assert runs[0].data.params["learning_rate"] == "0.05"
    assert runs[0].data.metrics["tuning.loss"] == runs[0].data.metrics["tuning.loss.h14"] > 0


def test_the_training_run_says_what_tuning_came_to(notes: Notes, new_trainer: Callable[..., Trainer]) -> None:
    found = tuned(new_trainer(notes), notes)
    assert notes.parameters == {
        "tuning.trials": "3",
        "tuning.taken": str(found.taken).lower(),
        "tuning": found.sentence,
    }


def test_nothing_is_tuned_when_the_history_has_no_room(notes: Notes, new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer(notes)
    trainer.plan = Plan(trainer.plan.end, trainer.plan.grid[6:], trainer.plan.test, trainer.plan.validation, 14)
    found = tuned(trainer, notes)
    assert found.sentence == "not tuned: the history is too short for windows before those that choose"
    assert (found.trials, trainer.tuned, fits_of(trainer).made) == (0, {}, 0)
    assert not (notes.settings.workspace / STUDIES).exists()
    assert notes.parameters["tuning"] == found.sentence


@pytest.mark.parametrize("error", [NotEnoughDataError, NotConvergedError])
def test_nothing_is_tuned_when_an_older_window_cannot_be_learnt_from(
    notes: Notes, new_trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    trainer = new_trainer(notes)
    folds, fits = older_windows(trainer), fits_of(trainer)

    def too_little_at_first(method: str, examples: Examples, **more: Any) -> Guess:
        if examples.limit == min(folds.days):
            raise error("12 customers, at least 100 are needed")
        return fits(method, examples, **more)

    monkeypatch.setattr(trainer.prediction, "fit", too_little_at_first)
    found = tuned(trainer, notes)
    assert found == Tuning(0, {}, False, "not tuned: 12 customers, at least 100 are needed")
    assert notes.parameters["tuning"] == found.sentence
    # what a plain training fits is fitted as before
    assert trainer.tuned == {}
    assert trainer.fit("blend", trainer.plan.end, 14).choices == {}


def test_a_file_that_is_no_study_is_refused_in_one_line(notes: Notes, new_trainer: Callable[..., Trainer]) -> None:
    path = notes.settings.workspace / STUDIES
    path.parent.mkdir(parents=True)
    path.write_text("not a database, however long one looks at it")
    with pytest.raises(
        TrackingError, match=r"\A\S+tuning.db failed: [^\n]+ not a database; train without --tune, or rem"
    ):
        tuned(new_trainer(notes), notes)


def test_optuna_says_nothing(
    notes: Notes, new_trainer: Callable[..., Trainer], capfd: pytest.CaptureFixture[str]
) -> None:
    tuned(new_trainer(notes), notes, trials=3)
    assert capfd.readouterr() == ("", "")


def plan_of(validation: dict[str, tuple[date, ...]]) -> Plan:
    return Plan(MONDAYS[-1], MONDAYS, {}, validation, 14)


def test_windows_of_trials_follow_one_another_before_the_oldest_that_chooses() -> None:
    # 28 days before week 20 is week 16; then every fourth
    plan = plan_of({"h7": (MONDAYS[24], MONDAYS[22]), "h28": (MONDAYS[24], MONDAYS[20])})
    tasks = (Task("h7", 7), Task("h28", 28), Task("date", 90, chooses=False))
    folds = tuning_folds(plan, tasks)
    assert folds is not None
    assert folds.days == (MONDAYS[16], MONDAYS[12], MONDAYS[8])
    assert folds.tasks == tasks[:2]


def test_a_horizon_without_room_is_left_out_of_the_trials() -> None:
    # 84 days before week 20 is week 8, and no window of 84 days has closed by then; two weeks lie between those of 7
    plan = plan_of({"h7": (MONDAYS[24],), "h84": (MONDAYS[20],)})
    folds = tuning_folds(plan, (Task("h7", 7), Task("h84", 84)))
    assert folds is not None
    assert folds.days == (MONDAYS[19], MONDAYS[17], MONDAYS[15])
    assert folds.tasks == (Task("h7", 7),)


def test_one_window_is_not_enough_for_trials() -> None:
    assert tuning_folds(plan_of({"h84": (MONDAYS[28],)}), (Task("h84", 84),)) is None


def test_a_prediction_without_boosted_trees_is_refused_in_one_line() -> None:
    everything = predictions()
    wanted = [each for each in everything if each.name in ("churn", "lookalike")]
    with pytest.raises(
        UnknownMethodError, match=r"no method of lookalike; .*: foresell train churn repurchase --tune MIN"
    ):
        check_tunable(wanted, everything, TrainingSettings())
    check_tunable(wanted[:1], everything, TrainingSettings())


def test_a_method_that_does_not_compete_is_not_tuned() -> None:
    everything = predictions()
    with pytest.raises(UnknownMethodError, match=r"which training\.without names: take it out"):
        check_tunable(everything[:1], everything, TrainingSettings(without=(METHOD,)))


def test_the_command_line_refuses_before_it_reads_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command: Command = command_line(capsys, monkeypatch)
    said = command("train", "--tune", "5", "--workspace", open_shop(tmp_path, customers=3))
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "foresell train churn repurchase --tune MINUTES" in said.err
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_training_tells_what_tuning_came_to(churn: Trainer) -> None:
    ticks = count()
    made = make_challenger(copy.copy(churn), tuning=TimeLimit(5, lambda: float(next(ticks))))
    assert made["tuning"] in made["sentence"]
    assert len(trial_runs(Tracker(churn.settings))) > 1
