from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from models import predictions
from models.errors import ModelMissingError
from models.parts import verify
from models.release import Manifest, Releases
from models.settings import load_settings
from models.store import open_store
from tests.commands import Command
from tests.shop import FAITHFUL
from training.publish import publish
from training.registry import CHAMPION, HELD
from training.tracking import Tracker


@pytest.fixture
def releases(own_shop: Path) -> Releases:
    return Releases(own_shop / "releases")


def parts_of(manifest: Manifest) -> set[str]:
    return {manifest.store, *(digest for served in manifest.predictions.values() for digest in served.parts)}


def artifacts_of(manifest: Manifest) -> set[str]:
    return {served.artifact for served in manifest.predictions.values()}


def prepared_of(manifest: Manifest) -> set[str]:
    return {served.prepared for served in manifest.predictions.values() if served.prepared}


def test_nothing_is_written_twice_when_nothing_changed(command: Command, own_shop: Path, releases: Releases) -> None:
    before = releases.current()
    assert command("publish", "--workspace", own_shop).code == 0
    after = releases.current()
    assert (before.name, after.name, after.previous) == ("r000001", "r000002", "r000001")
    assert parts_of(after) == parts_of(before)
    assert {path.name for path in releases.parts.iterdir()} == parts_of(after)


def test_a_new_store_shares_the_artifacts_when_only_the_day_changed(
    command: Command, own_shop: Path, releases: Releases
) -> None:
    before = releases.current()
    assert command("publish", "--workspace", own_shop, "--as-of", "2024-06-01").code == 0
    after = releases.current()
    assert after.as_of == date(2024, 6, 1)
    assert after.store != before.store
    assert artifacts_of(after) == artifacts_of(before)
    assert after.predictions["lookalike"].prepared != before.predictions["lookalike"].prepared
    store = open_store(releases.part(after.store))
    # an order every fourth day from 1 January on: the last before 1 June was on 28 May
    row = store.rows_of([FAITHFUL])[0]
    assert store.features[row, store.names.index("recency_days")] == 4


def test_old_releases_and_their_parts_are_swept_when_there_are_too_many(
    command: Command, own_shop: Path, releases: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORESELL_PUBLISHING__KEEP_RELEASES", "2")
    first = releases.current()
    for day in ("2024-06-01", "2024-06-02"):
        assert command("publish", "--workspace", own_shop, "--as-of", day).code == 0
    assert releases.names() == ["r000002", "r000003"]
    assert not releases.part(first.store).exists()
    assert {path.name for path in releases.parts.iterdir()} == set().union(
        *(parts_of(releases.manifest(name)) for name in releases.names())
    )
    for digest in parts_of(releases.current()):
        verify(releases.part(digest), digest)


def test_publishing_is_refused_when_another_one_is_at_work(command: Command, own_shop: Path) -> None:
    with FileLock(own_shop / "releases" / ".lock"):
        said = command("publish", "--workspace", own_shop)
    assert said.code == 2
    assert "another publish or rollback is at work" in said.err


def test_publishing_is_refused_by_name_when_the_features_changed_since_training(
    command: Command, own_shop: Path, releases: Releases
) -> None:
    config = (own_shop / "foresell.toml").read_text()
    (own_shop / "foresell.toml").write_text(config + '\n[features]\nevent_kinds = ["view", "wish"]\n')
    before = releases.pointer.read_text()
    said = command("publish", "--workspace", own_shop)
    assert said.code == 2
    assert "churn was fitted on features" in said.err
    assert releases.pointer.read_text() == before


def test_a_damaged_part_is_replaced_when_it_is_published_again(
    command: Command, own_shop: Path, releases: Releases
) -> None:
    store = releases.part(releases.current().store)
    content = bytearray((store / "features.npy").read_bytes())
    content[-1] ^= 1
    (store / "features.npy").write_bytes(content)
    assert command("publish", "--workspace", own_shop).code == 0
    verify(store, store.name)


def test_what_a_prediction_prepares_is_a_part_of_the_release(releases: Releases) -> None:
    manifest = releases.current()
    assert set(manifest.predictions) >= {"churn", "lookalike"}
    rows = len(open_store(releases.part(manifest.store)))
    for name, file in (("churn", "level.npy"), ("repurchase", "scores.npy"), ("lookalike", "points.npy")):
        digest = manifest.predictions[name].prepared
        assert digest
        verify(releases.part(digest), digest)
        assert len(np.load(releases.part(digest) / file)) == rows


def test_a_damaged_prepared_part_is_replaced_when_it_is_published_again(
    command: Command, own_shop: Path, releases: Releases
) -> None:
    digest = releases.current().predictions["lookalike"].prepared
    assert digest
    (releases.part(digest) / "points.npy").write_bytes(b"damaged")
    assert command("publish", "--workspace", own_shop).code == 0
    assert releases.current().predictions["lookalike"].prepared == digest
    verify(releases.part(digest), digest)


def test_rollback_prepares_for_the_store_that_serves_now(command: Command, own_shop: Path, releases: Releases) -> None:
    assert command("publish", "--workspace", own_shop, "--as-of", "2024-06-01").code == 0
    second = _promote_again(command, own_shop, "lookalike")
    before = releases.current()
    assert before.predictions["lookalike"].model.version == str(second)
    assert command("rollback", "lookalike", "--workspace", own_shop).code == 0
    after = releases.current()
    first = releases.manifest("r000001")
    # the store of the first release: what its version had prepared for it is there again
    assert after.store == before.store == first.store
    assert after.predictions["lookalike"].prepared == first.predictions["lookalike"].prepared
    assert prepared_of(after) <= {path.name for path in releases.parts.iterdir()}


def test_rollback_leaves_the_other_prediction_and_the_store_as_they_were(
    command: Command, own_shop: Path, releases: Releases
) -> None:
    second = _promote_again(command, own_shop, "churn")
    before = releases.current()
    assert before.predictions["churn"].model.version == str(second)
    assert command("rollback", "churn", "--workspace", own_shop).code == 0
    after = releases.current()
    assert after.predictions["churn"] == releases.manifest("r000001").predictions["churn"]
    assert after.predictions["repurchase"] == before.predictions["repurchase"]
    assert after.store == before.store


def test_a_rejected_version_does_not_come_back_until_it_is_promoted_by_name(
    command: Command, own_shop: Path, releases: Releases
) -> None:
    rejected = _promote_again(command, own_shop, "churn")
    assert command("rollback", "churn", "--workspace", own_shop).code == 0
    assert command("publish", "--workspace", own_shop).code == 0
    assert releases.current().predictions["churn"].model.version == "2"
    # somebody points the alias back by hand, in the registry's own pages
    tracker = Tracker(load_settings(own_shop))
    tracker.set_alias("churn", CHAMPION, rejected)
    said = command("publish", "--workspace", own_shop)
    assert said.code == 2
    assert f"churn version {rejected} was rolled back and is held" in said.err
    assert command("promote", "churn", "--version", rejected, "--workspace", own_shop).code == 0
    assert HELD not in tracker.version("churn", rejected).tags
    assert command("publish", "--workspace", own_shop).code == 0
    assert releases.current().predictions["churn"].model.version == str(rejected)


def test_rollback_is_refused_when_there_is_nothing_earlier(command: Command, own_shop: Path) -> None:
    said = command("rollback", "churn", "--workspace", own_shop)
    assert said.code == 2
    assert "no release on disk served another version of churn" in said.err


def test_publishing_is_refused_when_the_day_lies_after_the_data(
    command: Command, own_shop: Path, releases: Releases
) -> None:
    before = releases.pointer.read_text()
    said = command("publish", "--workspace", own_shop, "--as-of", "2024-07-20")
    assert said.code == 2
    assert "the data end with 2024-07-18, so 2024-07-19 is the latest possible" in said.err
    assert releases.pointer.read_text() == before


def test_publishing_again_repairs_a_damaged_pointer(command: Command, own_shop: Path, releases: Releases) -> None:
    releases.pointer.write_text("half of a na")
    assert command("publish", "--workspace", own_shop).code == 0
    assert (releases.current().name, releases.current().previous) == ("r000002", None)


def test_publishing_ends_well_when_an_old_manifest_or_a_stray_file_lies_there(
    command: Command, own_shop: Path, releases: Releases
) -> None:
    old = releases.manifest_path("r000001")
    old.write_bytes(old.read_bytes()[:100])
    (releases.parts / ".DS_Store").write_text("not ours")
    assert command("publish", "--workspace", own_shop).code == 0
    for digest in parts_of(releases.current()):
        verify(releases.part(digest), digest)


def test_a_champion_that_was_rejected_while_publishing_waited_is_not_served(
    own_shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(own_shop)
    tracker = Tracker(settings)
    champion = tracker.require_alias("churn", CHAMPION)

    @contextmanager
    def locked_after_a_rollback(_: Releases) -> Iterator[None]:
        tracker.set_version_tag("churn", champion.version, HELD, "meanwhile")
        yield

    monkeypatch.setattr("training.publish.locked", locked_after_a_rollback)
    with pytest.raises(ModelMissingError, match="was rolled back and is held"):
        publish(settings, tracker, predictions(settings.models), as_of=date(2024, 6, 1), now=datetime.now(UTC))


def test_rollback_changes_nothing_when_the_earlier_version_does_not_fit_the_store(
    command: Command, own_shop: Path, releases: Releases
) -> None:
    second = _promote_again(command, own_shop, "churn")
    earlier = releases.part(releases.manifest("r000001").predictions["churn"].artifact)
    (earlier / "medians.npy").write_bytes(b"damaged")
    before = releases.pointer.read_text()
    said = command("rollback", "churn", "--workspace", own_shop)
    champion = Tracker(load_settings(own_shop)).require_alias("churn", CHAMPION)
    assert said.code == 2
    assert "medians.npy" in said.err
    assert (champion.version, HELD in champion.tags) == (second, False)
    assert releases.pointer.read_text() == before


def _promote_again(command: Command, shop: Path, name: str) -> int:
    for words in (("train", name), ("promote", name), ("publish",)):
        assert command(*words, "--workspace", shop).code == 0
    return Tracker(load_settings(shop)).require_alias(name, CHAMPION).version
