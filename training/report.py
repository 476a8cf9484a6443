"""What a run says of itself, as plain data: parameters, metrics by name, evidence for the release.

The names are the same in every run, whichever method was chosen, so that MLflow's comparison lines them up.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from math import isfinite
from typing import Any

import numpy as np

from models.metrics import BinaryMeasurement
from models.prediction import Measurement, Prediction, Task
from models.section import Section
from models.settings import Settings
from training.evaluate import Figure, Figures
from training.intake_report import IntakeReport
from training.outcome import Outcome

# floors are means over draws; of many customers a few draws are enough
_FLOOR_UNITS = 4_000_000
_FLOOR_DRAWS = (10, 100)


def parameters(outcome: Outcome, settings: Settings) -> dict[str, str]:
    """Return the parameters of a run; settings bear their path in ``foresell.toml``."""
    chosen = {f"choices.{key}": json.dumps(value) for key, value in outcome.artifact.fitted.choices.items()}
    return {
        "method": outcome.method,
        "examples": str(outcome.examples),
        "features.count": str(len(outcome.artifact.names)),
        "features.fingerprint": outcome.artifact.fingerprint,
        **chosen,
        **configured(outcome.prediction, settings),
        **_cutoffs(outcome),
    }


def configured(prediction: Prediction, settings: Settings) -> dict[str, str]:
    """Return the settings behind a run by their path in ``foresell.toml``, e.g. ``predictions.churn.horizon``."""
    sections: dict[str, Section] = {
        f"predictions.{prediction.name}": prediction.settings,
        "features": prediction.features,
        "cutoffs": settings.cutoffs,
        "training": settings.training,
    }
    return {f"{path}.{key}": value for path, section in sections.items() for key, value in _flat(section).items()}


def windows(outcome: Outcome, task: Task) -> dict[str, list[str]]:
    """Return the cutoffs of one task as ISO dates: training (of the tested model, rising), validation and test."""
    test, horizon = outcome.plan.test[task.tag], timedelta(task.horizon)
    learnt = [day for day in outcome.plan.training(test, task.horizon) if day + horizon <= test]
    return {
        "training": [day.isoformat() for day in learnt],
        "validation": [day.isoformat() for day in sorted(outcome.plan.validation[task.tag])],
        "test": [test.isoformat()],
    }


def calibration_floors(outcome: Outcome, *, seed: int) -> dict[str, float]:
    """Return the calibration error that the chosen method's tasks would show by chance alone, by task tag."""
    floors = {
        tag: calibration_floor(measurement, seed=seed) for tag, measurement in outcome.test[outcome.method].items()
    }
    return {tag: floor for tag, floor in floors.items() if floor is not None}


def calibration_floor(measurement: Measurement, *, seed: int) -> float | None:
    """Return the calibration error that probabilities would show by chance alone; None = there are none."""
    if not isinstance(measurement, BinaryMeasurement):
        return None
    draws = int(np.clip(_FLOOR_UNITS // max(len(measurement.outcome), 1), *_FLOOR_DRAWS))
    return measurement.calibration_floor(draws=draws, seed=seed)


def metrics(outcome: Outcome, floors: Mapping[str, float]) -> dict[str, float]:
    """Return every metric of a run by name; what is not finite is left out.

    Parameters
    ----------
    outcome : Outcome
        What the run found.
    floors : mapping of str to float
        From ``calibration_floors``.
    """
    prefixes = {"test": outcome.method} | {
        f"{'rival' if method in outcome.rivals else 'own'}.{method}": method for method in outcome.methods
    }
    found: dict[str, float] = {}
    for prefix, method in prefixes.items():
        found |= _named(prefix, outcome.figures[method])
        loss = "validation.loss" if prefix == "test" else f"{prefix}.validation.loss"
        found |= {f"{loss}.{tag}": float(np.mean(losses)) for tag, losses in outcome.validation[method].items()}
    for other, by_task in outcome.paired.items():
        found |= _named(f"paired.{other}", by_task)
    found |= {f"test.calibration_error_floor.{tag}": floor for tag, floor in floors.items()}
    return {name: value for name, value in found.items() if isfinite(value)}


def evidence(outcome: Outcome, intake: IntakeReport, floors: Mapping[str, float], *, run_id: str) -> dict[str, Any]:
    """Return what a release says about how its model was tested, ready for JSON (null = not finite)."""
    return {
        "run_id": run_id,
        "method": outcome.method,
        "choices": dict(outcome.artifact.fitted.choices),
        "examples": outcome.examples,
        "data": {"fingerprint": intake.fingerprint, "rows": rows(intake)},
        "cutoffs": {task.tag: windows(outcome, task) for task in outcome.tasks},
        "validation_loss": {
            method: {tag: float(np.mean(losses)) for tag, losses in by_task.items()}
            for method, by_task in outcome.validation.items()
        },
        "test": plain(outcome.figures[outcome.method]),
        "rivals": {rival: plain(outcome.figures[rival]) for rival in outcome.rivals},
        "own": {method: plain(outcome.figures[method]) for method in outcome.methods if method not in outcome.rivals},
        "left_out": dict(outcome.left_out),
        "paired": {other: plain(by_task) for other, by_task in outcome.paired.items()},
        "calibration_error_floor": dict(floors),
        "leak_checks": [asdict(check) for check in outcome.inspection.checks],
        "warnings": list(outcome.inspection.warnings),
    }


def rows(intake: IntakeReport) -> dict[str, int]:
    """Return the kept rows of each table."""
    return {table: counts.kept for table, counts in intake.tables.items()}


def plain(by_task: Mapping[str, Figures]) -> dict[str, dict[str, dict[str, float | None]]]:
    """Return figures as plain data: tag -> metric -> value, low, high."""
    return {
        tag: {metric: {key: _finite(value) for key, value in asdict(figure).items()} for metric, figure in each.items()}
        for tag, each in by_task.items()
    }


def _named(prefix: str, by_task: Mapping[str, Figures]) -> dict[str, float]:
    return {
        f"{prefix}.{metric}.{tag}{end}": value
        for tag, each in by_task.items()
        for metric, figure in each.items()
        for end, value in _ends(figure)
    }


def _ends(figure: Figure) -> Iterator[tuple[str, float]]:
    yield from (("", figure.value), (".low", figure.low), (".high", figure.high))


def _finite(value: float) -> float | None:
    return float(value) if isfinite(value) else None


def _flat(section: Section) -> dict[str, str]:
    values = section.model_dump(mode="json").items()
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values}


def _cutoffs(outcome: Outcome) -> dict[str, str]:
    found = {}
    for task in outcome.tasks:
        cutoffs = windows(outcome, task)
        found[f"cutoff.test.{task.tag}"] = cutoffs["test"][0]
        for kind in ("validation", "training"):
            found[f"cutoff.{kind}.{task.tag}"] = _span(cutoffs[kind])
    return found


def _span(days: list[str]) -> str:
    return f"{days[0]}..{days[-1]} ({len(days)})" if days else "none"
