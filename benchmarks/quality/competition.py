"""Every method of a prediction on one split: validation losses, the choice, and the test windows; no model is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from models.errors import NotConvergedError
from models.prediction import Measurement
from training.cutoffs import Plan
from training.evaluate import Figure, figures, paired
from training.outcome import Losses, mean_loss
from training.progress import Progress, silent
from training.run import Trainer, choose

DRAWS, SEED = 500, 1


@dataclass(frozen=True)
class Competition:
    """What the methods of a prediction reached on one split.

    Parameters
    ----------
    chosen : str
        The method that validation chose, as ``foresell train`` does; without a validation window our first one.
    validation : mapping of str to float
        Mean validation loss by method; empty without a validation window.
    test : mapping of str to mapping of str to Measurement
        method -> task tag -> the test window's measurement, in the prediction's order.
    rivals : tuple of str
        Those of the measured methods that are not ours.
    choices : mapping of str to mapping
        What the fit of each method at the newest test cutoff chose.
    left_out : mapping of str to str
        Methods that did not converge, with the message.
    """

    chosen: str
    validation: Mapping[str, float]
    test: Mapping[str, Mapping[str, Measurement]]
    rivals: tuple[str, ...]
    choices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    def figures(self, tag: str) -> dict[str, dict[str, Any]]:
        """Return method -> metric -> value, low and high."""
        found = {name: figures(each[tag], draws=DRAWS, seed=SEED) for name, each in self.test.items()}
        return {name: plain(each) for name, each in found.items()}

    def paired(self, tag: str) -> dict[str, dict[str, Any]]:
        """Return other method -> metric -> chosen minus other on the same customers, with its interval."""
        ours = self.test[self.chosen][tag]
        return {
            name: plain(paired(ours, each[tag], draws=DRAWS, seed=SEED))
            for name, each in self.test.items()
            if name != self.chosen
        }


def compete(
    trainer: Trainer, plans: Sequence[Plan] = (), progress: Progress = silent, *, references: Sequence[str] = ()
) -> list[Competition]:
    """Fit and measure every method, and choose between them by validation alone.

    Parameters
    ----------
    trainer : Trainer
        On the history; it must hold the cutoffs of every plan.
    plans : sequence of Plan
        One competition each; what was fitted for one is used again by the others. Default: the trainer's own.
    progress : callable
        Told which method is fitted.
    references : sequence of str
        Methods that are measured and cannot be chosen.
    """
    entries = [_Entries(each, tuple(references)) for each in plans or (trainer.plan,)]
    for name in trainer.prediction.methods:
        progress(f"{trainer.prediction.name}: {name}")
        for entry in entries:
            trainer.plan = entry.plan
            entry.add(trainer, name)
        # no other method uses them
        trainer.forget_fits()
    return [entry.competition(trainer) for entry in entries]


@dataclass(frozen=True)
class _Entries:
    """What has been measured so far on one plan."""

    plan: Plan
    references: tuple[str, ...]
    validation: dict[str, Mapping[str, Losses]] = field(default_factory=dict)
    test: dict[str, Mapping[str, Measurement]] = field(default_factory=dict)
    choices: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, trainer: Trainer, method: str) -> None:
        """Measure a method on the plan, or say why it is left out."""
        try:
            losses = trainer.validation_losses(method) if self._validated and method not in self.references else {}
            measured = trainer.measured_on_test(method)
        except NotConvergedError as error:
            self.left_out[method] = error.message
        else:
            self.validation[method], self.test[method] = losses, measured
            # the fit that was measured, not a new one
            newest, horizon = max(self.plan.test.values()), trainer.prediction.tasks[-1].horizon
            self.choices[method] = dict(trainer.fit(method, newest, horizon).choices)

    def competition(self, trainer: Trainer) -> Competition:
        """Choose as ``foresell train`` does."""
        tasks, margin = trainer.prediction.tasks, trainer.settings.training.margin
        able = tuple(name for name in self.test if name not in self.references)
        return Competition(
            chosen=choose(able, tasks, self.validation, margin=margin) if self._validated else able[0],
            validation={name: mean_loss(tasks, each) for name, each in self.validation.items() if each},
            test=self.test,
            rivals=tuple(name for name in self.test if name in trainer.prediction.rivals),
            choices=self.choices,
            left_out=self.left_out,
        )

    @property
    def _validated(self) -> bool:
        return all(self.plan.validation.values())


def plain(found: Mapping[str, Figure]) -> dict[str, dict[str, float]]:
    """Return figures as plain data."""
    return {
        metric: {key: float(np.float64(value)) for key, value in asdict(each).items()} for metric, each in found.items()
    }
