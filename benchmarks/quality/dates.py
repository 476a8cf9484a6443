"""The day of the next order: every method that has a curve, beside a constant and the customer's own rhythm."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.competition import DRAWS, SEED, Competition, compete, plain
from benchmarks.quality.lines import COMPLETE_JOURNEY, EVERYBODY, workspace
from models import columns as col
from models import prediction_named
from models.metrics import IntervalMeasurement
from models.prediction import Examples, Measurement
from models.settings import CutoffSettings, TrainingSettings
from training.evaluate import figures, paired
from training.run import Trainer

TEST, HORIZONS, TAG = date(2017, 11, 1), (7, 30, 60), "next_order"
CONSTANT, OWN_GAP = "a constant", "last order + own mean gap"
# error in days and C-index
PUBLISHED = {CONSTANT: (11.8, 0.50), OWN_GAP: (12.5, 0.52), "bg_nbd": (9.5, 0.73)}
PUBLISHED_MODELS = {"LightGBM on the days": (9.0, 0.74), "a discrete-time hazard model": (9.0, 0.75)}


def run(workspaces: Path, *, progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure the methods and the two references; returns plain data."""
    progress("days of the next order")
    trainer = _trainer(workspaces)
    (found,) = compete(trainer)
    return result(found, references(trainer))


def result(found: Competition, simple: dict[str, IntervalMeasurement]) -> dict[str, Any]:
    """Return the comparison as plain data."""
    measured: dict[str, Measurement] = {name: each[TAG] for name, each in found.test.items()}
    measured |= simple
    ours = measured[found.chosen]
    assert isinstance(ours, IntervalMeasurement)
    return {
        "test": TEST.isoformat(),
        "cut_at": ours.cut_at,
        "customers": len(ours.loss),
        "not_expected": float(np.mean(ours.expected >= ours.cut_at)),
        "chosen": found.chosen,
        "rivals": [*found.rivals, *simple],
        "left_out": dict(found.left_out),
        "methods": {name: plain(figures(each, draws=DRAWS, seed=SEED)) for name, each in measured.items()},
        "paired": {
            name: plain(paired(ours, each, draws=DRAWS, seed=SEED))
            for name, each in measured.items()
            if name != found.chosen
        },
        "published": {name: {"error_days": days, "c_index": index} for name, (days, index) in PUBLISHED.items()},
    }


def references(trainer: Trainer) -> dict[str, IntervalMeasurement]:
    """Return the constant that training would have chosen, and each customer's last order plus own mean gap."""
    horizon = HORIZONS[-1]
    past = trainer.plan.examples(trainer.examples, TEST, horizon)
    closed = past.observed_days >= horizon
    constant = float(np.median(_days(past.take(closed & trainer.prediction.eligible(past.customers)))))
    customers = trainer.eligible_at(TEST)
    now = trainer.examples.at([TEST])
    actual = _days(now.take(trainer.prediction.eligible(now.customers)))
    gap, recency = (customers.column(name).astype(float) for name in ("gap_mean_days", "recency_days"))
    # one order alone has no gap; whoever is overdue is expected today
    own = np.where(np.isnan(gap), constant, np.clip(np.round(gap - recency), 0, horizon))
    return {name: _point(actual, value) for name, value in ((CONSTANT, np.full(len(own), constant)), (OWN_GAP, own))}


def _point(actual: np.ndarray, expected: np.ndarray) -> IntervalMeasurement:
    # a day alone has no distribution: its coverage says nothing and is not shown
    return IntervalMeasurement(
        actual=actual,
        expected=expected,
        earliest=expected,
        latest=expected,
        waiting=expected,
        position=np.full(len(actual), np.nan),
        cut_at=HORIZONS[-1],
    )


def _days(examples: Examples) -> np.ndarray:
    days: np.ndarray = np.fmin(examples.labels[col.NEXT_ORDER_DAYS], HORIZONS[-1])
    return days


def _trainer(workspaces: Path) -> Trainer:
    settings, intake = workspace(COMPLETE_JOURNEY, workspaces)
    update = {"cutoffs": CutoffSettings(newest_test=TEST), "training": TrainingSettings(max_examples=EVERYBODY)}
    models = settings.models.model_copy(update={"predictions": {"repurchase": {"horizons": HORIZONS}}})
    return Trainer(settings.model_copy(update=update), prediction_named("repurchase", models), intake)
