"""Row 22 of what is promised: one command brings the version before back, bit for bit, and holds the rejected one."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.artifact import load_artifact
from models.release import Releases
from models.settings import load_settings
from service.current import Current, Refusal
from service.release import OpenRelease, open_release
from service.watch import Watch
from tests.commands import Command
from training.registry import CHALLENGER, CHAMPION, HELD
from training.tracking import Tracker


def golden(releases: Releases) -> bytes:
    """Return what the served artifact gives for its golden rows, bit for bit."""
    digest = releases.current().predictions["churn"].artifact
    return load_artifact(releases.part(digest), digest).golden_scores().tobytes()


def scores(release: OpenRelease) -> bytes:
    """Return everybody's scores, bit for bit."""
    served = release.of("churn")
    return served.fitted.score(served.customers_at(np.arange(len(release.store)))).tobytes()


def answers(release: OpenRelease) -> list[dict[str, Any]]:
    """Return everybody's answers."""
    served = release.of("churn")
    everybody = release.store.ids_at(np.arange(len(release.store)))
    request = served.prediction.request.model_validate({"customers": everybody})
    told: list[dict[str, Any]] = served.prediction.reply(served, request)["answers"]
    return told


def nobody_refuses(releases: Releases, name: str) -> Refusal | None:
    return None


@pytest.mark.slow
def test_rollback_is_one_command_and_its_scores_are_the_earlier_ones_bit_for_bit(
    churn_shop: Path, tmp_path: Path, command: Command
) -> None:
    shop = Path(shutil.copytree(churn_shop, tmp_path / "shop"))
    tracker, releases = Tracker(load_settings(shop)), Releases(shop / "releases")
    good, first = tracker.require_alias("churn", CHAMPION), open_release(releases.folder)
    before, pointer = golden(releases), releases.pointer.read_bytes()
    # a worse one gets in: somebody names it champion by hand
    assert command("train", "churn", "--method", "recency", "--workspace", shop).code == 0
    bad = tracker.require_alias("churn", CHALLENGER)
    tracker.set_alias("churn", CHAMPION, bad.version)
    assert command("publish", "--workspace", shop).code == 0
    second = open_release(releases.folder)
    # the fault is one that shows
    assert scores(second) != scores(first)
    assert answers(second) != answers(first)
    watching = Watch(Current(second), releases, check=nobody_refuses)

    assert command("rollback", "churn", "--workspace", shop).code == 0

    watching.look()
    third = watching.current.release
    assert (third.manifest.name, third.manifest.previous) == ("r000003", "r000002")
    assert releases.pointer.read_bytes() != pointer
    assert third.manifest.predictions == first.manifest.predictions
    assert third.manifest.store == first.manifest.store
    assert scores(third) == scores(first)
    assert answers(third) == answers(first)
    assert golden(releases) == before
    assert tracker.require_alias("churn", CHAMPION).version == good.version
    assert HELD in tracker.version("churn", bad.version).tags
    _assert_held(command, shop, tracker, bad.version, good.version)


def _assert_held(command: Command, shop: Path, tracker: Tracker, bad: int, good: int) -> None:
    """The rejected version comes back by no publish, whatever the registry's own pages say."""
    releases = Releases(shop / "releases")
    for word in ("publish", "run"):
        assert command(word, "--workspace", shop).code == 0
        assert releases.current().predictions["churn"].model.version == str(good)
    tracker.set_alias("churn", CHAMPION, bad)
    pointer = releases.pointer.read_bytes()
    for word in ("publish", "run"):
        said = command(word, "--workspace", shop)
        assert said.code == 2
        assert f"churn version {bad} was rolled back and is held" in said.err
        assert releases.pointer.read_bytes() == pointer
        assert f"foresell promote churn --version {bad}" in said.err
