"""Small outcomes of training, on synthetic customers, for what is written about a run."""

from dataclasses import fields
from datetime import date
from functools import cache

import numpy as np

from models import columns as col
from models import prediction_named
from models.artifact import Artifact, golden_customers
from models.features import catalogue, fingerprint
from models.metrics import IntervalMeasurement
from models.prediction import Customers, Examples
from models.settings import CutoffSettings, FeatureSettings
from training import evaluate
from training.cutoffs import plan
from training.intake_report import IntakeReport, TableIntake
from training.outcome import Outcome

FEATURES = FeatureSettings()
NAMES = tuple(feature.name for feature in catalogue(FEATURES))
CUTOFF = date(2017, 6, 1)


def examples(count: int = 600, *, seed: int = 3) -> Examples:
    """Customers whose next order comes the later, the longer they have been away."""
    rng = np.random.default_rng(seed)
    features = rng.uniform(0, 10, (count, len(NAMES))).astype(np.float32)
    features[:, NAMES.index("recency_days")] = rng.integers(1, 58, count)
    features[:, NAMES.index("orders")] = rng.integers(2, 30, count)
    features[:, NAMES.index("tenure_days")] = features[:, NAMES.index("recency_days")] + rng.integers(30, 300, count)
    days = np.floor(features[:, NAMES.index("recency_days")] * rng.uniform(0.2, 2, count))
    customers = Customers([""] * count, np.full(count, np.datetime64(CUTOFF, "D")), features, NAMES)
    return Examples(customers, {col.NEXT_ORDER_DAYS: days}, date(2017, 12, 31))


@cache
def outcome(name: str = "churn", *, method: str | None = None, draws: int = 20) -> Outcome:
    """Fit every method of a prediction and measure it on other customers."""
    prediction = prediction_named(name)
    chosen = method or prediction.methods[0]
    learnt, unseen = examples(), examples(400, seed=4)
    horizon = prediction.tasks[-1].horizon
    fitted = {each: prediction.fit(each, learnt, horizon=horizon, seed=1) for each in prediction.methods}
    measured = {
        each: {task.tag: prediction.measure(fitted[each], unseen, task) for task in prediction.tasks} for each in fitted
    }
    features = learnt.customers.features
    return Outcome(
        prediction=prediction,
        plan=plan(CutoffSettings(), prediction.tasks, first_day=date(2016, 1, 1), end=date(2017, 12, 31)),
        method=chosen,
        artifact=Artifact(
            prediction, fitted[chosen], NAMES, fingerprint(FEATURES),
            np.median(features, axis=0), golden_customers(features, seed=1),
        ),
        validation={each: {tag: found.loss for tag, found in tasks.items()} for each, tasks in measured.items()},
        test=measured,
        figures={
            each: {tag: evaluate.figures(found, draws=draws, seed=1) for tag, found in tasks.items()}
            for each, tasks in measured.items()
        },
        paired={
            each: {
                tag: evaluate.paired(measured[chosen][tag], found, draws=draws, seed=1) for tag, found in tasks.items()
            }
            for each, tasks in measured.items()
            if each != chosen
        },
        examples=len(learnt),
        explained=learnt.customers,
    )  # fmt: skip


def dates(actual: np.ndarray, expected: np.ndarray, *, cut_at: int) -> IntervalMeasurement:
    """Expected days beside actual ones; nothing else is said of them."""
    nothing = {each.name: np.zeros(len(actual)) for each in fields(IntervalMeasurement)}
    return IntervalMeasurement(**nothing | {"actual": actual, "expected": expected, "cut_at": cut_at})


def intake(source: str = "complete-journey") -> IntakeReport:
    """A report of two tables with rows and one without."""
    days = {"first_day": date(2016, 1, 1), "last_day": date(2017, 12, 31)}
    no_days = {"first_day": None, "last_day": None}
    counts = {"rejected": {}, "duplicates": 0, "absent": (), "bytes": 10}
    return IntakeReport(
        source=source, key="k" * 64, fingerprint="f" * 64, today=date(2018, 1, 5),
        last_complete_day=date(2017, 12, 30), as_of=date(2017, 12, 31),
        tables={
            "order_lines": TableIntake(read=1234, kept=1234, **counts, **days),
            "products": TableIntake(read=56, kept=56, **counts, **no_days),
            "events": TableIntake(read=0, kept=0, **counts, **no_days),
        },
        notes=("No events table: features of views, clicks and carts are off.",),
    )  # fmt: skip
