"""Measure what serving costs beside the usual model servers, and what it survives; write docs/serving.md.

    .venv/bin/python -m benchmarks.serving [--only PART ...] [--workspace FOLDER] [--reports FILE ...]

Needs a published release, such as ``make demo`` leaves. A part can be run alone; the page is written from whatever
results there are. Ends with 1 and a line for each promise that was not kept.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.quality.results import load, save
from benchmarks.serving import faults, large_calls, memory, small_calls
from benchmarks.serving.grown import grown
from benchmarks.serving.page import render, verdicts
from benchmarks.serving.servers import CHECKOUT
from models.release import Releases
from models.settings import load_settings
from service.release import OpenRelease, open_release

PARTS = ("small", "large", "memory", "faults")
WORK = CHECKOUT / "data" / "serving"
PAGE = CHECKOUT / "docs" / "serving.md"


def main(arguments: Sequence[str]) -> int:
    """Run the parts that are asked for; return the exit code."""
    options = _options(arguments)
    for part in () if options.page else options.only or PARTS:
        _measure(part, options)
    results = load(options.work / "results")
    options.out.write_text(render(results), encoding="utf-8")
    print(f"written: {options.out.name}")
    broken = [f"{what}: {figure}" for what, figure, kept in verdicts(results) if not kept]
    for line in broken:
        print(f"not kept: {line}", file=sys.stderr)
    return 1 if broken else 0


def _measure(part: str, options: Namespace) -> None:
    started = monotonic()

    def tell(text: str) -> None:
        print(f"{monotonic() - started:6.0f} s  {part}: {text}", flush=True)

    tell("begins")
    found = _measured(part, options, tell)
    save(options.work / "results", part, found, seconds=monotonic() - started, processor_seconds=0)
    tell("done")


def _measured(part: str, options: Namespace, tell: Callable[[str], None]) -> dict[str, Any]:
    if part == "faults":
        return faults.run(options.reports, progress=tell)
    options.work.mkdir(parents=True, exist_ok=True)
    releases = load_settings(options.workspace).releases
    opened = open_release(releases)
    if part == "small":
        return small_calls.run(releases, opened, options.work, progress=tell)
    tell("a store of a million customers")
    large, wide = _million(releases, opened, options.work)
    if part == "large":
        return large_calls.run(large, wide, options.work, progress=tell)
    stores = {"sample": (releases, opened), "million": (large, wide)}
    return {"stores": memory.run(stores, options.work, progress=tell)}


def _million(releases: Path, opened: OpenRelease, work: Path) -> tuple[Path, OpenRelease]:
    folder = work / f"million-{sha256(opened.manifest.model_dump_json().encode()).hexdigest()[:12]}"
    return folder, open_release(grown(Releases(releases), opened, folder).folder)


def _options(arguments: Sequence[str]) -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.serving", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=f"Of {', '.join(PARTS)}.")
    parser.add_argument("--page", action="store_true", help="Measure nothing: write the page from the results.")
    parser.add_argument("--workspace", type=Path, default=CHECKOUT, help="Whose release is measured.")
    parser.add_argument(
        "--reports", nargs="+", type=Path, default=[], help="What pytest --junitxml wrote, for the part faults."
    )
    parser.add_argument("--work", type=Path, default=WORK, help="Where peers, stores and results are kept.")
    parser.add_argument("--out", type=Path, default=PAGE, help="The page.")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
