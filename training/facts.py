"""What a model card is written from: plain data, kept with the run so that the card can be written again later."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version as installed
from inspect import getdoc
from typing import Any

import numpy as np

from models import columns as col
from models.features import GROUPS, catalogue
from models.metrics import BinaryMeasurement, IntervalMeasurement
from models.prediction import Customers, Prediction, Task
from models.settings import Settings, TrainingSettings
from training.headline import units_of
from training.intake_report import IntakeReport
from training.outcome import Outcome
from training.report import evidence, parameters, plain, windows
from training.what_if import Contacted, what_if

IMPORTANCE_ROWS = 500


def importance(outcome: Outcome) -> dict[str, float]:
    """Return what drives the chosen method, strongest first: title of a feature group -> its effect on the scores.

    Groups without any are left out; an outcome with nobody to explain has none.
    """
    artifact = outcome.artifact
    customers = _thinned(outcome.explained)
    if not len(customers):
        return {}
    strength = outcome.prediction.drivers(artifact.fitted, customers, artifact.medians)
    return {
        GROUPS[group].title if group in GROUPS else group: strength[group]
        for group in sorted(strength, key=lambda group: -strength[group])
        if strength[group]
    }


def directions(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Return which way feature groups move the scores, by the title of the group.

    Returns
    -------
    dict
        ``feature``: what the leading feature of the group says, in words; ``correlation``: above 0, high values raise
        the score. Groups are missing whose effect follows nothing, or where the prediction does not tell.
    """
    artifact = outcome.artifact
    customers = _thinned(outcome.explained)
    if not len(customers):
        return {}
    told = {feature.name: feature.description for feature in catalogue(outcome.prediction.features)}
    found = outcome.prediction.directions(artifact.fitted, customers, artifact.medians)
    return {
        GROUPS[group].title if group in GROUPS else group: {
            "feature": told.get(each.feature, each.feature).rstrip("."),
            "correlation": each.correlation,
        }
        for group, each in found.items()
    }


def facts(
    outcome: Outcome,
    intake: IntakeReport,
    settings: Settings,
    *,
    floors: Mapping[str, float],
    importance: Mapping[str, float],
    run_id: str,
) -> dict[str, Any]:
    """Return everything that a card says, ready for JSON.

    Parameters
    ----------
    outcome : Outcome
        Of a training run.
    intake : IntakeReport
        What the tables hold.
    settings : Settings
        The workspace's.
    floors : mapping of str to float
        From ``report.calibration_floors``.
    importance : mapping of str to float
        From ``importance``.
    run_id : str
        The MLflow run.
    """
    prediction = outcome.prediction
    return {
        "prediction": prediction.name,
        "question": prediction.question,
        "definition": _in_words(prediction, getdoc(type(prediction)) or ""),
        "not_eligible": _in_words(prediction, getattr(prediction, "not_eligible", "")),
        "methods": list(outcome.methods),
        "tasks": [_task(outcome, task, settings.training) for task in outcome.tasks],
        "figures": {method: plain(by_task) for method, by_task in outcome.figures.items()},
        "intake": intake.model_dump(mode="json"),
        "attributes": attributes(intake, settings),
        "importance": dict(importance),
        "directions": directions(outcome),
        "reached": prediction.reached,
        "drivers_are": prediction.drivers_are,
        "parameters": parameters(outcome, settings),
        "foresell": installed("foresell"),
        "evidence": evidence(outcome, intake, floors, run_id=run_id),
    }


def attributes(intake: IntakeReport, settings: Settings) -> dict[str, dict[str, str]]:
    """Say what becomes of each configured attribute.

    Returns
    -------
    dict
        ``used``: attribute -> how it is used; ``kept``: attribute -> why it is in the tables and in no feature.
    """
    customers = intake.tables.get(col.CUSTOMERS)
    dated = customers is not None and col.VALID_FROM not in customers.absent
    told: dict[str, dict[str, str]] = {"used": {}, "kept": {}}
    for attribute in settings.features.attributes:
        if attribute.sensitive:
            told["kept"][attribute.name] = "sensitive"
        elif not dated and not attribute.undated:
            told["kept"][attribute.name] = "undated: nobody knows since when its values hold"
        else:
            told["used"][attribute.name] = "as known at each cutoff" if dated else "today's value at past cutoffs too"
    return told


def title_of(task: Task) -> str:
    """Return what a task is called."""
    return task_title(asdict(task))


def task_title(task: Mapping[str, Any]) -> str:
    """Return what a task is called: its own title, ``30 days``, or ``next order within 90 days``."""
    if task.get("title"):
        return str(task["title"])
    named = task["tag"].replace("_", " ")
    return (
        f"{task['horizon']} days" if task["tag"] == f"h{task['horizon']}" else f"{named} within {task['horizon']} days"
    )


def _task(outcome: Outcome, task: Task, training: TrainingSettings) -> dict[str, Any]:
    measurement = outcome.test[outcome.method][task.tag]
    found: dict[str, Any] = {
        "tag": task.tag,
        "horizon": task.horizon,
        "title": task.title,
        "chooses": task.chooses,
        "customers": len(measurement.loss),
        "units": units_of(measurement),
        "cutoffs": windows(outcome, task),
        "what_if": [asdict(row) for row in _what_if(outcome, task, training)],
    }
    if sliced := outcome.inspection.slices.get(task.tag):
        found["slices"] = asdict(sliced)
    if isinstance(measurement, BinaryMeasurement):
        found["rate"] = float(measurement.outcome.mean())
    if isinstance(measurement, IntervalMeasurement):
        found["cut_at"] = measurement.cut_at
    return found


def _what_if(outcome: Outcome, task: Task, training: TrainingSettings) -> tuple[Contacted, ...]:
    measurement = outcome.test[outcome.method][task.tag]
    return what_if(measurement, draws=training.bootstrap_samples, seed=training.seed)


def _in_words(prediction: Prediction, text: str) -> str:
    """Put the settings' values where a text names them: ``active_days`` -> 60 days."""
    settings = prediction.settings.model_dump(mode="json")
    values = {key: f"{value} days" if key.endswith("_days") else str(value) for key, value in settings.items()}
    # marked words alone: `seeds` is a setting of lookalike and a word of its sentences
    return re.sub(r"``(\w+)``", lambda word: values.get(word[1], word[1]), " ".join(text.split()))


def _thinned(customers: Customers) -> Customers:
    step = max(1, -(-len(customers) // IMPORTANCE_ROWS))
    return customers.take(np.arange(0, len(customers), step))
