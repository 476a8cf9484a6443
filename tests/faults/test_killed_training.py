"""Row 25 of what is promised: a killed training serves nothing, its run is FAILED, the next has the same artifact."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from models.settings import load_settings
from tests.processes import code_environment, run_foresell
from tests.shop import open_shop
from training.registry import CHALLENGER, CHAMPION, DIGEST_TAG
from training.tracking import Tracker

pytestmark = pytest.mark.slow

# `foresell` in which a function of ours says that it was reached, and then never returns
_STOPS_AT = """
import importlib, sys, time
module, _, path = sys.argv.pop(1).partition(":")
*owners, name = path.split(".")
owner = importlib.import_module(module)
for each in owners:
    owner = getattr(owner, each)
def stop(*what, **more):
    print("reached", flush=True)
    time.sleep(600)
assert callable(getattr(owner, name))
setattr(owner, name, stop)
import foresell
foresell.main()
"""
TRAINING = {
    "before anything is fitted": "training.challenger:train",
    "between the artifact and the card": "training.tracking:Tracker._log_files",
    "before the challenger is named": "training.registry:Registry.set_alias",
}
PROMOTION = {
    "before it is compared": "training.promote:_judge",
    "before it is registered": "training.tracking:Tracker.register",
    "before it is the champion": "training.promote:make_champion",
}


def kill_at(point: str, *words: str, workspace: Path) -> None:
    """Run ``foresell`` until it reaches a function, and kill it there."""
    command = [sys.executable, "-c", _STOPS_AT, point, *words]
    with subprocess.Popen(
        command, cwd=workspace, env=code_environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "reached\n"
        finally:
            process.kill()
    assert process.returncode == -9


def statuses(tracker: Tracker, kind: str) -> list[str]:
    """Return the status of every run of a kind, oldest first."""
    everywhere = [each.experiment_id for each in tracker.client.search_experiments()]
    runs = tracker.client.search_runs(everywhere, f"tags.`foresell.kind` = '{kind}'")
    return [run.info.status for run in sorted(runs, key=lambda run: int(run.info.start_time))]


def digest(tracker: Tracker, alias: str) -> str:
    return tracker.require_alias("churn", alias).tags[DIGEST_TAG]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A shop whose tables are taken in, and the digest of its challenger where nothing is killed."""
    shop = open_shop(tmp_path_factory.mktemp("trained"))
    run_foresell("train", "churn", "--json", workspace=shop)
    return shop, digest(Tracker(load_settings(shop)), CHALLENGER)


@pytest.mark.parametrize("point", TRAINING.values(), ids=TRAINING)
def test_nothing_serves_and_the_next_training_is_clean_when_one_is_killed(
    trained: tuple[Path, str], tmp_path: Path, point: str
) -> None:
    _, undisturbed = trained
    shop = open_shop(tmp_path)
    tracker = Tracker(load_settings(shop))
    kill_at(point, "train", "churn", workspace=shop)
    assert statuses(tracker, "train") == ["RUNNING"]
    assert tracker.version_by_alias("churn", CHALLENGER) is None
    assert "churn has no challenger" in run_foresell("promote", "churn", workspace=shop, leaves=2)
    # the next command of any kind that makes models has said what became of it
    assert statuses(tracker, "train") == ["FAILED"]
    (done,) = json.loads(run_foresell("train", "churn", "--json", workspace=shop))
    assert statuses(tracker, "train") == ["FAILED", "FINISHED"]
    assert tracker.require_alias("churn", CHALLENGER).run_id == done["run_id"]
    assert digest(tracker, CHALLENGER) == undisturbed
    assert list((shop / "mlruns" / ".running").iterdir()) == []


def test_the_champion_stays_and_the_next_promotion_is_clean_when_one_is_killed(
    trained: tuple[Path, str],
) -> None:
    shop, _ = trained
    tracker = Tracker(load_settings(shop))
    run_foresell("promote", "churn", workspace=shop)
    champion = tracker.require_alias("churn", CHAMPION)
    run_foresell("train", "churn", workspace=shop)
    for point in PROMOTION.values():
        kill_at(point, "promote", "churn", workspace=shop)
        assert tracker.require_alias("churn", CHAMPION) == champion
    run_foresell("promote", "churn", workspace=shop)
    assert tracker.require_alias("churn", CHAMPION).version > champion.version
    # the first was killed before its run began
    assert statuses(tracker, "serve") == ["FINISHED", "FAILED", "FINISHED", "FINISHED"]
    assert digest(tracker, CHAMPION) == champion.tags[DIGEST_TAG]
