"""The parts of the benchmark, two at a time; those that measure time have the machine to themselves."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import monotonic
from typing import Any

from benchmarks.quality import cost, customers, dates, lookalike, months, products, training_time
from benchmarks.quality.lines import CDNOW, COMPLETE_JOURNEY, TA_FENG, workspace
from benchmarks.quality.results import save

# the longest first
SIDE_BY_SIDE = ("products", "customers", "calibration", "lookalike", "dates")
ALONE = ("cost", "training")
PARTS = (*SIDE_BY_SIDE, *ALONE)
QUICK_PARTS = ("products", "customers", "lookalike")
WORKERS = 2


def measure_all(parts: Sequence[str], workspaces: Path, results: Path, *, quick: bool) -> list[str]:
    """Measure parts and save their results; return a line for each that broke."""
    if not parts:
        return []
    for source in (COMPLETE_JOURNEY, CDNOW, TA_FENG):
        # read in here: two processes would write the same tables
        if not quick or source != CDNOW:
            workspace(source, workspaces)
    # two processes on two cores: more threads in each would wait for each other
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    broken = []
    for group in (SIDE_BY_SIDE, ALONE):
        with ProcessPoolExecutor(WORKERS if group is SIDE_BY_SIDE else 1, mp_context=get_context("spawn")) as pool:
            asked = {part: pool.submit(measure, part, workspaces, results, quick) for part in group if part in parts}
            for part, future in asked.items():
                if error := future.exception():
                    broken.append(f"{part}: {type(error).__name__}: {error}")
    return broken


def measure(part: str, workspaces: Path, results: Path, quick: bool) -> None:
    """Measure one part and save its result."""
    started, before = monotonic(), _processor_seconds()

    def tell(text: str) -> None:
        print(f"{monotonic() - started:6.0f} s  {part}: {text}", flush=True)

    tell("begins")
    found = _measured(part, workspaces, quick, tell)
    spent = _processor_seconds() - before
    save(results, part, found, seconds=monotonic() - started, processor_seconds=spent)
    tell("done")


def _processor_seconds() -> float:
    """Return what this process and its children have used."""
    used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _measured(part: str, workspaces: Path, quick: bool, tell: Callable[[str], None]) -> dict[str, Any]:
    match part:
        case "products":
            return products.run(workspaces, quick=quick, progress=tell)
        case "customers":
            return customers.run(workspaces, quick=quick, progress=tell)
        case "calibration":
            return months.run(workspaces, progress=tell)
        case "lookalike":
            return {"rows": lookalike.figures(workspaces, quick=quick)}
        case "dates":
            return dates.run(workspaces, progress=tell)
        case "cost":
            return cost.run(progress=tell)
        case _:
            return training_time.run(progress=tell)
