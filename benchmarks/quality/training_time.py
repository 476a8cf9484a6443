"""How long ``foresell train`` takes on the sample: all predictions, all methods."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from benchmarks.quality.lines import CHECKOUT
from models.settings import CONFIG_FILE

LIMIT_SECONDS = 600


def run(*, progress: Callable[[str], None]) -> dict[str, Any]:
    """Train in a workspace of its own; intake is not counted."""
    progress("foresell train on the sample")
    with TemporaryDirectory() as folder:
        shutil.copy(CHECKOUT / CONFIG_FILE, folder)
        _foresell("check", folder)
        before = getrusage(RUSAGE_CHILDREN)
        started = perf_counter()
        told = _foresell("train", folder)
        seconds = perf_counter() - started
        after = getrusage(RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "processor_seconds": processor, "limit_seconds": LIMIT_SECONDS, "trained": told}


def _foresell(command: str, workspace: str) -> Any:
    # the code of this checkout, whichever one is installed
    ran = subprocess.run(  # noqa: S603
        [sys.executable, "-c", "import foresell; foresell.main()", command, "--workspace", workspace, "--json"],
        cwd=CHECKOUT,
        # the demo leaves out what it cannot afford
        env=os.environ | {"FORESELL_TRAINING__WITHOUT": "[]"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(f"foresell {command} failed: {ran.stderr.strip()}")
    return json.loads(ran.stdout)
