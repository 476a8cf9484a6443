"""Print how the newest training runs of a workspace did on their test windows, beside their rivals.

Run after ``foresell train``::

    .venv/bin/python benchmarks/quality.py [WORKSPACE]
"""

import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import models
from models.settings import load_settings
from training.registry import CHALLENGER, CHAMPION
from training.tracking import Tracker

METRICS = (
    *("auc", "ndcg_10", "recall_10", "coverage", "fallback_share", "recall_at_10pct", "lift_at_10pct"),
    *("average_precision", "log_loss", "brier", "calibration_error", "error_days", "range_coverage"),
)


def main(workspace: Path) -> None:
    """Print one Markdown table a prediction."""
    settings = load_settings(workspace)
    tracker = Tracker(settings)
    print(f"Measured {datetime.now(UTC).date()}, Python {platform.python_version()}, {machine()}.\n")
    for prediction in models.predictions(settings.models):
        version = tracker.version_by_alias(prediction.name, CHALLENGER) or tracker.require_alias(
            prediction.name, CHAMPION
        )
        print(table(prediction.name, tracker.evidence(tracker.evaluated(version).run_id)))


def table(name: str, evidence: dict[str, Any]) -> str:
    """Return one prediction's figures: a row for each task and method, a column for each metric."""
    methods = {evidence["method"]: evidence["test"], **evidence["rivals"]}
    lines = []
    for tag, chosen in evidence["test"].items():
        shown = [metric for metric in METRICS if metric in chosen]
        lines += [f"### {name} {tag}, test cutoff {evidence['cutoffs'][tag]['test'][0]}\n"]
        lines += [f"| method | {' | '.join(shown)} |", f"| --- |{' --- |' * len(shown)}"]
        for method, by_task in methods.items():
            cells = [cell(by_task[tag][metric]) for metric in shown]
            lines.append(f"| {method} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def cell(figure: dict[str, float]) -> str:
    """Return a figure with its 95 % interval."""
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"


def machine() -> str:
    """Name the machine without its address."""
    return f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}"


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
