"""Print how long it takes from a raw file in an empty folder to answers, for the four histories of README.md.

Each runs through the command line, in a folder of its own under FOLDER, which is left behind::

    .venv/bin/python benchmarks/bring_your_own.py FOLDER [NAME...]
"""

import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # tests/ is no installed package

from service.demonstration import demonstrate
from tests.raw_histories import HISTORIES

COMMANDS = ("init", "check", "train", "promote", "publish", "calls")


def main(folder: Path, names: list[str]) -> None:
    """Print a Markdown table: the minutes that each command took, and what came of it."""
    print(f"Measured {datetime.now(UTC).date()}, Python {platform.python_version()}, {os.cpu_count()} cores.\n")
    print(f"| history | {' | '.join(COMMANDS)} | all, minutes | answer | ready |\n|{' --- |' * (len(COMMANDS) + 4)}")
    for name in names or HISTORIES:
        workspace = folder / name.replace(" ", "-")
        workspace.mkdir(parents=True)
        took = {"init": command(workspace, "init", HISTORIES[name].put(workspace))}
        took |= {word: command(workspace, word) for word in COMMANDS[1:-1]}
        started = time.monotonic()
        answered = {question.split()[1].removeprefix("/v1/") for question, _ in demonstrate(workspace / "releases")}
        took["calls"] = time.monotonic() - started
        minutes = [f"{seconds / 60:.1f}" for seconds in (*took.values(), sum(took.values()))]
        print(f"| {name} | {' | '.join(minutes)} | {', '.join(sorted(answered))} | {ready(workspace)} |", flush=True)


def command(workspace: Path, *words: str) -> float:
    """Run a command to its end, print what it says to standard error, and return its seconds."""
    started = time.monotonic()
    code = [sys.executable, "-c", "import foresell; foresell.main()", *words]
    done = subprocess.run(code, cwd=workspace, capture_output=True, text=True, check=False)  # noqa: S603
    print(done.stdout, done.stderr, sep="", file=sys.stderr)
    if done.returncode:
        sys.exit(f"foresell {words[0]} left with {done.returncode}")
    return time.monotonic() - started


def ready(workspace: Path) -> str:
    """Return how many of the verdicts of ``foresell check`` say ready."""
    code = [sys.executable, "-c", "import foresell; foresell.main()", "check", "--json"]
    done = subprocess.run(code, cwd=workspace, capture_output=True, text=True, check=True)  # noqa: S603
    verdicts = json.loads(done.stdout)["verdicts"]
    return f"{sum(each['ready'] for each in verdicts)} of {len(verdicts)} verdicts"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
