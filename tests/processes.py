"""Foresell's commands in processes of their own, as a scheduler runs them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

CHECKOUT = Path(__file__).resolve().parent.parent


def foresell_command(*words: object) -> list[str]:
    """Return the command line of ``foresell`` in this environment."""
    return [sys.executable, "-c", "import foresell; foresell.main()", *map(str, words)]


def code_environment(code: Path = CHECKOUT) -> Mapping[str, str]:
    """Return an environment in which the packages of a folder are imported."""
    return {**os.environ, "PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"}


def run_foresell(*words: object, workspace: Path, code: Path = CHECKOUT, leaves: int = 0) -> str:
    """Run a command to its end in a workspace, and return what it printed; ``leaves`` is the expected exit code."""
    done = subprocess.run(
        foresell_command(*words), cwd=workspace, env=code_environment(code), capture_output=True, text=True, check=False
    )
    assert done.returncode == leaves, f"foresell {words[0]} left with {done.returncode}: {done.stderr}{done.stdout}"
    return done.stdout if leaves == 0 else done.stderr


def workers() -> set[int]:
    """Return the processes below this one that answer calls and live."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            # a dead one that nobody has taken note of yet has no command
            if "_bentoml_impl.worker.service" in process.cmdline():
                found.add(process.pid)
    return found
