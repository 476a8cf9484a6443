"""Tuning: other parameters for the boosted trees, looked for by Optuna for as long as somebody grants.

The trials are judged on rolling-origin windows of their own. These close before the oldest cutoff that chooses between
methods, and so before every test window. What tuning found then has to beat the hand-set parameters, by more than the
margin, on the windows that choose: it has not seen them, and the choice between methods that follows stays honest. The
price is that tuning learns from the older part of the history; where that has no room, nothing is tuned.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from models.errors import NotConvergedError, NotEnoughDataError, UnknownMethodError
from models.prediction import Measurement, Prediction, Task
from models.settings import TrainingSettings
from training.cutoffs import MIN_GAP_DAYS, Plan
from training.levels import choosing_losses
from training.outcome import Losses, mean_loss
from training.run import Trainer, allowance
from training.study import Study
from training.tracking import Tracker

METHOD = "blend"
MAX_FOLDS, MIN_FOLDS = 3, 2
# more trials than these learn a few windows by heart
MAX_TRIALS = 200


@dataclass(frozen=True)
class TimeLimit:
    """How long trials may be begun.

    Parameters
    ----------
    seconds : float
        From the first trial on. None is begun that would end later, if it took as long as the longest so far; the first
        trial of a study, the hand-set parameters, is always made.
    clock : callable
        Returns seconds that only grow, e.g. ``time.monotonic``: what trains reads no clock of its own.
    """

    seconds: float
    clock: Callable[[], float]


@dataclass(frozen=True)
class Folds:
    """The windows that trials are judged on.

    Parameters
    ----------
    days : tuple of date
        Cutoffs, newest first; a fit that is measured there has learnt from windows that end by then.
    tasks : tuple of Task
        What is measured there: the tasks that choose and whose windows have room.
    """

    days: tuple[date, ...]
    tasks: tuple[Task, ...]

    @property
    def horizon(self) -> int:
        """The longest window, in days."""
        return max(task.horizon for task in self.tasks)


@dataclass(frozen=True)
class Tuning:
    """What tuning came to.

    Parameters
    ----------
    trials : int
        Trials of the study, those of earlier runs included; the first is the hand-set parameters.
    parameters : mapping of str to number
        The best trial's.
    taken : bool
        Whether fits will begin with them.
    sentence : str
        What to tell.
    """

    trials: int
    parameters: Mapping[str, float]
    taken: bool
    sentence: str


def check_tunable(wanted: Sequence[Prediction], predictions: Sequence[Prediction], training: TrainingSettings) -> None:
    """Refuse predictions that have nothing to tune, and a configuration that leaves out what would be tuned.

    Raises
    ------
    UnknownMethodError
        The message says which of ``predictions`` have it, or what leaves it out.
    """
    if METHOD in training.without:
        raise UnknownMethodError(f"--tune looks for parameters of {METHOD}, which training.without names: take it out")
    unable = [prediction.name for prediction in wanted if METHOD not in prediction.methods]
    if unable:
        able = " ".join(prediction.name for prediction in predictions if METHOD in prediction.methods)
        raise UnknownMethodError(
            f"--tune looks for parameters of {METHOD}, no method of {' or '.join(unable)}; those that have it: "
            f"foresell train {able} --tune MINUTES"
        )


def tune(trainer: Trainer, tracker: Tracker, *, parent: str, limit: TimeLimit, trials: int = MAX_TRIALS) -> Tuning:
    """Look for better parameters, and let the fits of a training run begin with them where they are better.

    A study is kept in the workspace by prediction, data and settings: what was tried is not tried again, and a run that
    was killed goes on where it was. The same seed makes the same trials, however often they were interrupted.

    Parameters
    ----------
    trainer : Trainer
        Its ``tuned`` is set where tuning paid.
    tracker : Tracker
        Gets a run for each trial.
    parent : str
        The training run that they belong to.
    limit : TimeLimit
        How long.
    trials : int
        Trials of the study at most.
    """
    found = _tuned(trainer, tracker, parent=parent, limit=limit, trials=trials)
    tracker.log_parameters(
        parent, {"tuning.trials": str(found.trials), "tuning.taken": str(found.taken).lower(), "tuning": found.sentence}
    )
    return found


def _tuned(trainer: Trainer, tracker: Tracker, *, parent: str, limit: TimeLimit, trials: int) -> Tuning:
    folds = tuning_folds(trainer.plan, trainer.prediction.tasks)
    if folds is None:
        return Tuning(0, {}, False, "not tuned: the history is too short for windows before those that choose")
    study = Study(trainer, folds.days)
    try:
        _try(study, folds, trainer, tracker, parent=parent, limit=limit, trials=trials)
        return _judged(study, trainer)
    except (NotEnoughDataError, NotConvergedError) as error:
        # windows older than those of training may hold too little; the training that follows judges for itself
        return Tuning(len(study), {}, False, f"not tuned: {error.message}")


def tuning_folds(plan: Plan, tasks: Sequence[Task]) -> Folds | None:
    """Return the windows that trials are judged on; None = there is no room for ``MIN_FOLDS``.

    All of them end at or before the oldest cutoff that chooses, whatever its task, and none reaches into another. Tasks
    whose horizon leaves no room are not measured.
    """
    choosing = tuple(task for task in tasks if task.chooses)
    oldest = min(day for task in choosing for day in plan.validation[task.tag])
    for horizon in sorted({task.horizon for task in choosing}, reverse=True):
        days = _spaced(plan.grid, end=oldest, horizon=horizon)
        if len(days) >= MIN_FOLDS:
            return Folds(days, tuple(task for task in choosing if task.horizon <= horizon))
    return None


def _spaced(grid: Sequence[date], *, end: date, horizon: int) -> tuple[date, ...]:
    days: list[date] = []
    latest = end - timedelta(horizon)
    for day in reversed(grid):
        # at least one training window must close before it
        if day <= latest and grid[0] + timedelta(horizon) <= day and len(days) < MAX_FOLDS:
            days.append(day)
            latest = day - timedelta(max(horizon, MIN_GAP_DAYS))
    return tuple(days)


def _try(
    study: Study, folds: Folds, trainer: Trainer, tracker: Tracker, *, parent: str, limit: TimeLimit, trials: int
) -> None:
    name, clock = trainer.prediction.name, limit.clock
    began, longest = clock(), 0.0
    while len(study) < trials and (not len(study) or clock() - began + longest < limit.seconds):
        started = clock()
        share = min((started - began) / limit.seconds, 1.0) if limit.seconds else None
        trainer.progress(f"{name}: tuning, trial {len(study) + 1}", share)
        parameters = study.propose()
        with tracker.run(name, f"trial {len(study) + 1}", kind="trial", parent=parent) as run_id:
            losses = _losses(trainer, folds, parameters)
            loss = mean_loss(folds.tasks, losses)
            by_task = {f"tuning.loss.{tag}": float(each.mean()) for tag, each in losses.items()}
            tracker.log_trial(run_id, parameters, {"tuning.loss": loss} | by_task)
            study.add(parameters, loss)
        longest = max(longest, clock() - started)


def _losses(trainer: Trainer, folds: Folds, parameters: Mapping[str, Any]) -> dict[str, Losses]:
    """Return the loss of each (customer, fold) by task tag."""
    by_tag: dict[str, list[Measurement]] = {task.tag: [] for task in folds.tasks}
    for day in folds.days:
        # not one of the trainer's own fits, which it keeps: hundreds of trials would fill the memory
        fitted = trainer.prediction.fit(
            METHOD,
            trainer.plan.examples(trainer.examples, day, folds.horizon),
            horizon=folds.horizon,
            seed=trainer.settings.training.seed,
            choices={"parameters": parameters},
        )
        for task in folds.tasks:
            by_tag[task.tag].append(trainer.measured(fitted, task, day))
    return {tag: choosing_losses(measured) for tag, measured in by_tag.items()}


def _judged(study: Study, trainer: Trainer) -> Tuning:
    """Compare the best trial with the hand-set parameters on the windows that choose, and take what is better."""
    trials = f"{len(study)} trials" if len(study) > 1 else "1 trial"
    position, parameters = study.best
    if not position:
        return Tuning(
            len(study), parameters, False, f"tuning did not pay: the hand-set parameters are the best of {trials}"
        )
    tasks, margin = trainer.prediction.tasks, trainer.settings.training.margin
    trainer.progress(f"{trainer.prediction.name}: tuned against hand-set")
    by_hand = mean_loss(tasks, trainer.validation_losses(METHOD))
    tuned = mean_loss(tasks, trainer.validation_losses(METHOD, {"parameters": parameters}))
    taken = by_hand - tuned > allowance(by_hand, margin)
    if taken:
        trainer.tuned[METHOD] = {"parameters": parameters}
    verdict = "tuned" if taken else "tuning did not pay: the hand-set parameters stay"
    sentence = f"{verdict} (validation loss after {trials}: {tuned:.4f} tuned, {by_hand:.4f} hand-set; margin {margin})"
    return Tuning(len(study), parameters, taken, sentence)
