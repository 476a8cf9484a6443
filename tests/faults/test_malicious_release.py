"""Row 2 of what is promised: a release whose hashes are right and whose bytes are an attack runs no code."""

import pickle
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from models.parts import MANIFEST, seal
from models.release import Releases, ServedModel
from service.probe import probe
from service.release import open_release
from tests.service.releases import point_at


class Evil:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.sentinel,)


def sealed_anew(releases: Releases, digest: str, scratch: Path) -> str:
    """Give a changed part its right name, as somebody would who can write the folder."""
    (scratch / MANIFEST).unlink()
    found = seal(scratch)
    assert found != digest
    scratch.rename(releases.part(found))
    return found


def object_array(evil: Evil) -> bytes:
    content = BytesIO()
    np.save(content, np.array([evil], dtype=object), allow_pickle=True)
    return content.getvalue()


@pytest.mark.parametrize("form", ["npy", "pickle"])
@pytest.mark.parametrize(("name", "suffix"), [("next-best-product", ".npy"), ("churn", ".json"), ("lookalike", ".npy")])
def test_no_code_runs_from_an_artifact(sound: Releases, tmp_path: Path, name: str, suffix: str, form: str) -> None:
    releases = Releases(shutil.copytree(sound.folder, tmp_path / "releases"))
    manifest, sentinel = releases.current(), tmp_path / "sentinel"
    evil = Evil(sentinel)
    content = object_array(evil) if form == "npy" else pickle.dumps(evil)
    # the injector did inject: whoever unpickles it is caught
    pickle.loads(pickle.dumps(evil))
    assert sentinel.exists()
    sentinel.unlink()
    served: dict[str, ServedModel] = dict(manifest.predictions)
    model = served[name]
    draft = tmp_path / "draft"
    shutil.copytree(releases.part(model.artifact), draft)
    files = [path for path in draft.rglob(f"*{suffix}") if path.name != MANIFEST]
    for path in files:
        path.write_bytes(content)
    (draft / "more.pkl").write_bytes(pickle.dumps(evil))
    assert files
    served[name] = model.model_copy(update={"artifact": sealed_anew(releases, model.artifact, draft)})
    point_at(releases, manifest.store, served, "r000002")
    refusal = probe(releases, "r000002")
    assert refusal is not None
    assert (refusal.release, "\n" in refusal.message) == ("r000002", False)
    assert not sentinel.exists()


@pytest.mark.parametrize("part", ["of the store", "that was prepared"])
def test_no_code_runs_from_an_array(sound: Releases, tmp_path: Path, part: str) -> None:
    """What is opened by memory map."""
    releases = Releases(shutil.copytree(sound.folder, tmp_path / "releases"))
    manifest, sentinel = releases.current(), tmp_path / "sentinel"
    served: dict[str, ServedModel] = dict(manifest.predictions)
    of_the_store = part == "of the store"
    digest = manifest.store if of_the_store else served["lookalike"].prepared
    assert digest
    draft = tmp_path / "draft"
    shutil.copytree(releases.part(digest), draft)
    files = list(draft.rglob("*.npy"))
    for path in files:
        path.write_bytes(object_array(Evil(sentinel)))
    assert files
    sealed = sealed_anew(releases, digest, draft)
    if not of_the_store:
        served["lookalike"] = served["lookalike"].model_copy(update={"prepared": sealed})
    point_at(releases, sealed if of_the_store else manifest.store, served, "r000002")
    with pytest.raises(ValueError, match=r"\S"):
        open_release(releases.folder)
    assert not sentinel.exists()


def test_a_file_that_no_loader_asks_for_is_never_read(sound: Releases, tmp_path: Path) -> None:
    releases = Releases(shutil.copytree(sound.folder, tmp_path / "releases"))
    sentinel = tmp_path / "sentinel"
    store = releases.part(releases.current().store)
    for name in ("more.pkl", "more.joblib", "more.skops", "__init__.py", "sitecustomize.py"):
        (store / name).write_bytes(pickle.dumps(Evil(sentinel)))
    assert probe(releases, "r000001") is None
    assert not sentinel.exists()
