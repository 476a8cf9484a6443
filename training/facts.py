"""What a model card is written from: plain data, kept with the run so that the card can be written again later."""

import re
from collections.abc import Mapping
from importlib.metadata import version as installed
from inspect import getdoc
from typing import Any

import numpy as np

from models.customer_prediction import CustomerPrediction
from models.features import GROUPS
from models.metrics import BinaryMeasurement, IntervalMeasurement
from models.prediction import Customers, Prediction, Task
from models.reasons import group_effects, positions_by_group
from models.settings import Settings
from training.intake_report import IntakeReport
from training.outcome import Outcome
from training.report import evidence, parameters, plain, windows

IMPORTANCE_ROWS = 500


def importance(outcome: Outcome, customers: Customers | None = None) -> dict[str, float]:
    """Return what drives the chosen method, strongest first.

    Parameters
    ----------
    outcome : Outcome
        Of a training run.
    customers : Customers, optional
        Whom to explain, thinned to ``IMPORTANCE_ROWS``; default: the artifact's synthetic golden rows.

    Returns
    -------
    dict of str to float
        Title of a feature group -> mean absolute effect on the log-odds of the main output. Groups without any are left
        out.
    """
    prediction, artifact = outcome.prediction, outcome.artifact
    groups = positions_by_group(prediction.features)
    output = prediction.main_output if isinstance(prediction, CustomerPrediction) else 0
    effects = group_effects(
        artifact.fitted, _explained(outcome, customers), output=output, medians=artifact.medians, groups=groups
    )
    strength = dict(zip(groups, np.abs(effects).mean(axis=0).tolist(), strict=True))
    return {
        GROUPS[group].title: strength[group] for group in sorted(groups, key=lambda g: -strength[g]) if strength[group]
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
        "methods": list(prediction.methods),
        "tasks": [_task(outcome, task) for task in prediction.tasks],
        "figures": {method: plain(by_task) for method, by_task in outcome.figures.items()},
        "intake": intake.model_dump(mode="json"),
        "importance": dict(importance),
        "parameters": parameters(outcome, settings),
        "foresell": installed("foresell"),
        "evidence": evidence(outcome, intake, floors, run_id=run_id),
    }


def task_title(task: Mapping[str, Any]) -> str:
    """Return what a task is called: ``30 days``, or ``next order``."""
    named = task["tag"].replace("_", " ")
    return (
        f"{task['horizon']} days" if task["tag"] == f"h{task['horizon']}" else f"{named} within {task['horizon']} days"
    )


def _task(outcome: Outcome, task: Task) -> dict[str, Any]:
    measurement = outcome.test[outcome.method][task.tag]
    found: dict[str, Any] = {
        "tag": task.tag,
        "horizon": task.horizon,
        "chooses": task.chooses,
        "customers": len(measurement.loss),
        "cutoffs": windows(outcome, task),
    }
    if isinstance(measurement, BinaryMeasurement):
        found["rate"] = float(measurement.outcome.mean())
    if isinstance(measurement, IntervalMeasurement):
        found["cut_at"] = measurement.cut_at
    return found


def _in_words(prediction: Prediction, text: str) -> str:
    """Put the settings' values where a sentence names them: active_days -> 60 days."""
    settings = prediction.settings.model_dump(mode="json")
    values = {key: f"{value} days" if key.endswith("_days") else str(value) for key, value in settings.items()}
    paragraph = re.split(r"\n\s*\n", text, maxsplit=1)[0].replace("\n", " ")
    return re.sub(r"`*\b(\w+)\b`*", lambda word: values.get(word[1], word[0]), paragraph)


def _explained(outcome: Outcome, customers: Customers | None) -> Customers:
    if customers is None or not len(customers):
        golden = outcome.artifact.golden
        as_of = np.full(len(golden), np.datetime64("2000-01-01", "D"))
        return Customers([""] * len(golden), as_of, golden, outcome.artifact.names)
    step = max(1, -(-len(customers) // IMPORTANCE_ROWS))
    return customers.take(np.arange(0, len(customers), step))
