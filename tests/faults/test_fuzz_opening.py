"""Row 1 of what is promised, whatever the bytes: opening a release ends in a refusal of ours, never otherwise."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import CHECKOUT, code_environment
from tests.service.releases import publish

RUNS, SEED, SECONDS = 20_000, 6, 45


@pytest.mark.slow
def test_whatever_the_bytes_opening_ends_in_a_refusal_of_ours(tmp_path: Path) -> None:
    # the simplest methods: of JSON and arrays alone
    releases = publish(tmp_path / "releases", tmp_path)
    told = tmp_path / "ended.json"
    command = [
        *(sys.executable, "-m", "tests.faults.fuzz_opening", releases.folder, told),
        *(f"-runs={RUNS}", f"-max_total_time={SECONDS}", f"-seed={SEED}", "-max_len=96", "-len_control=0"),
        *("-timeout=30", "-rss_limit_mb=4096", f"-artifact_prefix={tmp_path}/found-"),
    ]
    done = subprocess.run(
        list(map(str, command)), cwd=CHECKOUT, env=code_environment(), capture_output=True, text=True, errors="replace",
        check=False, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3_000:] + done.stderr[-6_000:]
    runs = re.search(r"Done (\d+) runs", done.stderr)
    assert runs, done.stderr[-2_000:]
    ended = json.loads(told.read_text())
    print(runs[0], ended)
    assert int(runs[1]) > 1_000
    # the fault was injected everywhere: bytes that nobody verified, and bytes that a parser had to refuse
    for what in ("wrong hashes", "right hashes", "manifest"):
        assert ended[f"{what}: corrupt"] > 50
