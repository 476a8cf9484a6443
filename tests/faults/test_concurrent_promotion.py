"""Row 21 of what is promised: of promotions at once one wins; the others change nothing and exit with 2."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from models.settings import load_settings
from tests.processes import code_environment, run_foresell
from training.registry import CHALLENGER, CHAMPION, DIGEST_TAG
from training.tracking import Tracker

PROCESSES = 8

# `foresell` that says when it reached a function, and goes on when it is told to
_WAITS_AT = """
import importlib, sys
module, _, name = sys.argv.pop(1).partition(":")
owner = importlib.import_module(module)
original = getattr(owner, name)
def wait(*what, **more):
    print("reached", flush=True)
    sys.stdin.readline()
    return original(*what, **more)
setattr(owner, name, wait)
import foresell
foresell.main()
"""


@contextmanager
def waiting(point: str, *words: str, workspace: Path) -> Iterator["subprocess.Popen[str]"]:
    """Start ``foresell``; it waits at a function for a line on its standard input."""
    command = [sys.executable, "-c", _WAITS_AT, point, *words]
    with subprocess.Popen(
        command, cwd=workspace, env=code_environment(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


def reached(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "reached\n"


@pytest.fixture
def shop(churn_shop: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(churn_shop, tmp_path / "shop"))


@pytest.mark.slow
def test_one_of_eight_promotions_at_once_wins(shop: Path) -> None:
    tracker = Tracker(load_settings(shop))
    before, challenger = tracker.versions("churn"), tracker.require_alias("churn", CHALLENGER)
    with ExitStack() as stack:
        processes = [
            stack.enter_context(waiting("training.promote:locked", "promote", "churn", "--json", workspace=shop))
            for _ in range(PROCESSES)
        ]
        # all of them are at the door before it opens
        for process in processes:
            reached(process)
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        said = [(*process.communicate(timeout=300), process.returncode) for process in processes]
    assert sorted(code for _, _, code in said) == [0] + [2] * (PROCESSES - 1), said
    (winner,) = (out for out, _, code in said if code == 0)
    lines = [err.strip().splitlines()[-1] for _, err, code in said if code == 2]
    busy = "foresell: another promotion of churn is at work: wait for it, then run again"
    # who came when it was over finds no challenger left
    over = "foresell: churn has no challenger; run `foresell train churn`"
    assert busy in lines
    assert set(lines) <= {busy, over}
    now = tracker.require_alias("churn", CHAMPION)
    assert json.loads(winner)[0]["version"] == now.version
    assert tracker.evaluated(now).version == challenger.version
    # one version more, and what was there before is as it was
    after = tracker.versions("churn")
    assert [(each.version, each.run_id, each.tags) for each in after[1:]] == [
        (each.version, each.run_id, each.tags) for each in before
    ]


@pytest.mark.slow
def test_a_promotion_that_began_before_another_ended_elsewhere_changes_nothing(shop: Path, tmp_path: Path) -> None:
    """Two machines with a registry between them: no lock file is in common."""
    elsewhere = Path(shutil.copytree(shop, tmp_path / "elsewhere"))
    registry = f"sqlite:///{shop}/mlruns/mlflow.db"
    config = elsewhere / "foresell.toml"
    config.write_text(f'{config.read_text()}\n[tracking]\nuri = "{registry}"\n')
    tracker = Tracker(load_settings(shop))
    with waiting("training.promote:make_champion", "promote", "churn", workspace=elsewhere) as process:
        reached(process)
        before = tracker.require_alias("churn", CHAMPION)
        run_foresell("promote", "churn", workspace=shop)
        champion = tracker.require_alias("churn", CHAMPION)
        assert champion.version > before.version
        _, err = process.communicate("\n", timeout=300)
    assert process.returncode == 2
    assert err.strip().splitlines()[-1] == (
        f"foresell: the champion of churn became version {champion.version} meanwhile: promote again"
    )
    assert tracker.require_alias("churn", CHAMPION) == champion
    assert champion.tags[DIGEST_TAG] == before.tags[DIGEST_TAG]
