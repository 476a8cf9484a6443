"""Row 1 of what is promised: a corrupt or truncated file of a release is refused before any parser sees it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from models.errors import CorruptPartError, ReleaseMissingError
from models.release import Releases
from service.current import Current, Refusal
from service.release import open_release
from service.watch import Watch
from tests.service.releases import point_at

MUTATIONS = 200
Mutation = Callable[[np.random.Generator, bytes], bytes]


def flipped(rng: np.random.Generator, content: bytes) -> bytes:
    changed = bytearray(content)
    changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
    return bytes(changed)


def cut(rng: np.random.Generator, content: bytes) -> bytes:
    return content[: rng.integers(len(content))]


def longer(rng: np.random.Generator, content: bytes) -> bytes:
    return content + rng.bytes(int(rng.integers(1, 64)))


def zeroed(rng: np.random.Generator, content: bytes) -> bytes:
    start = int(rng.integers(len(content)))
    return content[:start] + bytes(len(content) - start) + b"\0"


MUTATED: tuple[Mutation, ...] = (flipped, cut, longer, zeroed)


def parser(*_: object, **__: object) -> None:
    raise AssertionError("bytes that nobody verified reached a parser")


def files_of(releases: Releases) -> list[Path]:
    manifest = releases.current()
    parts = {manifest.store, *(digest for model in manifest.predictions.values() for digest in model.parts)}
    return sorted(path for part in parts for path in releases.part(part).rglob("*") if path.is_file())


@pytest.mark.parametrize("seed", range(4))
def test_no_mutation_of_any_file_opens(
    sound: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    releases = Releases(shutil.copytree(sound.folder, tmp_path / "releases"))
    open_release(releases.folder)
    files = files_of(releases)
    monkeypatch.setattr(lightgbm, "Booster", parser)
    monkeypatch.setattr("service.release.load_artifact", parser)
    rng = np.random.default_rng(seed)
    for number in range(MUTATIONS // 4):
        path = files[rng.integers(len(files))]
        content = path.read_bytes()
        changed = MUTATED[number % len(MUTATED)](rng, content)
        # the injector did inject
        assert changed != content
        path.write_bytes(changed)
        with pytest.raises(CorruptPartError, match=rf"{path.parent.name[:8]}|{path.name}"):
            open_release(releases.folder)
        path.write_bytes(content)
    monkeypatch.undo()
    assert set(open_release(releases.folder).served) == set(open_release(sound.folder).served)


def test_each_file_of_a_release_is_needed(sound: Releases, tmp_path: Path) -> None:
    releases = Releases(shutil.copytree(sound.folder, tmp_path / "releases"))
    for path in files_of(releases):
        hidden = path.rename(path.with_name("hidden"))
        with pytest.raises(CorruptPartError, match="cannot be read"):
            open_release(releases.folder)
        hidden.rename(path)
    open_release(releases.folder)


def test_no_mutation_of_the_pointer_or_the_manifest_opens_anything_else(sound: Releases, tmp_path: Path) -> None:
    releases = Releases(shutil.copytree(sound.folder, tmp_path / "releases"))
    manifest = releases.current()
    rng = np.random.default_rng(5)
    refused = 0
    for number in range(MUTATIONS):
        path = (releases.pointer, releases.manifest_path(manifest.name))[number % 2]
        content = path.read_bytes()
        changed = MUTATED[number // 2 % len(MUTATED)](rng, content)
        assert changed != content
        path.write_bytes(changed)
        try:
            # blanks at the end of the pointer are no other release
            assert releases.current() == manifest
        except (CorruptPartError, ReleaseMissingError):
            refused += 1
        path.write_bytes(content)
    assert refused > 0.95 * MUTATIONS


def nobody_refuses(releases: Releases, name: str) -> Refusal | None:
    return None


def test_the_last_good_release_serves_on_whatever_is_corrupt_in_the_next(sound: Releases, tmp_path: Path) -> None:
    releases = Releases(shutil.copytree(sound.folder, tmp_path / "releases"))
    manifest, files = releases.current(), files_of(releases)
    watching = Watch(Current(open_release(sound.folder)), releases, check=nobody_refuses)
    rng = np.random.default_rng(6)
    for number in range(12):
        name = f"r{number + 2:06d}"
        point_at(releases, manifest.store, dict(manifest.predictions), name)
        path = files[rng.integers(len(files))]
        content = path.read_bytes()
        path.write_bytes(MUTATED[number % len(MUTATED)](rng, content))
        watching.look()
        refusal = watching.current.refusal
        assert refusal is not None
        assert (refusal.release, refusal.code) == (name, "corrupt_part")
        assert watching.current.refused == number + 1
        assert watching.current.served("churn").release == manifest.name
        path.write_bytes(content)
    point_at(releases, manifest.store, dict(manifest.predictions), "r000099")
    watching.look()
    assert watching.current.served("churn").release == "r000099"
    assert watching.current.refusal is None
