"""A training run: every method of a prediction on the same split, the choice by validation, the report by the test."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np

from models import columns as col
from models.artifact import Artifact, golden_customers
from models.errors import NotConvergedError, NotEnoughDataError, UnknownMethodError
from models.features import fingerprint
from models.prediction import Customers, Examples, Fitted, Measurement, Prediction, Task
from models.settings import Settings
from training.competing import LEFT_OUT, competing
from training.cutoffs import Plan, plan
from training.drift import Days, day_figures
from training.evaluate import figures, paired
from training.forgotten import Register, register_path
from training.frame import training_frame
from training.inspection import inspect
from training.intake_report import IntakeReport
from training.kept_tables import ANONYMOUS_SALES, kept_tables
from training.levels import choosing_losses
from training.outcome import Losses, Outcome, mean_loss
from training.progress import Progress, silent

RELATIVE_MARGIN = 0.005


class Trainer:
    """Fits and measures the methods of one prediction on one history.

    Parameters
    ----------
    settings : Settings
        The workspace's configuration.
    prediction : Prediction
        What is predicted.
    intake : IntakeReport
        The tables.
    progress : callable
        Told what happens now.
    laid : Plan, optional
        The cutoffs; default: as configured.
    """

    def __init__(
        self,
        settings: Settings,
        prediction: Prediction,
        intake: IntakeReport,
        progress: Progress = silent,
        *,
        laid: Plan | None = None,
    ) -> None:
        self.settings = settings
        self.prediction = prediction
        self.intake = intake
        self.progress = progress
        first_day = intake.tables[col.ORDER_LINES].first_day
        assert first_day is not None  # intake refuses a history without a usable order line
        self._fits: dict[tuple[str, date, int, str], Fitted] = {}
        self.tuned: dict[str, Mapping[str, Any]] = {}
        """Choices that fits of a method begin with where none are given, by method: what tuning found."""
        self.plan = laid or plan(settings.cutoffs, prediction.tasks, first_day=first_day, end=intake.as_of)
        progress(f"{prediction.name}: features at {len(self.plan.cutoffs)} cutoffs")
        with kept_tables(settings, intake) as engine:
            self.examples = training_frame(
                engine,
                prediction,
                self.plan.cutoffs,
                limit=self.plan.end,
                max_examples=settings.training.max_examples,
                seed=settings.training.seed,
                anonymous=settings.tables / ANONYMOUS_SALES,
            )

    @property
    def competing(self) -> tuple[str, ...]:
        """The methods that compete, from the most complex to the simplest."""
        return competing(self.prediction, self.settings.training)

    @cached_property
    def days(self) -> Days:
        """What each day of the order lines holds, as far as intake says that they are all there."""
        with kept_tables(self.settings, self.intake) as engine:
            return day_figures(engine, before=self.intake.as_of)

    @property
    def forgotten_ids(self) -> int:
        """Ids that intake leaves out because their people are forgotten."""
        return len(Register.load(register_path(self.settings)).digests)

    def fit(self, method: str, limit: date, horizon: int, choices: Mapping[str, Any] | None = None) -> Fitted:
        """Fit a method on the windows that have closed by ``limit``; tasks that share a fit pay for it once."""
        choices = self.tuned.get(method) if choices is None else choices
        key = (method, limit, horizon, json.dumps(choices, sort_keys=True))
        if key not in self._fits:
            examples = self.plan.examples(self.examples, limit, horizon)
            seed = self.settings.training.seed
            self._fits[key] = self.prediction.fit(method, examples, horizon=horizon, seed=seed, choices=choices)
        return self._fits[key]

    def forget_fits(self) -> None:
        """Drop every fit: one that is asked for again is fitted anew. Those of rankers are large."""
        self._fits.clear()

    def validation_losses(self, method: str, choices: Mapping[str, Any] | None = None) -> dict[str, Losses]:
        """Return the loss of each (customer, fold) of each choosing task, by tag; see ``choosing_losses``."""
        losses: dict[str, Losses] = {}
        for task in self.prediction.tasks:
            if task.chooses:
                folds = [
                    self.measured(self.fit(method, day, task.horizon, choices), task, day)
                    for day in self.plan.validation[task.tag]
                ]
                losses[task.tag] = choosing_losses(folds)
        return losses

    def measured_on_test(self, method: str) -> dict[str, Measurement]:
        """Return each task's measurement on its test window, by tag; tasks with one cutoff share a fit.

        A task that does not choose is left out where there is nobody to measure it on.
        """
        measured = {
            task.tag: self.measured(self._fit_on_test(method, task), task, self.plan.test[task.tag])
            for task in self.prediction.tasks
        }
        return {tag: each for tag, each in measured.items() if len(each.loss)}

    def customers_on_test(self, method: str, task: Task) -> Customers | None:
        """Return the customers whom a task is measured on in its test window; None = its units are not customers."""
        window = self.window(task, self.plan.test[task.tag])
        rows = self.prediction.units(self._fit_on_test(method, task), window, task)
        return None if rows is None else window.customers.take(rows)

    def artifact(self, method: str, limit: date, choices: Mapping[str, Any] | None = None) -> Artifact:
        """Fit a method for all horizons on the windows that have closed by ``limit``, ready to be served."""
        horizon = self.prediction.tasks[-1].horizon
        examples = self.plan.examples(self.examples, limit, horizon)
        known = examples.customers.take(self.prediction.eligible(examples.customers)).features
        return Artifact(
            prediction=self.prediction,
            fitted=self.fit(method, limit, horizon, choices),
            names=examples.customers.names,
            fingerprint=fingerprint(self.prediction.features),
            medians=_medians(known),
            golden=golden_customers(known, seed=self.settings.training.seed),
        )

    def eligible_at(self, day: date) -> Customers:
        """Return the customers for whom the prediction is defined at one cutoff."""
        customers = self.examples.at([day]).customers
        return customers.take(self.prediction.eligible(customers))

    def window(self, task: Task, day: date) -> Examples:
        """Return the customers at a cutoff with what happened in the task's window, and no later."""
        return self.examples.at([day]).known_by(day + timedelta(task.horizon))

    def measured(self, fitted: Fitted, task: Task, day: date) -> Measurement:
        """Measure a fit on a task's window after a cutoff.

        Raises
        ------
        NotEnoughDataError
            A task that chooses has nobody to measure it on.
        """
        measurement = self.prediction.measure(fitted, self.window(task, day), task)
        if task.chooses and not len(measurement.loss):
            raise NotEnoughDataError(
                f"{self.prediction.name}: nobody is eligible on {day}, where {task.horizon} days are measured; at "
                f"least one is needed: see [predictions.{self.prediction.name}] and cutoffs.newest_test"
            )
        return measurement

    def _fit_on_test(self, method: str, task: Task) -> Fitted:
        day = self.plan.test[task.tag]
        longest = max(other.horizon for other in self.prediction.tasks if self.plan.test[other.tag] == day)
        return self.fit(method, day, longest)


def train(trainer: Trainer, method: str | None = None) -> Outcome:
    """Let the methods of a prediction compete.

    Parameters
    ----------
    trainer : Trainer
        On the history at hand.
    method : str, optional
        Take this method whatever the validation says; default: the one that validation chooses.

    Raises
    ------
    UnknownMethodError
        The prediction has no such method.
    NotEnoughDataError
        There are too few examples, or only one class, or nobody to measure on.
    NotConvergedError
        The method that was asked for, or every one, did not converge; a single one is left out and marked.
    """
    prediction, training = trainer.prediction, trainer.settings.training
    if method is not None:
        check_method(prediction, method)
    validation: dict[str, dict[str, Losses]] = {}
    test: dict[str, dict[str, Measurement]] = {}
    left_out: dict[str, str] = {}
    for name in prediction.methods:
        if name not in trainer.competing and name != method:
            left_out[name] = LEFT_OUT
            continue
        trainer.progress(f"{prediction.name}: {name}")
        try:
            losses, measured = trainer.validation_losses(name), trainer.measured_on_test(name)
        except NotConvergedError as error:
            if name == method:
                raise
            left_out[name] = error.message
        else:
            validation[name], test[name] = losses, measured
    chosen, artifact = _chosen(trainer, method, validation, left_out)
    test = {name: test[name] for name in validation}
    trainer.progress(f"{prediction.name}: intervals")
    interval = {"draws": training.bootstrap_samples, "seed": training.seed}
    return Outcome(
        prediction=prediction,
        plan=trainer.plan,
        method=chosen,
        artifact=artifact,
        validation=validation,
        test=test,
        figures={name: {tag: figures(m, **interval) for tag, m in test[name].items()} for name in test},
        paired={
            name: {tag: paired(test[chosen][tag], m, **interval) for tag, m in test[name].items()}
            for name in test
            if name != chosen
        },
        examples=len(trainer.examples),
        explained=trainer.eligible_at(max(trainer.plan.test.values())),
        left_out=left_out,
        inspection=inspect(trainer, chosen, test),
    )


def check_method(prediction: Prediction, method: str) -> None:
    """Refuse a method that a prediction does not have.

    Raises
    ------
    UnknownMethodError
        The message names those that it has.
    """
    if method not in prediction.methods:
        raise UnknownMethodError(f"{prediction.name} has no method {method!r}; it has {', '.join(prediction.methods)}")


def _chosen(
    trainer: Trainer, method: str | None, validation: dict[str, dict[str, Losses]], left_out: dict[str, str]
) -> tuple[str, Artifact]:
    """Choose a method and fit what is served of it; one that does not converge there is left out like any other."""
    prediction, margin = trainer.prediction, trainer.settings.training.margin
    while validation:
        chosen = method or choose(tuple(validation), prediction.tasks, validation, margin=margin)
        try:
            return chosen, trainer.artifact(chosen, max(trainer.plan.test.values()))
        except NotConvergedError as error:
            if method:
                raise
            del validation[chosen]
            left_out[chosen] = error.message
    told = [why for why in left_out.values() if why != LEFT_OUT]
    raise NotConvergedError(f"{prediction.name}: no method converged: {'; '.join(told)}")


def choose(
    methods: Sequence[str], tasks: tuple[Task, ...], validation: Mapping[str, Mapping[str, Losses]], *, margin: float
) -> str:
    """Return the simplest method whose validation loss is as good as the best.

    Parameters
    ----------
    methods : sequence of str
        From the most complex to the simplest.
    tasks : tuple of Task
        What they are measured by.
    validation : mapping of str to mapping of str to array
        method -> task tag -> losses.
    margin : float
        The most that a loss as good as the best may exceed it by; see ``allowance``.
    """
    loss = {name: mean_loss(tasks, validation[name]) for name in methods}
    best = min(loss.values())
    return next(name for name in reversed(methods) if loss[name] <= best + allowance(best, margin))


def allowance(loss: float, margin: float) -> float:
    """Return by how much another loss may exceed this one and still be as good.

    Where an event is rare every loss is small, and a margin in nats would be as wide as all that methods differ by.
    """
    return min(margin, RELATIVE_MARGIN * loss)


def _medians(features: np.ndarray) -> np.ndarray:
    known = ~np.isnan(features).all(axis=0)
    medians = np.full(features.shape[1], np.nan, np.float32)
    medians[known] = np.nanmedian(features[:, known], axis=0)
    return medians
