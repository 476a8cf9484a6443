"""The outcome of a training run: what competed, what won, on which cutoffs, with which figures."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.artifact import Artifact
from models.prediction import Customers, Measurement, Prediction, Task
from training.cutoffs import Plan
from training.evaluate import Figures
from training.inspection import Inspection

Losses = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """What one training run of one prediction found.

    Parameters
    ----------
    prediction : Prediction
        As configured.
    plan : Plan
        Its cutoffs.
    method : str
        The method that was chosen; it is what ``artifact`` holds.
    artifact : Artifact
        The chosen method, fitted on windows that end at or before the newest test cutoff.
    validation : mapping of str to mapping of str to float64 array
        method -> task tag -> loss of each (customer, fold), the same units in the same order for every method.
    test : mapping of str to mapping of str to Measurement
        method -> task tag -> the test window's measurement.
    figures : mapping of str to mapping of str to Figures
        method -> task tag -> metric -> value with interval, on the test window.
    paired : mapping of str to mapping of str to Figures
        other method -> task tag -> metric -> chosen minus other, with interval, on the test window.
    examples : int
        Rows (customer x cutoff) of the training frame.
    explained : Customers
        The eligible customers at the newest test cutoff, whom the card explains the model with.
    left_out : mapping of str to str
        Methods that do not compete, and why: the message of a fit that did not converge, or the configuration.
    inspection : Inspection
        Leak checks and slices.
    """

    prediction: Prediction
    plan: Plan
    method: str
    artifact: Artifact
    validation: Mapping[str, Mapping[str, Losses]]
    test: Mapping[str, Mapping[str, Measurement]]
    figures: Mapping[str, Mapping[str, Figures]]
    paired: Mapping[str, Mapping[str, Figures]]
    examples: int
    explained: Customers
    left_out: Mapping[str, str] = field(default_factory=dict)
    inspection: Inspection = field(default_factory=Inspection)

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that were measured, from the most complex to the simplest."""
        return tuple(method for method in self.prediction.methods if method not in self.left_out)

    @property
    def others(self) -> tuple[str, ...]:
        """The methods that were not chosen."""
        return tuple(method for method in self.methods if method != self.method)

    @property
    def rivals(self) -> tuple[str, ...]:
        """The methods that are not ours."""
        return tuple(method for method in self.methods if method in self.prediction.rivals)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What was measured: a task that does not choose is left out where there was nobody to measure it on."""
        return tuple(task for task in self.prediction.tasks if task.tag in self.test[self.method])

    @property
    def summary(self) -> str:
        """The choice in a sentence: what was chosen, and how it did on the test windows beside the others."""
        told = []
        for task in self.tasks:
            metric = next(iter(self.figures[self.method][task.tag]))
            others = ", ".join(f"{other} {self.figures[other][task.tag][metric].value:.3f}" for other in self.others)
            told.append(f"{task.tag} {metric} {self.figures[self.method][task.tag][metric]} ({others})")
        told += [f"{method} is left out: {why}" for method, why in self.left_out.items()]
        told += [f"WARNING: {warning}" for warning in self.inspection.warnings]
        return f"{self.method}; {'; '.join(told)}"

    @cached_property
    def validation_loss(self) -> Mapping[str, float]:
        """Mean validation loss of each method over the tasks that choose."""
        return {method: mean_loss(self.prediction.tasks, losses) for method, losses in self.validation.items()}


def mean_loss(tasks: tuple[Task, ...], losses: Mapping[str, Losses]) -> float:
    """Return the mean over the choosing tasks of their mean loss."""
    return float(np.mean([losses[task.tag].mean() for task in tasks if task.chooses]))
