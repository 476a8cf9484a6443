import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from models.errors import AddressInUseError, ReleaseMissingError
from models.release import Releases
from models.settings import Settings, SourceSettings
from service.demonstration import free_port
from service.errors import ServiceStartError
from service.serve import check_free, running, serve, service_environment
from tests.processes import workers
from tests.service.releases import point_at


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(workspace=tmp_path, source=SourceSettings(builtin="complete-journey"))


def test_the_service_answers_in_a_process_of_its_own(
    published: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    port = free_port()
    with running(published.folder, port, home=tmp_path / "bentos") as url:
        assert httpx.get(f"{url}/readyz").status_code == 200
        answer = httpx.post(f"{url}/v1/churn", json={"customers": ["c000001", "nobody"]})
        assert [each["customer_id"] for each in answer.json()["answers"]] == ["c000001", "nobody"]
        assert httpx.get(f"{url}/v1/models").json()["release"] == "r000001"
        assert httpx.get(f"{url}/docs.json").json()["openapi"] == "3.1.0"
        assert "/v1/churn" in httpx.get(f"{url}/metrics").text
        large = httpx.post(f"{url}/v1/churn", content=b"x" * 9_000_000, headers={"content-type": "application/json"})
        assert large.status_code == 413
        chunks = (b"x" * 1_000_000 for _ in range(9))
        chunked = httpx.post(f"{url}/v1/churn", content=chunks, headers={"content-type": "application/json"})
        assert chunked.json()["error"]["code"] == "body_too_large"
    check_free("127.0.0.1", port)
    assert list((tmp_path / "home").iterdir()) == []


def test_the_readmes_clients_get_answers(published: Releases, tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    code = readme.split("```python\n")[1].split("```")[0]
    with running(published.folder, free_port(), home=tmp_path / "bentos") as url:
        assert "http://127.0.0.1:3000" in code
        script = code.replace("http://127.0.0.1:3000", url)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    churn, repurchase = done.stdout.strip().splitlines()
    assert "'customer_id': '1228', 'status': 'unknown_customer'" in churn
    assert "'name': 'repurchase'" in repurchase


def test_the_log_is_shown_when_the_service_cannot_become_ready(tmp_path: Path) -> None:
    with (
        pytest.raises(ServiceStartError, match="no release in nothing"),
        running(tmp_path / "nothing", free_port(), home=tmp_path / "bentos"),
    ):
        pass


def test_serving_ends_cleanly_when_it_is_interrupted(published: Releases, tmp_path: Path) -> None:
    port = free_port()
    code = (
        "from pathlib import Path; from models.settings import *; from service.serve import serve; "
        f"serve(Settings(workspace=Path({str(tmp_path)!r}), source=SourceSettings(builtin='complete-journey'), "
        f"service=ServiceSettings(port={port})))"
    )
    (tmp_path / "releases").symlink_to(published.folder)
    environment = service_environment(published.folder, home=tmp_path / "bentos")
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        transport = httpx.HTTPTransport(retries=60)
        with httpx.Client(transport=transport, timeout=30) as client:
            assert client.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert b"Traceback" not in output


def test_one_line_says_what_to_do_when_the_port_is_taken(settings: Settings, published: Releases) -> None:
    (settings.workspace / "releases").symlink_to(published.folder)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        busy = settings.model_copy(update={"service": settings.service.model_copy(update={"port": port})})
        with pytest.raises(AddressInUseError, match=rf"127\.0\.0\.1:{port} .* choose another port"):
            serve(busy)


def test_importing_the_service_imports_nothing_that_starting_does_not_need() -> None:
    code = "import sys, service.app; print(*{'lightgbm', 'mlflow', 'optuna', 'sklearn', 'training'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_serving_is_refused_when_nothing_is_published(settings: Settings) -> None:
    with pytest.raises(ReleaseMissingError, match="no release in releases/"):
        serve(settings)


def test_one_line_says_so_when_the_host_is_unknown() -> None:
    with pytest.raises(AddressInUseError, match=r"cannot listen on nowhere\.invalid:3000"):
        check_free("nowhere.invalid", 3000)


@pytest.mark.slow
def test_as_many_processes_answer_as_are_asked_for_and_all_change_over(releases: Releases, tmp_path: Path) -> None:
    with running(releases.folder, free_port(), home=tmp_path / "bentos", workers=2) as url:
        assert len(workers()) == 2
        manifest = releases.current()
        point_at(releases, manifest.store, manifest.predictions, "r000002")
        # new connections, so that either may answer
        end, newest = time.monotonic() + 60, 0
        while newest < 20 and time.monotonic() < end:
            named = httpx.post(f"{url}/v1/churn", json={"customers": ["c000001"]}).json()["release"]
            newest = newest + 1 if named == "r000002" else 0
            time.sleep(0.1)
        assert newest == 20
