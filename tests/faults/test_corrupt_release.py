"""Row 1 of what is promised: a corrupt or truncated file of a release is refused before any parser sees it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from models.errors import CorruptPartError
from models.release import Releases
from service.release import open_release

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
