"""Results of parts as JSON files, each with the day, the commit and the machine that it was measured on."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import Any

from benchmarks.quality.lines import CHECKOUT

VERSIONED = ("lightgbm", "numpy", "scipy", "scikit-learn", "duckdb")
# what decides the figures
CODE = ("models", "training", "benchmarks/quality")

Result = dict[str, Any]


def save(folder: Path, part: str, data: Result, *, seconds: float, processor_seconds: float) -> None:
    """Write the result of a part, in place of an earlier one."""
    folder.mkdir(parents=True, exist_ok=True)
    spent = {"seconds": round(seconds), "processor_seconds": round(processor_seconds)}
    text = json.dumps(_plain({"stamp": stamp() | spent, "data": data}), indent=1, allow_nan=False)
    (folder / f"{part}.json").write_text(text + "\n", encoding="utf-8")


def load(folder: Path) -> dict[str, Result]:
    """Return what there is: part -> {stamp, data}."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def stamp() -> Result:
    """Say when and on what a part ran; no name of the machine and no path."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain", *CODE) else ""),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "architecture": platform.machine(),
        "load": round(os.getloadavg()[0], 1),
        "versions": {"Python": platform.python_version(), **{name: version(name) for name in VERSIONED}},
    }


def _git(*arguments: str) -> str:
    found = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False)  # noqa: S603, S607
    return found.stdout.strip() if found.returncode == 0 else "unknown"


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: numbers of Python, and null for what is not finite."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not isfinite(value) else value
