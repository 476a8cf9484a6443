"""The rows of what is promised under faults: which tests inject each, and how they ended."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

from benchmarks.serving.servers import CHECKOUT

_NAMED = re.compile(r"Rows? ([\d, and]+) of what is promised[^:]*: (.+)")
_FIGURES = re.compile(r"\w.*\d")
"""Of a line, but not of what a command printed as JSON."""
OUTCOMES = ("failure", "error", "skipped")
LOGGED = ("-o", "junit_logging=system-out")
"""Options of pytest for a report that holds the figures which tests print."""
MOST_LINES = 8
"""Of one test: the last ones, which sum up."""


def run(reports: Sequence[Path], *, progress: Callable[[str], None]) -> dict[str, Any]:
    """Take the outcome of every test that names a row from pytest's reports, or run them; returns plain data."""
    named = rows()
    files = sorted({file for tests in named.values() for file in tests})
    progress(f"{len(files)} files of tests of {len(named)} rows")
    outcomes = read(reports) if reports else _run(files)
    return {
        "rows": [
            {"row": row, "file": file, "about": about, **outcomes.get(file, {})}
            for row, tests in sorted(named.items())
            for file, about in tests.items()
        ]
    }


def rows(folder: Path = CHECKOUT / "tests") -> dict[int, dict[str, str]]:
    """Return the files that name each row in their first line, with what they say of it."""
    found: dict[int, dict[str, str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        told = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
        named = _NAMED.match(" ".join(told.split()))
        if named:
            for row in map(int, re.findall(r"\d+", named[1])):
                found.setdefault(row, {})[path.relative_to(folder.parent).as_posix()] = named[2]
    return found


def _run(files: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Run files of tests, slow ones too."""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-m",
            "slow or not slow",
            *LOGGED,
            f"--junitxml={report}",
            *files,
        ]
        subprocess.run(command, cwd=CHECKOUT, check=False, stdout=subprocess.DEVNULL)  # noqa: S603
        return read([report])


def read(reports: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """Return how many tests of each file passed, failed and were skipped, and the figures that they told.

    Of a test that is in several reports, the last one counts.
    """
    found: dict[str, dict[str, Any]] = {}
    cases: dict[tuple[str | None, str | None], ElementTree.Element] = {}
    for report in reports:
        for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 (pytest wrote it)
            cases[case.get("classname"), case.get("name")] = case
    for (name, _), case in cases.items():
        ended = next((each for each in OUTCOMES if case.find(each) is not None), "passed")
        counts = found.setdefault(
            (name or "").replace(".", "/") + ".py", {"passed": 0, "failed": 0, "skipped": 0, "told": []}
        )
        counts["failed" if ended in ("failure", "error") else ended] += 1
        told = [line.strip() for line in (case.findtext("system-out") or "").splitlines()]
        counts["told"] += [line for line in told if _FIGURES.match(line)][-MOST_LINES:]
    return found
