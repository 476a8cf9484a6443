"""Row 23 of what is promised: where features changed and models did not, nothing of it serves, and both are named."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.features import fingerprint
from models.release import Releases
from service.current import Refusal
from service.probe import REFUSED
from service.release import open_release
from service.watch import Watch
from tests.processes import CHECKOUT, code_environment, run_foresell
from tests.service.conftest import client_of
from tests.service.releases import SETTINGS, customer_ids, publish

FEATURE = Path("models/features/orders.py")
BEFORE, AFTER = "return h.age.min(where=h.is_order)", "return h.age.max(where=h.is_order)"
OTHER = "f" * 64


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code, in which one feature means something else than it did."""
    code = tmp_path_factory.mktemp("edited")
    for name in ("models", "training", "service"):
        shutil.copytree(CHECKOUT / name, code / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "foresell.py", code)
    text = (code / FEATURE).read_text(encoding="utf-8")
    # the injector does inject
    assert text.count(BEFORE) == 1
    (code / FEATURE).write_text(text.replace(BEFORE, AFTER), encoding="utf-8")
    return code


@pytest.fixture(scope="module")
def mismatched(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """A release whose models were fitted on other features than its store has; everything else is right."""
    folder = tmp_path_factory.mktemp("mismatched")
    return publish(folder / "releases", folder, mark=OTHER)


@pytest.mark.slow
def test_code_whose_features_changed_refuses_a_release_and_names_both(sound: Releases, edited: Path) -> None:
    command = [sys.executable, "-m", "service.probe", str(sound.folder), "r000001"]
    done = subprocess.run(command, cwd=edited, env=code_environment(edited), capture_output=True, check=False)
    assert done.returncode == REFUSED, done.stderr
    refusal = Refusal.model_validate_json(done.stdout.splitlines()[-1])
    assert refusal.code == "fingerprint_mismatch"
    changed = _fingerprint_of(edited)
    assert changed != fingerprint(SETTINGS)
    assert f"has features {fingerprint(SETTINGS)[:12]}, this version of Foresell has {changed[:12]}" in refusal.message
    # the same command with the code as it is
    assert subprocess.run(command, cwd=CHECKOUT, env=code_environment(), check=False).returncode == 0


def _fingerprint_of(code: Path) -> str:
    script = (
        "from models.features import fingerprint; from models.settings import *; print(fingerprint(FeatureSettings()))"
    )
    command = [sys.executable, "-c", script]
    return subprocess.run(
        command, cwd=code, env=code_environment(code), capture_output=True, text=True, check=True
    ).stdout.strip()


def nobody_refuses(releases: Releases, name: str) -> Refusal | None:
    return None


def assert_both_are_named(error: dict[str, Any]) -> None:
    assert error["code"] == "fingerprint_mismatch"
    assert f"was fitted on features {OTHER[:12]}" in error["message"]
    assert f"has {fingerprint(SETTINGS)[:12]}" in error["message"]
    assert "\n" not in error["message"]


def test_the_service_is_not_ready_and_answers_nothing_when_fingerprints_differ(
    mismatched: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client_of(mismatched.folder, monkeypatch) as client:
        not_ready = client.get("/readyz")
        answer = client.post("/v1/repurchase", json={"customers": customer_ids(1)})
        assert client.get("/livez").status_code == 200
    assert (not_ready.status_code, answer.status_code) == (503, 503)
    for refused in (not_ready, answer):
        assert_both_are_named(refused.json()["error"])


def test_the_release_before_serves_on_when_fingerprints_of_the_next_differ(
    sound: Releases, mismatched: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client_of(sound.folder, monkeypatch) as client:
        from service.app import _PAGES

        before = client.post("/v1/churn", json={"customers": customer_ids(3)})
        assert before.status_code == 200
        # the next release, as the worker's own watch would open it
        Watch(_PAGES.state.current, mismatched, check=nobody_refuses).look()
        assert client.post("/v1/churn", json={"customers": customer_ids(3)}).json() == before.json()
        refused = client.get("/v1/models").json()["refused"]
        assert client.get("/readyz").status_code == 200
    assert_both_are_named(refused)


@pytest.mark.slow
def test_publishing_with_changed_features_is_refused_and_the_pointer_stays(own_shop: Path, edited: Path) -> None:
    releases = Releases(own_shop / "releases")
    before = releases.pointer.read_bytes()
    told = run_foresell("publish", workspace=own_shop, code=edited, leaves=2)
    assert "churn was fitted on features " in told
    assert _fingerprint_of(edited)[:12] in told
    assert releases.current().fingerprint[:12] in told
    assert releases.pointer.read_bytes() == before
    open_release(releases.folder)
