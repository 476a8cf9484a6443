"""Row 6 of what is promised: schemathesis finds nothing in the service that its own document does not say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from models import predictions
from tests.faults.live import live
from tests.service import releases
from tests.service.releases import publish

SEED, EXAMPLES = 6, 25
CHECKS = Path(__file__).with_name("schemathesis.toml")


def documented_ids() -> list[str]:
    """The sample's numbers of customers, which the document's examples ask about."""
    return sorted(str(number) for number in range(900, 2300))


@pytest.mark.slow
def test_all_checks_of_schemathesis_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = documented_ids()
    monkeypatch.setattr(releases, "customer_ids", lambda count: ids)
    published = publish(tmp_path / "releases", tmp_path, count=len(ids), method=0)
    with live(published, tmp_path / "bentos") as service:
        known = httpx.post(f"{service.url}/v1/churn", json={"customers": ["900"]}, timeout=60).json()
        assert known["answers"][0]["status"] != "unknown_customer"
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", CHECKS, "run", f"{service.url}/docs.json"),
            *("--checks", "all", "--seed", SEED, "--max-examples", EXAMPLES, "--generation-deterministic"),
            *(
                "--continue-on-failure",
                "--no-color",
                "--report",
                "json",
                "--report-json-path",
                tmp_path / "report.json",
            ),
        ]
        done = subprocess.run(
            list(map(str, command)), cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            capture_output=True, text=True, check=False, timeout=400,
        )  # fmt: skip
    print(done.stdout[-3_000:])
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["operations"]["tested"] == report["operations"]["total"] > len(predictions())
    assert report["test_cases"]["generated"] > 1_000
    for name, phases in report["valid_rates"].items():
        # what is answered was reached, too, and not refusals alone
        assert sum(phase["accepted"] for phase in phases.values()), f"nothing that {name} was asked was answered"
