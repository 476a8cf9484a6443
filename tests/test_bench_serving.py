from pathlib import Path
from typing import Any

import pytest

from benchmarks.serving import faults, large_calls, small_calls
from benchmarks.serving.page import render, verdicts

STAMP = {"date": "2018-01-01", "commit": "abc", "seconds": 60, "cores": 2, "architecture": "x", "load": 1.0}
# what is promised of Spark, 24, is not here yet
ROWS = {*range(1, 24), 25, 26, 27, 28}


def figure(value: float) -> dict[str, float]:
    return {"median": value, "low": value / 2, "high": value * 2}


@pytest.fixture
def small() -> dict[str, Any]:
    """Foresell costs a tenth of every peer, but what is to be a twentieth of one."""
    calls = {peer: figure(4.0) for peer in small_calls.LIMITS}
    calls |= {small_calls.OURS: figure(0.4), small_calls.REPURCHASE: figure(0.6)}
    data = {"calls": calls, "method": "blend", "features": 73, "looked_up": 30.0, "asked": 110.0}
    return {"stamp": STAMP | {"versions": {"Python": "3.11"}}, "data": data}


def test_every_row_of_faults_is_named_by_tests() -> None:
    assert set(faults.rows()) == ROWS


def test_a_share_above_its_limit_is_a_promise_that_is_not_kept(small: dict[str, Any]) -> None:
    kept = {what: met for what, _, met in verdicts({"small": small})}
    assert {met for what, met in kept.items() if "mlflow" in what} == {False}
    assert {met for what, met in kept.items() if "mlflow" not in what} == {True}
    small["data"]["calls"][small_calls.REPURCHASE] = figure(0.4 * 1.61)
    (repurchase,) = (met for what, _, met in verdicts({"small": small}) if what.startswith("Repurchase"))
    assert not repurchase


def test_the_page_has_what_was_measured_and_leaves_out_what_was_not(small: dict[str, Any]) -> None:
    page = render({"small": small})
    assert "| Foresell: churn, one id | 0.40 (0.20-0.80) | 1.00 |" in page
    assert "| small | 2018-01-01 | abc | 1.0 | 2 cores, x | 1.0 | Python 3.11 |" in page
    assert "Large calls" not in page


def test_a_row_whose_tests_failed_or_did_not_run_is_not_kept() -> None:
    rows = [
        {"row": 1, "file": "tests/a.py", "about": "one", "passed": 2, "failed": 0, "skipped": 1},
        {"row": 2, "file": "tests/b.py", "about": "two", "passed": 2, "failed": 1, "skipped": 0},
        {"row": 3, "file": "tests/c.py", "about": "three"},
    ]
    results = {"faults": {"stamp": STAMP | {"versions": {}}, "data": {"rows": rows}}}
    ((_, told, met),) = verdicts(results)
    assert (told, met) == ("3 rows; not: 2, 3", False)
    page = render(results)
    assert "| 1 | one | `tests/a.py` | 2 passed, 1 skipped |" in page
    assert "| 3 | three | `tests/c.py` | **not run** |" in page


def test_a_report_gives_outcomes_and_figures_and_the_last_of_several_counts(tmp_path: Path) -> None:
    def report(name: str, inside: str) -> Path:
        case = f'<testcase classname="tests.faults.test_a" name="one">{inside}</testcase>'
        (tmp_path / name).write_text(f"<testsuites><testsuite>{case}</testsuite></testsuites>")
        return tmp_path / name

    failed = report("first.xml", "<failure/>")
    passed = report("second.xml", "<system-out>---- Out ----\n{\n&quot;a&quot;: 7\n}\n3 calls: 2 MB\n</system-out>")
    told = {"passed": 1, "failed": 0, "skipped": 0, "told": ["3 calls: 2 MB"]}
    assert faults.read([failed, passed]) == {"tests/faults/test_a.py": told}


def test_ids_are_measured_by_what_the_booster_takes() -> None:
    calls = {name: figure(1.0) for name in (large_calls.IDS, *large_calls.LIMITS)}
    data = {"calls": calls, "bare": figure(0.49), "customers": 1_000, "items": 10, "beside": {}}
    results = {"large": {"stamp": STAMP | {"versions": {}}, "data": data}}
    assert [met for _, _, met in verdicts(results)] == [False, True, True, True]
