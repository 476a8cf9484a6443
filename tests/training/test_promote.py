import json
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from models.churn import Churn
from models.errors import ConcurrentChangeError, NotConvergedError
from models.settings import load_settings
from tests.commands import Command
from training.inspection import Inspection
from training.leaks import SHUFFLED, SINGLE, Check
from training.promote import make_champion
from training.registry import CHALLENGER, CHAMPION, Version
from training.run import Trainer
from training.tracking import CARD, Tracker


@pytest.fixture
def tracker(own_shop: Path) -> Tracker:
    return Tracker(load_settings(own_shop))


def test_a_challenger_is_refused_with_the_table_when_it_loses(
    command: Command, own_shop: Path, tracker: Tracker
) -> None:
    before = tracker.require_alias("churn", CHAMPION)
    assert command("train", "churn", "--method", "recency", "--workspace", own_shop).code == 0
    said = command("promote", "churn", "--workspace", own_shop)
    assert said.code == 2
    assert "(recency, validation loss" in said.err
    assert "is refused: champion is better" in said.err
    assert "bg_nbd 0." in said.err
    assert tracker.require_alias("churn", CHAMPION) == before


def test_a_newer_fit_of_the_champion_is_promoted_when_it_is_as_good(
    command: Command, own_shop: Path, tracker: Tracker
) -> None:
    assert command("train", "churn", "--workspace", own_shop).code == 0
    challenger = tracker.require_alias("churn", CHALLENGER)
    card = tracker.download_artifact_folder(challenger.run_id, CARD, _new(own_shop / "card")).read_text()
    assert f"<span>evaluated version</span><b>{challenger.version}</b>" in card
    assert "not promoted" in card
    said = command("promote", "churn", "--workspace", own_shop, "--json")
    champion = tracker.require_alias("churn", CHAMPION)
    assert said.code == 0
    assert any(line.startswith("champion ") for line in json.loads(said.out)[0]["table"])
    assert tracker.evaluated(champion).run_id == challenger.run_id
    assert champion.version == challenger.version + 1
    # it was the challenger once: promoting again would fit it again for nothing
    assert tracker.version_by_alias("churn", CHALLENGER) is None


@pytest.fixture
def warned(command: Command, own_shop: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A challenger of churn whose training warned of two leaks."""
    checks = tuple(Check(name, False, f"{name}: do not trust its figures") for name in (SHUFFLED, SINGLE))
    monkeypatch.setattr("training.run.inspect", lambda *_: Inspection(checks))
    assert command("train", "churn", "--workspace", own_shop).code == 0
    return [check.told for check in checks]


def test_promotion_repeats_the_warnings_of_the_training_a_line_each(
    command: Command, own_shop: Path, tracker: Tracker, warned: list[str]
) -> None:
    said = command("promote", "churn", "--workspace", own_shop)
    assert said.code == 0
    lines = [f"churn: WARNING: {each}" for each in warned]
    assert said.out.splitlines()[-2:] == lines
    # and again when somebody names the version that serves
    served = tracker.require_alias("churn", CHAMPION)
    again = command("promote", "churn", "--version", served.version, "--workspace", own_shop)
    assert again.out.splitlines()[-2:] == lines


def test_the_served_version_keeps_the_choices_of_the_evaluated_one(tracker: Tracker, tmp_path: Path) -> None:
    champion = tracker.require_alias("repurchase", CHAMPION)
    about = [
        json.loads(
            (
                tracker.download_artifact_folder(each.run_id, "artifact", _new(tmp_path / str(each.version)))
                / "artifact.json"
            ).read_text()
        )
        for each in (champion, tracker.evaluated(champion))
    ]
    assert about[0] == about[1]


def test_promotion_is_refused_when_the_tables_changed_since_training(command: Command, own_shop: Path) -> None:
    with (own_shop / "orders.csv").open("a") as file:
        file.write("002,2024-07-01T12:00:00,late,p1,1,9.99\n")
    said = command("promote", "churn", "--version", 1, "--workspace", own_shop)
    assert said.code == 2
    assert "the tables changed since churn version 1 was trained: run foresell train churn" in said.err


def test_promotion_is_refused_when_another_one_is_at_work(command: Command, own_shop: Path) -> None:
    with FileLock(own_shop / "mlruns" / ".promote-churn.lock"):
        said = command("promote", "churn", "--version", 1, "--workspace", own_shop)
    assert said.code == 2
    assert "another promotion of churn is at work" in said.err


def test_nothing_changes_when_somebody_else_moved_the_champion_meanwhile(tracker: Tracker) -> None:
    champion = tracker.require_alias("churn", CHAMPION)
    with pytest.raises(ConcurrentChangeError, match=f"became version {champion.version} meanwhile"):
        make_champion(tracker, tracker.evaluated(champion), expected=None)
    assert tracker.require_alias("churn", CHAMPION) == champion


def test_an_unknown_version_is_named_with_those_that_exist(command: Command, own_shop: Path) -> None:
    said = command("promote", "churn", "--version", 99, "--workspace", own_shop)
    assert said.code == 2
    assert "churn has no version 99; it has" in said.err


@pytest.mark.parametrize(
    ("name", "setting", "changed", "told"),
    [
        ("repurchase", "horizons = [7, 14]", "horizons = [7, 21]", "predictions.repurchase.horizons"),
        ("churn", "active_days = 30", "active_days = 60", "predictions.churn.active_days"),
        ("churn", "folds = 1", "folds = 2", "cutoffs.folds"),
    ],
)
def test_promotion_is_refused_when_a_setting_changed_since_training(
    command: Command, own_shop: Path, name: str, setting: str, changed: str, told: str
) -> None:
    config = (own_shop / "foresell.toml").read_text()
    (own_shop / "foresell.toml").write_text(config.replace(setting, changed))
    said = command("promote", name, "--version", 1, "--workspace", own_shop)
    assert said.code == 2
    assert f"{told} changed since {name} version 1 was trained: run foresell train {name}" in said.err


def test_a_champion_is_compared_when_the_horizons_became_more(
    command: Command, own_shop: Path, tracker: Tracker
) -> None:
    # a champion of trees, with a number of trees for each of fewer horizons
    assert command("train", "repurchase", "--method", "blend", "--workspace", own_shop).code == 0
    trees = tracker.require_alias("repurchase", CHALLENGER)
    tracker.set_alias("repurchase", CHAMPION, trees.version)
    config = (own_shop / "foresell.toml").read_text()
    (own_shop / "foresell.toml").write_text(config.replace("horizons = [7, 14]", "horizons = [7, 14, 21, 30]"))
    assert command("train", "repurchase", "--workspace", own_shop).code == 0
    said = command("promote", "repurchase", "--workspace", own_shop, "--json")
    assert (said.code, "Traceback" in said.err) == (0, False)
    assert any(line.startswith("champion ") for line in json.loads(said.out)[0]["table"])


def test_a_version_is_refused_when_its_number_is_none(command: Command, own_shop: Path) -> None:
    said = command("promote", "churn", "--version", 0, "--workspace", own_shop)
    assert said.code == 2
    assert "--version" in said.err


@pytest.fixture
def bg_nbd_without_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = Churn.fit

    def fit_or_fail(self: Churn, method: str, *what: Any, **more: Any) -> Any:
        if method == "bg_nbd":
            raise NotConvergedError("bg_nbd found no answer in 100 steps")
        return fit(self, method, *what, **more)

    monkeypatch.setattr(Churn, "fit", fit_or_fail)


@pytest.fixture
def bg_nbd_champion(command: Command, own_shop: Path, tracker: Tracker) -> Version:
    assert command("train", "churn", "--method", "bg_nbd", "--workspace", own_shop).code == 0
    version = tracker.require_alias("churn", CHALLENGER)
    tracker.set_alias("churn", CHAMPION, version.version)
    tracker.delete_alias("churn", CHALLENGER)
    return tracker.require_alias("churn", CHAMPION)


def test_a_challenger_is_promoted_when_a_rival_and_the_champion_do_not_converge(
    command: Command, own_shop: Path, tracker: Tracker, bg_nbd_champion: Version, bg_nbd_without_answer: None
) -> None:
    trained = command("train", "churn", "--workspace", own_shop)
    assert trained.code == 0
    assert "bg_nbd is left out: bg_nbd found no answer in 100 steps" in trained.out.replace("\n", " ")
    challenger = tracker.require_alias("churn", CHALLENGER)
    card = tracker.download_artifact_folder(challenger.run_id, CARD, _new(own_shop / "card")).read_text()
    assert "bg_nbd is left out: bg_nbd found no answer in 100 steps" in card
    said = command("promote", "churn", "--workspace", own_shop, "--json")
    assert said.code == 0
    (line,) = json.loads(said.out)
    assert "champion is not compared: bg_nbd found no answer in 100 steps" in line["sentence"]
    assert [each for each in line["table"] if "not compared" in each] == [
        "bg_nbd is not compared: bg_nbd found no answer in 100 steps",
        "champion is not compared: bg_nbd found no answer in 100 steps",
    ]
    assert tracker.evaluated(tracker.require_alias("churn", CHAMPION)) == tracker.version("churn", challenger.version)


def test_a_challenger_is_promoted_when_the_champions_method_is_no_more(
    command: Command, own_shop: Path, tracker: Tracker, bg_nbd_champion: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tuple(method for method in Churn.candidates if method.name != "bg_nbd")
    monkeypatch.setattr(Churn, "candidates", left)
    assert command("train", "churn", "--workspace", own_shop).code == 0
    said = command("promote", "churn", "--workspace", own_shop, "--json")
    assert said.code == 0
    assert "champion is not compared: churn has no method 'bg_nbd'; it has" in json.loads(said.out)[0]["sentence"]


def test_nothing_is_registered_when_the_method_that_was_asked_for_does_not_converge(
    command: Command, own_shop: Path, tracker: Tracker, bg_nbd_without_answer: None
) -> None:
    before = tracker.versions("churn")
    said = command("train", "churn", "--method", "bg_nbd", "--workspace", own_shop)
    assert said.code == 2
    assert said.err.splitlines()[-1] == "foresell: churn: bg_nbd found no answer in 100 steps"
    assert tracker.versions("churn") == before


def test_nothing_is_registered_when_the_challenger_does_not_converge_on_every_closed_window(
    command: Command, own_shop: Path, tracker: Tracker, bg_nbd_champion: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("train", "churn", "--method", "bg_nbd", "--workspace", own_shop).code == 0
    before = tracker.versions("churn")
    artifact = Trainer.artifact

    def without_answer(self: Trainer, method: str, limit: Any, choices: Any = None) -> Any:
        if limit == self.plan.end:
            raise NotConvergedError("bg_nbd found no answer in 100 steps")
        return artifact(self, method, limit, choices)

    monkeypatch.setattr(Trainer, "artifact", without_answer)
    said = command("promote", "churn", "--workspace", own_shop)
    assert said.code == 2
    assert said.err.splitlines()[-1] == "foresell: churn: bg_nbd found no answer in 100 steps"
    assert tracker.versions("churn") == before


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder
