"""A closer look at what a training found: leak checks, and how good the chosen method is for parts of the customers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from models.prediction import Customers, Measurement
from models.settings import Attribute
from training.attribute_values import attribute_values
from training.kept_tables import kept_tables
from training.leaks import Check, Window, leak_checks, not_made
from training.slices import Slices, parts_of, slices

if TYPE_CHECKING:
    from training.run import Trainer


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Parameters
    ----------
    checks : tuple of Check
        For leaks.
    slices : mapping of str to Slices
        By task tag, of the chosen method on the test window; a task that is not measured on customers has none.
    """

    checks: tuple[Check, ...] = ()
    slices: Mapping[str, Slices] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What failed, a sentence each."""
        return tuple(check.told for check in self.checks if check.passed is False)


def inspect(trainer: "Trainer", chosen: str, test: Mapping[str, Mapping[str, Measurement]]) -> Inspection:
    """Look closer.

    Parameters
    ----------
    trainer : Trainer
        Has fitted every method.
    chosen : str
        The method that was chosen.
    test : mapping of str to mapping of str to Measurement
        method -> task tag -> the test window's measurement; our most complex method first.
    """
    trainer.progress(f"{trainer.prediction.name}: checks for leaks")
    checks = _checks(trainer, next(iter(test)), test[chosen])
    trainer.progress(f"{trainer.prediction.name}: slices")
    return Inspection(checks, _slices(trainer, chosen, test[chosen]))


def _checks(trainer: "Trainer", method: str, measured: Mapping[str, Measurement]) -> tuple[Check, ...]:
    prediction, plan = trainer.prediction, trainer.plan
    task = next(task for task in prediction.tasks if task.chooses)
    if not plan.validation[task.tag]:
        return not_made("there is no validation window to make it on")
    day = plan.validation[task.tag][0]
    window = Window(prediction, plan, task, day, trainer.examples, trainer.settings.training.seed)
    newest = replace(window, day=plan.test[task.tag])
    return leak_checks(window, newest, measured[task.tag], fitted=trainer.fit(method, day, task.horizon))


def _slices(trainer: "Trainer", method: str, measured: Mapping[str, Measurement]) -> dict[str, Slices]:
    found = {}
    for task in trainer.prediction.tasks:
        customers = trainer.customers_on_test(method, task)
        if task.tag in measured and customers is not None and len(customers) == len(measured[task.tag].loss):
            parts = parts_of(customers, *_attributes(trainer, customers))
            found[task.tag] = slices(measured[task.tag], parts)
    return found


def _attributes(trainer: "Trainer", customers: Customers) -> tuple[list[Attribute], Mapping[str, Sequence[str | None]]]:
    """Return the configured attributes that are not sensitive, and their values at the customers' cutoff."""
    settings = trainer.settings
    told = [attribute for attribute in settings.features.attributes if not attribute.sensitive]
    if not told or not len(customers):
        return told, {}
    day = customers.as_of[0].item()
    with kept_tables(settings, trainer.intake) as engine:
        return told, attribute_values(engine, customers.ids, day, told)
