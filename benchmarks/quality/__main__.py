"""Measure the quality of the predictions beside simple and published methods, and write docs/quality.md.

    .venv/bin/python -m benchmarks.quality [--quick] [--only PART ...]

A part can be run alone; the page is written from whatever results there are. The quick part writes no page. Either ends
with 1 and a line for each floor that was fallen through: a rival that does not reproduce its published figure, or a
figure of ours that fell below the recorded one.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.quality import floors
from benchmarks.quality.lines import CHECKOUT
from benchmarks.quality.page import render
from benchmarks.quality.parts import PARTS, QUICK_PARTS, measure_all
from benchmarks.quality.plots import months_plot
from benchmarks.quality.results import load

WORK = CHECKOUT / "data" / "quality"
PAGE = CHECKOUT / "docs" / "quality.md"


def main(arguments: Sequence[str]) -> int:
    """Run the parts that are asked for; return the exit code."""
    options = _options(arguments)
    folder = options.results or WORK / ("quick" if options.quick else "results")
    parts = () if options.page else options.only or (QUICK_PARTS if options.quick else PARTS)
    failed = measure_all(parts, options.workspaces, folder, quick=options.quick)
    results = load(folder)
    if not options.quick:
        write_page(results, options.out)
    failed += floors.failures(results, floors.recorded())
    if options.record:
        floors.record(results)
    for line in failed:
        print(f"failed: {line}", file=sys.stderr)
    return 1 if failed else 0


def write_page(results: dict[str, Any], out: Path) -> None:
    """Write the page, and its plots into a folder of its name beside it."""
    images, beside = {}, out.with_suffix("")
    data = results.get("calibration", {}).get("data", {"predictions": {}})
    for name, each in data["predictions"].items():
        beside.mkdir(parents=True, exist_ok=True)
        (beside / f"{name}.png").write_bytes(months_plot(f"{name}, {data['horizon']} days, by test cutoff", each))
        images[name] = f"{beside.name}/{name}.png"
    out.write_text(render(results, images=images), encoding="utf-8")
    print(f"written: {out.name}")


def _options(arguments: Sequence[str]) -> Namespace:
    parser = ArgumentParser(prog="python -m benchmarks.quality", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="A few lines, checked against floors.")
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=f"Of {', '.join(PARTS)}.")
    parser.add_argument("--page", action="store_true", help="Measure nothing: write the page from the results.")
    parser.add_argument("--workspaces", type=Path, default=WORK / "workspaces", help="Where the histories are read in.")
    parser.add_argument("--results", type=Path, help="Where the parts' results are kept.")
    parser.add_argument("--out", type=Path, default=PAGE, help="The page.")
    parser.add_argument("--record", action="store_true", help="Keep Foresell's figures as the floors of later runs.")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
