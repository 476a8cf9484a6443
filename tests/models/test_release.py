import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from models.errors import CorruptPartError, ReleaseMissingError
from models.messages import ModelReference
from models.parts import canonical_json, replace_file
from models.release import Manifest, Releases, ServedModel


def manifest(name: str = "r000001") -> Manifest:
    churn = ServedModel(
        artifact="a" * 64,
        model=ModelReference(name="churn", version="2", run_id="b" * 32),
        evaluated_version="1",
        cut_points=[0.5] * 99,
        evidence={"method": "recency"},
    )
    return Manifest(
        name=name, published_at=datetime(2018, 1, 1, 5, tzinfo=UTC), as_of=date(2018, 1, 1), fingerprint="c" * 64,
        store="d" * 64, predictions={"churn": churn}, previous=None,
    )  # fmt: skip


def put(releases: Releases, name: str, content: bytes) -> None:
    releases.manifests.mkdir(parents=True, exist_ok=True)
    releases.manifest_path(name).write_bytes(content)


def point(releases: Releases, name: str, content: bytes) -> None:
    put(releases, name, content)
    replace_file(releases.pointer, f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())


def json_of(name: str) -> bytes:
    return canonical_json(manifest(name).model_dump(mode="json"))


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(tmp_path / "releases")


def test_the_current_release_is_the_one_that_the_pointer_names(releases):
    point(releases, "r000001", json_of("r000001"))
    point(releases, "r000002", json_of("r000002"))
    assert releases.current() == manifest("r000002")
    assert releases.current_name() == "r000002"
    point(releases, "r000001", json_of("r000001"))
    assert releases.current() == manifest("r000001")
    assert releases.names() == ["r000001", "r000002"]


def test_a_part_is_a_folder_named_by_its_digest(releases):
    assert releases.part("d" * 64) == releases.folder / "parts" / ("d" * 64)


def test_nothing_is_current_when_nothing_was_published(releases):
    assert releases.current_name() is None
    assert releases.names() == []
    with pytest.raises(ReleaseMissingError, match="no release in releases/: run foresell train, promote and publish"):
        releases.current()


def test_a_release_is_refused_when_any_byte_of_its_manifest_is_changed(releases):
    content = json_of("r000001")
    point(releases, "r000001", content)
    for at in range(0, len(content), 7):
        tampered = bytearray(content)
        tampered[at] ^= 1
        put(releases, "r000001", bytes(tampered))
        with pytest.raises(CorruptPartError, match="release r000001: its manifest is not the one that was published"):
            releases.current()


def test_a_release_is_refused_when_its_manifest_is_gone(releases):
    point(releases, "r000001", json_of("r000001"))
    releases.manifest_path("r000001").unlink()
    with pytest.raises(ReleaseMissingError, match="release r000001 is not in releases/manifests; publish again"):
        releases.current()


@pytest.mark.parametrize("content", [b"{}", b"", b"not json", json_of("r000001").replace(b'"store"', b'"shop"')])
def test_a_release_is_refused_in_one_line_when_its_manifest_is_no_manifest(releases, content):
    point(releases, "r000001", content)
    for read in (releases.current, lambda: releases.manifest("r000001")):
        with pytest.raises(CorruptPartError, match=r"^release r000001: its manifest cannot be read; publish again$"):
            read()


@pytest.mark.parametrize("content", [b"", b"r000001", b"r000001 abc def", b"\xff\xfe"])
def test_a_release_is_refused_when_the_pointer_is_torn(releases, content):
    point(releases, "r000001", json_of("r000001"))
    releases.pointer.write_bytes(content)
    for read in (releases.current, releases.current_name):
        with pytest.raises(CorruptPartError, match="current does not name a release: publish again"):
            read()


def test_one_release_is_read_by_name(releases):
    put(releases, "r000007", json_of("r000007"))
    assert releases.manifest("r000007") == manifest("r000007")
    with pytest.raises(ReleaseMissingError, match="release r000008 is not in releases/manifests"):
        releases.manifest("r000008")
