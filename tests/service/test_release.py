import hashlib
import shutil
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import orjson
import pytest

from models import predictions
from models.artifact import Artifact
from models.errors import (
    CorruptPartError,
    FingerprintMismatchError,
    InvalidModelOutputError,
    ModelMissingError,
    ReleaseMissingError,
)
from models.lookalike import Lookalike
from models.parts import canonical_json
from models.prediction import Customers, Fitted
from models.prepared import COMPARED
from models.release import Releases
from service.release import BUNDLE_MANIFEST, OpenRelease, open_bundle, open_release
from tests.service.releases import CUSTOMERS, customer_ids, point_at, publish, publish_store


def flip(path: Path, at: int = -2) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_release_opens_with_every_prediction(published: Releases) -> None:
    opened = open_release(published.folder)
    assert set(opened.served) == {prediction.name for prediction in predictions()}
    assert opened.of("churn").release == "r000001"
    assert opened.of("churn").store is opened.of("repurchase").store
    assert opened.of("churn").inline is opened.of("repurchase").inline


def test_an_unknown_prediction_is_named_when_the_release_lacks_it(published: Releases) -> None:
    with pytest.raises(ModelMissingError, match="r000001 has no weather"):
        open_release(published.folder).of("weather")


def test_a_release_is_refused_when_nothing_is_published(tmp_path: Path) -> None:
    with pytest.raises(ReleaseMissingError, match="no release"):
        open_release(tmp_path)


def test_a_release_is_refused_by_name_before_parsing_when_one_byte_of_a_model_is_flipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases = publish(tmp_path / "releases", tmp_path, method=0)
    open_release(releases.folder)
    model = next(releases.parts.rglob("trees_booster_00.txt"))
    flip(model, at=model.stat().st_size // 2)

    def parser(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("LightGBM was given bytes that nobody verified")

    monkeypatch.setattr(lightgbm, "Booster", parser)
    with pytest.raises(CorruptPartError, match=r"booster_00\.txt has sha256"):
        open_release(releases.folder)


@pytest.mark.parametrize("name", ["features.npy", "products.arrow", "id_rows.npy"])
def test_a_release_is_refused_by_name_when_one_byte_of_the_store_is_flipped(releases: Releases, name: str) -> None:
    flip(releases.part(releases.current().store) / name)
    with pytest.raises(CorruptPartError, match=name):
        open_release(releases.folder)


def test_a_release_is_refused_when_its_manifest_is_cut(releases: Releases) -> None:
    path = releases.manifest_path("r000001")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorruptPartError, match="r000001"):
        open_release(releases.folder)


def test_a_release_is_refused_when_a_part_is_gone(releases: Releases) -> None:
    shutil.rmtree(releases.part(releases.current().predictions["churn"].artifact))
    with pytest.raises(CorruptPartError, match="cannot be read"):
        open_release(releases.folder)


def test_both_fingerprints_are_named_when_an_artifact_has_other_features(tmp_path: Path) -> None:
    releases = publish(tmp_path / "releases", tmp_path, mark="f" * 64)
    own = releases.current().fingerprint[:12]
    with pytest.raises(FingerprintMismatchError, match=f"churn was fitted on features ffffffffffff, .* has {own}"):
        open_release(releases.folder)


def test_both_fingerprints_are_named_when_the_code_has_other_features(
    published: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.release.fingerprint", lambda settings: "e" * 64)
    own = published.current().fingerprint[:12]
    with pytest.raises(FingerprintMismatchError, match=f"features {own}, this version of Foresell has eeeeeeeeeeee"):
        open_release(published.folder)


def test_a_release_is_refused_when_the_golden_rows_differ(published: Releases, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = Artifact.golden_scores
    monkeypatch.setattr(Artifact, "golden_scores", lambda self: scores(self) + 1e-6)
    with pytest.raises(InvalidModelOutputError, match="golden rows"):
        open_release(published.folder)


def prepared_part(releases: Releases, name: str = "lookalike") -> Path:
    digest = releases.current().predictions[name].prepared
    assert digest
    return releases.part(digest)


def lookalike(opened: OpenRelease, **asked: Any) -> Any:
    served = opened.of("lookalike")
    request = served.prediction.request.model_validate({"seeds": customer_ids()[:40], "size": 10, **asked})
    return served.prediction.answer(served, request)


def without_prepared(releases: Releases) -> None:
    """Write the release as it was written before anything was prepared: the field is not there."""
    manifest = releases.current()
    content = orjson.loads(releases.manifest_path(manifest.name).read_bytes())
    for model in content["predictions"].values():
        model.pop("prepared")
    text = canonical_json(content)
    releases.manifest_path(manifest.name).write_bytes(text)
    releases.pointer.write_text(f"{manifest.name} {hashlib.sha256(text).hexdigest()}\n")


def test_what_was_prepared_is_shared_by_memory_map(published: Releases) -> None:
    opened = open_release(published.folder)
    for name, array in (("lookalike", "points"), ("churn", "level"), ("churn", "scores"), ("repurchase", "scores")):
        held = opened.of(name).prepared[array]
        assert len(held) == CUSTOMERS
        assert isinstance(held.base, np.memmap)
    assert opened.of("next-best-product").prepared == {}


def test_predictions_see_each_other(published: Releases) -> None:
    opened = open_release(published.folder)
    assert opened.of("lookalike").others["churn"] is opened.of("churn")


def test_no_prediction_is_computed_again_when_a_release_with_its_prepared_parts_opens(
    published: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare, rows = Lookalike.prepare, []

    def counted(self: Lookalike, fitted: Fitted, customers: Customers) -> Any:
        rows.append(len(customers))
        return prepare(self, fitted, customers)

    monkeypatch.setattr(Lookalike, "prepare", counted)
    lookalike(open_release(published.folder))
    # a few tell what must be in the arrays
    assert rows == [COMPARED]


@pytest.mark.parametrize(("name", "file"), [("lookalike", "points.npy"), ("churn", "level.npy")])
def test_a_release_is_refused_by_name_when_one_byte_of_what_was_prepared_is_flipped(
    releases: Releases, name: str, file: str
) -> None:
    flip(prepared_part(releases, name) / file)
    with pytest.raises(CorruptPartError, match=file):
        open_release(releases.folder)


def test_a_release_is_refused_when_what_was_prepared_is_gone(releases: Releases) -> None:
    shutil.rmtree(prepared_part(releases))
    with pytest.raises(CorruptPartError, match="cannot be read"):
        open_release(releases.folder)


def test_a_release_is_refused_when_what_was_prepared_is_of_another_store(releases: Releases, tmp_path: Path) -> None:
    manifest = releases.current()
    point_at(releases, publish_store(releases, tmp_path, count=50), dict(manifest.predictions), "r000002")
    with pytest.raises(CorruptPartError, match=r"shape \(200,.* shape \(50,.*; publish again"):
        open_release(releases.folder)


def test_an_old_release_without_prepared_parts_opens_and_answers_the_same(
    releases: Releases, published: Releases
) -> None:
    without_prepared(releases)
    assert releases.current().predictions["lookalike"].prepared is None
    old, new = (lookalike(open_release(each.folder)) for each in (releases, published))
    assert old == new


@pytest.fixture
def bundle(published: Releases, tmp_path: Path) -> Path:
    """What a bento carries: the manifest and the artifacts."""
    folder = tmp_path / "bundle"
    manifest = published.current()
    folder.mkdir()
    (folder / BUNDLE_MANIFEST).write_bytes(published.manifest_path(manifest.name).read_bytes())
    for model in manifest.predictions.values():
        shutil.copytree(published.part(model.artifact), folder / "parts" / model.artifact)
    return folder


def test_a_bundle_serves_a_mounted_store_under_any_name(bundle: Path, published: Releases, tmp_path: Path) -> None:
    shutil.copytree(published.part(published.current().store), tmp_path / "mounted")
    assert set(open_bundle(bundle, tmp_path / "mounted").served) == {prediction.name for prediction in predictions()}


def test_a_bundle_serves_a_newer_store_when_the_fingerprints_are_equal(bundle: Path, tmp_path: Path) -> None:
    newer = Releases(tmp_path / "newer")
    store = publish_store(newer, tmp_path, count=50)
    opened = open_bundle(bundle, newer.part(store))
    assert len(opened.store) == 50
    assert opened.manifest.store == store
    # nothing was prepared for that store: it is done in memory when the bundle opens
    assert len(opened.of("lookalike").prepared["points"]) == 50
    assert len(opened.of("churn").prepared["level"]) == 50
    assert lookalike(opened, seeds=customer_ids(50)[:25]).candidates == 25


def test_a_bundle_over_the_same_store_answers_as_the_release_does(bundle: Path, published: Releases) -> None:
    mounted = open_bundle(bundle, published.part(published.current().store))
    assert lookalike(mounted) == lookalike(open_release(published.folder))


def test_a_bundle_with_its_store_maps_what_was_prepared_for_it(bundle: Path, published: Releases) -> None:
    manifest = published.current()
    for digest in (manifest.store, *(digest for model in manifest.predictions.values() for digest in model.parts)):
        shutil.copytree(published.part(digest), bundle / "parts" / digest, dirs_exist_ok=True)
    opened = open_bundle(bundle, None)
    assert isinstance(opened.of("lookalike").prepared["points"].base, np.memmap)
    assert lookalike(opened) == lookalike(open_release(published.folder))


def test_a_bundle_is_refused_when_no_store_is_mounted(bundle: Path) -> None:
    with pytest.raises(ReleaseMissingError, match="FORESELL_STORE"):
        open_bundle(bundle, None)


def test_a_bundle_is_refused_when_the_mount_is_not_a_store(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(CorruptPartError, match="is not a store"):
        open_bundle(bundle, tmp_path)


def test_a_prediction_is_missing_when_a_release_was_published_without_it(releases: Releases) -> None:
    manifest = releases.current()
    point_at(releases, manifest.store, {"churn": manifest.predictions["churn"]}, "r000002")
    opened = open_release(releases.folder)
    assert set(opened.served) == {"churn"}
    with pytest.raises(ModelMissingError, match="r000002 has no repurchase"):
        opened.of("repurchase")
