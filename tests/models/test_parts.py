import hashlib
import os
from pathlib import Path

import numpy as np
import orjson
import pytest

from models.errors import CorruptPartError
from models.parts import MANIFEST, canonical_json, npy_array, npy_bytes, replace_file, seal, verify

FILES = {"a.json": b"{}\n", "fitted/booster.txt": b"tree\n" * 40, "z.npy": b"\x00\xff\x10"}


@pytest.fixture
def part(tmp_path: Path) -> Path:
    folder = tmp_path / "part"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_sealed_part_verifies_and_says_what_it_holds(part):
    assert verify(part, seal(part)) == tuple(FILES)


def test_the_digest_is_the_manifests_and_the_manifest_names_every_file(part):
    digest = seal(part)
    manifest = (part / MANIFEST).read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == digest
    assert orjson.loads(manifest) == {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}


def test_sealing_twice_gives_the_same_digest(part):
    assert seal(part) == seal(part)


@pytest.mark.parametrize("name", FILES)
def test_a_part_is_refused_by_the_files_name_when_any_byte_is_flipped(part, name):
    digest = seal(part)
    for at in range(len(FILES[name])):
        flip(part / name, at)
        with pytest.raises(CorruptPartError, match=f"part part: {name} has sha256 .*; publish again or roll back"):
            verify(part, digest)
        flip(part / name, at)
    verify(part, digest)


def test_a_part_is_refused_when_any_byte_of_its_manifest_is_flipped(part):
    digest = seal(part)
    for at in range(len((part / MANIFEST).read_bytes())):
        flip(part / MANIFEST, at)
        with pytest.raises(CorruptPartError, match=r"part part: manifest\.json is not the one"):
            verify(part, digest)
        flip(part / MANIFEST, at)


@pytest.mark.parametrize("name", FILES)
def test_a_part_is_refused_when_a_file_is_missing(part, name):
    digest = seal(part)
    (part / name).unlink()
    with pytest.raises(CorruptPartError, match=f"part part: {name} cannot be read"):
        verify(part, digest)


def test_a_part_is_refused_when_a_file_is_cut_short(part):
    digest = seal(part)
    (part / "z.npy").write_bytes(FILES["z.npy"][:-1])
    with pytest.raises(CorruptPartError, match=r"z\.npy has sha256"):
        verify(part, digest)


def test_a_part_is_refused_when_it_has_no_manifest(part):
    with pytest.raises(CorruptPartError, match=r"part part: manifest\.json cannot be read"):
        verify(part, "0" * 64)


def test_a_part_is_refused_when_it_is_another_ones(part):
    seal(part)
    with pytest.raises(CorruptPartError, match="is not the one that the release names"):
        verify(part, "0" * 64)


def test_a_part_does_not_hold_a_file_that_its_manifest_does_not_name(part):
    digest = seal(part)
    (part / "fitted" / "planted.txt").write_bytes(b"tree")
    assert "fitted/planted.txt" not in verify(part, digest)


def test_a_file_is_replaced_and_no_draft_stays(tmp_path):
    replace_file(tmp_path / "current", b"old")
    replace_file(tmp_path / "current", b"new")
    assert (tmp_path / "current").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["current"]


def test_the_old_file_stays_whole_when_replacing_fails(tmp_path, monkeypatch):
    path = tmp_path / "current"
    replace_file(path, b"old")

    def fail(source, target):
        # what would have been put there is complete before it is put there
        assert Path(source).read_bytes() == b"new"
        assert path.read_bytes() == b"old"
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"


def test_canonical_json_is_the_same_for_equal_values_in_any_order():
    assert canonical_json({"b": [1, {"d": 0.1, "c": None}], "a": "é"}) == canonical_json(
        {"a": "é", "b": [1, {"c": None, "d": 0.1}]}
    )
    assert canonical_json({"b": 1, "a": [0.1]}) == b'{\n  "a": [\n    0.1\n  ],\n  "b": 1\n}\n'


@pytest.mark.parametrize("array", [np.array([[1.5, np.nan]], np.float32), np.array(True), np.array([3, 7])])
def test_an_array_comes_back_as_it_was(array):
    back = npy_array(npy_bytes(array))
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_an_array_of_objects_is_refused_because_reading_it_would_run_code():
    with pytest.raises(ValueError, match="allow_pickle"):
        npy_bytes(np.array([object()]))
