import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from models.errors import CorruptPartError, ReleaseMissingError
from models.release import Releases
from service.bento import build, packed
from service.demonstration import free_port
from service.serve import child
from tests.service.releases import customer_ids

slow = pytest.mark.slow


@pytest.fixture(scope="module")
def home(published: Releases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BentoML's home with one bento, whose store is mounted."""
    folder = tmp_path_factory.mktemp("bentos")
    build(published.folder, with_store=False, home=folder)
    return folder


def newest(home: Path) -> Path:
    versions = home / "bentos" / "foresell"
    return versions / (versions / "latest").read_text().strip()


def environment(home: Path, tmp_path: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FORESELL", "PYTHON", "PROM"))}
    own = {"BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", "HOME": str(tmp_path / "home")}
    return kept | own | more


def ask(python: str, home: Path, folder: Path, **more: str) -> Any:
    port = free_port()
    folder.mkdir()
    command = [python, "-m", "bentoml", "serve", "foresell:latest", "--host", "127.0.0.1", "--port", str(port)]
    with child(command, environment(home, folder.parent, **more), folder, port, 120) as url:
        return httpx.post(f"{url}/v1/churn", json={"customers": ["c000001", "nobody"]}).json()


def statuses(body: Any) -> list[str]:
    return [answer["status"] for answer in body["answers"]]


@slow
def test_the_bento_holds_no_customer_and_no_training(home: Path) -> None:
    files = [path for path in home.rglob("*") if path.is_file()]
    known = [each.encode() for each in customer_ids()]
    assert [path for path in files if any(each in path.read_bytes() for each in known)] == []
    sources = {path.relative_to(newest(home) / "src").parts[0] for path in (newest(home) / "src").rglob("*.py")}
    assert sources == {"models", "service"}


@slow
def test_the_bento_answers_from_an_empty_folder_in_an_environment_of_its_own(
    home: Path, published: Releases, tmp_path: Path
) -> None:
    uv, python = [sys.executable, "-m", "uv"], str(tmp_path / "own" / "bin" / "python")
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "own"], check=True)
    requirements = newest(home) / "env" / "python" / "requirements.txt"
    install = ["pip", "install", "--quiet", "--require-hashes", "--python", python, "-r", requirements]
    subprocess.run([*uv, *install], check=True)
    listed = subprocess.run([*uv, "pip", "list", "--python", python], check=True, capture_output=True, text=True)
    installed = {line.split()[0].lower() for line in listed.stdout.splitlines() if line}
    assert installed.isdisjoint({"mlflow", "mlflow-skinny", "optuna", "pytest", "scikit-learn", "matplotlib"})
    store = published.part(published.current().store)
    body = ask(python, home, tmp_path / "empty", FORESELL_STORE=str(store))
    assert body["answers"][1]["status"] == "unknown_customer"
    assert body["release"] == "r000001"
    assert not (tmp_path / "home" / "bentoml").exists()


@slow
def test_a_mounted_releases_folder_wins(home: Path, published: Releases, tmp_path: Path) -> None:
    more = {"FORESELL_RELEASES": str(published.folder), "FORESELL_STORE": str(tmp_path / "nowhere")}
    assert statuses(ask(sys.executable, home, tmp_path / "empty", **more))[1] == "unknown_customer"


@slow
def test_the_bento_needs_no_mount_when_the_store_is_baked_in(published: Releases, tmp_path: Path) -> None:
    build(published.folder, with_store=True, home=tmp_path / "bentos")
    assert statuses(ask(sys.executable, tmp_path / "bentos", tmp_path / "empty"))[1] == "unknown_customer"


def test_nothing_is_built_when_nothing_is_published(tmp_path: Path) -> None:
    with pytest.raises(ReleaseMissingError, match="no release"):
        build(tmp_path, with_store=False, home=tmp_path / "bentos")


def test_nothing_is_built_when_a_part_is_not_what_was_published(published: Releases, tmp_path: Path) -> None:
    releases = Releases(tmp_path / "releases")
    shutil.copytree(published.folder, releases.folder)
    (releases.part(releases.current().predictions["churn"].artifact) / "medians.npy").write_bytes(b"")
    with pytest.raises(CorruptPartError, match=r"medians\.npy"):
        build(releases.folder, with_store=False, home=tmp_path / "bentos")
    assert not (tmp_path / "bentos").exists()


def test_what_was_prepared_goes_with_the_store_and_never_without_it(published: Releases) -> None:
    manifest = published.current()
    prepared = {model.prepared for model in manifest.predictions.values() if model.prepared}
    assert prepared
    assert not prepared & set(packed(published.folder, with_store=False))
    assert prepared | {manifest.store} <= set(packed(published.folder, with_store=True))
