"""A backtest as a run: tracked in MLflow, written as a page."""

from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any

from models.parts import canonical_json
from models.prediction import Prediction
from models.settings import Settings
from training.backtest.backtest import Backtest, Window, backtest
from training.backtest.page import page, path_of, plain
from training.html import replace_page
from training.intake_report import IntakeReport
from training.progress import Progress
from training.report import configured
from training.tracking import Tracker

PAGE, DATA = "backtest.html", "backtest.json"
SERVED = "served"


def run_backtest(
    settings: Settings, prediction: Prediction, intake: IntakeReport, *, months: int, progress: Progress
) -> tuple[Backtest, dict[str, Any], Path]:
    """Run a backtest, log it as a run of kind ``backtest`` and write its page.

    Returns
    -------
    tuple
        What was found, the same as plain data (with the run and the page's path), and the page.
    """
    tracker = Tracker(settings)
    name = prediction.name
    with tracker.run(name, f"backtest {name}", kind="backtest") as run_id:
        found = backtest(settings, prediction, intake, months=months, progress=progress)
        progress(f"{name}: logging the run")
        content, told = page(found), plain(found)
        tracker.log_data(run_id, intake)
        tracker.log_parameters(run_id, {**configured(prediction, settings), "backtest.months": str(months)})
        tracker.log_courses(run_id, _metrics(found), {PAGE: content.encode(), DATA: canonical_json(told)})
    written = replace_page(content, path_of(name, settings))
    return found, {**told, "run_id": run_id, "page": str(written)}, written


def _metrics(found: Backtest) -> dict[str, dict[int, float]]:
    """Return each metric by name and window, 0 = the oldest: MLflow draws it as a line."""
    courses: dict[str, dict[int, float]] = {}
    for course in found.courses:
        for step, window in enumerate(course.windows):
            for method in (SERVED, *window.methods):
                for metric, value in _figures(window, method, course.metric):
                    if value is not None and isfinite(value):
                        courses.setdefault(f"backtest.{method}.{metric}.{course.task.tag}", {})[step] = value
    return courses


def _figures(window: Window, method: str, metric: str) -> Iterator[tuple[str, float | None]]:
    measured = window.methods[window.served if method == SERVED else method]
    yield metric, measured.headline.value
    yield "loss", measured.loss.value
    yield "calibration_error", measured.calibration_error
    if method == SERVED:
        yield "calibration_error_floor", window.floor
