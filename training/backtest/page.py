"""The backtest as one self-contained HTML page, and as plain data."""

from dataclasses import asdict
from datetime import date
from math import isfinite
from pathlib import Path
from typing import Any

from models.settings import Settings
from training.backtest.backtest import Backtest
from training.backtest.pictures import pictures
from training.card import meaning
from training.facts import title_of
from training.html import environment, inline


def path_of(name: str, settings: Settings) -> Path:
    """Return where the page of a prediction lies: beside the kept tables."""
    return settings.tables.parent / f"backtest-{name}.html"


def page(found: Backtest) -> str:
    """Return the page as HTML that needs no other file."""
    courses = [
        {
            "course": course,
            "title": title_of(course.task),
            "means": meaning(course.metric),
            "pictures": [(each.told, inline(each.image)) for each in pictures(found, course)],
        }
        for course in found.courses
    ]
    return environment().get_template("backtest.html").render(found=found, courses=courses)


def plain(found: Backtest) -> dict[str, Any]:
    """Return what was found as plain data, ready for JSON (null = not finite)."""
    return {
        "prediction": found.prediction.name,
        "as_of": found.as_of.isoformat(),
        "sentence": found.sentence,
        "left_out": list(found.left_out),
        "tasks": {
            course.task.tag: {
                "metric": course.metric,
                "horizon": course.task.horizon,
                "windows": [_finite(asdict(window)) for window in course.windows],
                "windows_of_means": len(course.shared),
                "served": course.mean(None),
                "mean": {method: course.mean(method) for method in course.methods},
                "against_served": {
                    method: _finite(asdict(course.against[method])) if method in course.against else None
                    for method in course.methods
                },
            }
            for course in found.courses
        },
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, date):
        return value.isoformat()
    return None if isinstance(value, float) and not isfinite(value) else value
