"""Rolling origin: churn and repurchase on the sample, month by month, with the choice made anew each month."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.quality.competition import Competition, compete
from benchmarks.quality.customers import JUDGED_BY, floor
from benchmarks.quality.lines import COMPLETE_JOURNEY, EVERYBODY, LINES, workspace
from models.metrics import BinaryMeasurement
from models.settings import TrainingSettings
from training.cutoffs import Plan
from training.run import Trainer

HORIZON, MONTHS, FOLDS, STEP_DAYS, MAX_TRAINING = 30, 6, 2, 14, 14
NEWEST, EARLIEST = date(2017, 12, 1), date(2017, 3, 2)
TAG = f"h{HORIZON}"


def days() -> list[date]:
    """Return the months' cutoffs, newest first, and the validation cutoffs of the oldest month after them."""
    return [NEWEST - timedelta(HORIZON * step) for step in range(MONTHS + FOLDS)]


def run(workspaces: Path, *, progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure every month; returns plain data."""
    found: dict[str, Any] = {"horizon": HORIZON, "source": COMPLETE_JOURNEY, "predictions": {}}
    for line in LINES:
        if line.source == COMPLETE_JOURNEY and line.horizon == HORIZON:
            progress(f"{line.prediction}, {MONTHS} months")
            settings, intake = workspace(line.source, workspaces)
            settings = settings.model_copy(update={"training": TrainingSettings(max_examples=EVERYBODY)})
            prediction = line.predicted(settings)
            tags = [task.tag for task in prediction.tasks]
            plans = [_plan(tags, month) for month in reversed(range(MONTHS))]
            trainer = Trainer(settings, prediction, intake, laid=_plan(tags, 0, len(days()) - 1))
            competitions = compete(trainer, plans)
            found["predictions"][line.prediction] = [
                _month(plan.test[TAG], each) for plan, each in zip(plans, competitions, strict=True)
            ]
    return found


def _plan(tags: list[str], month: int, folds: int = FOLDS) -> Plan:
    """Lay out one month: it is the test, and those before it validate."""
    cutoffs = days()
    grid = [NEWEST - timedelta(back) for back in range(0, (NEWEST - EARLIEST).days + 1, STEP_DAYS)]
    validation = tuple(cutoffs[month + 1 : month + 1 + folds])
    end = NEWEST + timedelta(HORIZON)
    return Plan(
        end, tuple(grid[::-1]), dict.fromkeys(tags, cutoffs[month]), dict.fromkeys(tags, validation), MAX_TRAINING
    )


def _month(test: date, competition: Competition) -> dict[str, Any]:
    methods = {}
    for name, measured in competition.test.items():
        each = measured[TAG]
        assert isinstance(each, BinaryMeasurement)
        metrics = each.metrics()
        methods[name] = {key: metrics[key] for key in (*JUDGED_BY, "calibration_error")} | {"floor": floor(each)}
    return {
        "test": test.isoformat(),
        "chosen": competition.chosen,
        "rivals": list(competition.rivals),
        "left_out": dict(competition.left_out),
        "methods": methods,
    }
