"""Row 16 of what is promised: a full disk stops no answer, and nothing that could not be written becomes current."""

import errno
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pyarrow.parquet as pq
import pytest

from models.release import Releases
from models.settings import ServiceSettings, load_settings
from service.demonstration import free_port
from service.metrics_folder import MEMORY
from service.prediction_log import LOG_ENV, QUEUE_BYTES
from service.release import open_release
from service.serve import _command, child, running, service_environment
from tests.processes import CHECKOUT, code_environment, run_foresell
from tests.service.releases import customer_ids
from tests.service.test_metrics import figure
from training.registry import CHALLENGER, CHAMPION
from training.tracking import Tracker

pytestmark = pytest.mark.slow

DROPPED, WRITTEN = "foresell_prediction_log_dropped_total", "foresell_prediction_log_written_total"
ASKED = {
    "churn": {"customers": customer_ids(5)},
    "repurchase": {"customers": customer_ids(5)},
    "next-best-product": {"customers": customer_ids(1)},
    "lookalike": {"seeds": customer_ids(60), "size": 5},
}

# `foresell` that may write no file beyond some bytes from when a function of ours is reached
_FULL_FROM = """
import importlib, resource, sys
point, most = sys.argv.pop(1), int(sys.argv.pop(1))
module, _, path = point.partition(":")
*owners, name = path.split(".")
owner = importlib.import_module(module)
for each in owners:
    owner = getattr(owner, each)
real = getattr(owner, name)
def full(*what, **more):
    print("reached", file=sys.stderr, flush=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    return real(*what, **more)
setattr(owner, name, full)
import foresell
foresell.main()
"""
# a command that may write no file beyond some bytes
_LIMITED = """
import os, resource, sys
most = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
os.execv(sys.argv[2], sys.argv[2:])
"""


def run_full(point: str, most: int, *words: str, workspace: Path) -> str:
    """Run a command that meets a full disk at a point, and return what it said."""
    command = [sys.executable, "-c", _FULL_FROM, point, str(most), *words]
    done = subprocess.run(
        command, cwd=workspace, env=code_environment(), capture_output=True, text=True, check=False, timeout=300
    )
    assert "reached" in done.stderr.splitlines(), done.stderr
    assert done.returncode == 2, f"{done.returncode}: {done.stderr}"
    # MLflow logs what it met on its own; the last line is ours
    last = done.stderr.splitlines()[-1]
    assert last.startswith("foresell: "), done.stderr
    return last


def wait_for(holds: Callable[[], object]) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    pytest.fail("it did not come true within a minute")


# -- what makes releases and models

PUBLISHING = {
    "an artifact": ("training.publish:_keep_artifact", 1_000),
    "the store": ("training.publish:_keep_store", 20_000),
    "what is prepared": ("training.publish:write_prepared", 300),
    "the manifest": ("training.publish:point_to", 100),
}


def test_the_old_release_stays_when_a_publish_meets_a_full_disk(own_shop: Path) -> None:
    releases = Releases(own_shop / "releases")
    pointer, manifest = releases.pointer.read_bytes(), releases.current()
    for point, most in PUBLISHING.values():
        said = run_full(point, most, "publish", "--as-of", "2024-06-01", workspace=own_shop)
        assert "File too large" in said or "Failed to download" in said, said
        assert releases.pointer.read_bytes() == pointer
        assert open_release(releases.folder).manifest == manifest
    run_foresell("publish", "--as-of", "2024-06-01", workspace=own_shop)
    after = open_release(releases.folder).manifest
    assert (after.name, after.previous) == ("r000002", manifest.name)
    named = {digest for each in (manifest, after) for digest in (each.store, *_parts_of(each))}
    # no draft is left
    assert {path.name for path in releases.parts.iterdir()} == named
    assert {path.name for path in releases.manifests.iterdir()} == {"r000001.json", "r000002.json"}


def _parts_of(manifest: object) -> Iterator[str]:
    for model in manifest.predictions.values():  # type: ignore[attr-defined]
        yield from model.parts


def test_champion_and_challenger_stay_when_a_training_meets_a_full_disk(own_shop: Path) -> None:
    tracker = Tracker(load_settings(own_shop))
    before = [tracker.version_by_alias("churn", alias) for alias in (CHAMPION, CHALLENGER)]
    pointer = Releases(own_shop / "releases").pointer.read_bytes()
    said = run_full("training.tracking:Tracker.log_outcome", 20_000, "train", "churn", workspace=own_shop)
    assert "disk" in said or "File too large" in said, said
    assert [tracker.version_by_alias("churn", alias) for alias in (CHAMPION, CHALLENGER)] == before
    assert Releases(own_shop / "releases").pointer.read_bytes() == pointer
    open_release(own_shop / "releases")
    (done,) = json.loads(run_foresell("train", "churn", "--json", workspace=own_shop))
    assert tracker.require_alias("churn", CHALLENGER).run_id == done["run_id"]


# -- what answers


def worker_of(url: str) -> psutil.Process:
    port = int(url.rpartition(":")[2])
    return next(
        process
        for process in psutil.Process().children(recursive=True)
        if "_bentoml_impl.worker.service" in process.cmdline()
        and any(each.laddr.port == port for each in process.net_connections("tcp4"))
    )


def written_through_maps(process: psutil.Process) -> set[Path]:
    """Return the files that a process writes through memory maps: without room for them it would be killed."""
    lines = Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8").splitlines()
    fields = [line.split(maxsplit=5) for line in lines]
    return {Path(each[5]) for each in fields if each[1] == "rw-s" and each[5:] and each[5].startswith("/")}


def test_answers_go_on_and_logs_are_dropped_and_counted_when_no_file_may_grow(
    sound: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 1_000_000
    monkeypatch.setenv(LOG_ENV, str(tmp_path / "log"))
    port = free_port()
    command = [sys.executable, "-c", _LIMITED, str(most), *_command(ServiceSettings(port=port))]
    environment = service_environment(sound.folder, home=tmp_path / "bentos")
    with child(command, environment, CHECKOUT, port) as url, httpx.Client(base_url=url, timeout=60) as client:
        worker = worker_of(url)
        assert worker.rlimit(psutil.RLIMIT_FSIZE) == (most, most)
        counted = written_through_maps(worker)
        assert counted
        assert [path for path in counted if not path.is_relative_to(MEMORY)] == []
        nobody = {"customers": [secrets.token_hex(100) for _ in range(10_000)]}
        taken = 0
        while taken <= QUEUE_BYTES // 2:
            answer = client.post("/v1/churn", json=nobody)
            assert answer.status_code == 200
            taken += len(answer.content)
        wait_for(lambda: figure(client.get("/metrics").text, DROPPED) > 0)
        for name, body in ASKED.items():
            assert client.post(f"/v1/{name}", json=body).status_code == 200
        assert figure(client.get("/metrics").text, WRITTEN) == 0
        log = (tmp_path / "bentos" / f"service-{port}.log").read_text(encoding="utf-8")
        assert log.count("cannot be written (File too large)") == 1
        assert worker_of(url).pid == worker.pid
    # the last calls are few, and fit
    (hour,) = (tmp_path / "log").iterdir()
    (path,) = hour.iterdir()
    assert {row["prediction"] for row in pq.ParquetFile(path).read().to_pylist()} == set(ASKED)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte, where the system lets us have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() or not mount or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]).returncode:
        pytest.skip("only root makes small disks")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Fill a disk to its last byte."""
    path = disk / "filler"
    room = shutil.disk_usage(disk).free
    with path.open("wb", buffering=0) as file:
        assert file.write(b"x" * (room + 4_096)) <= room
        with pytest.raises(OSError, match="No space left"):
            file.write(b"x" * 4_096)
    return path


def test_answers_go_on_and_the_log_comes_back_when_the_disk_was_full(
    sound: Releases, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOG_ENV, str(small_disk / "log"))
    with running(sound.folder, free_port(), home=small_disk / "bentos") as url, httpx.Client(base_url=url) as client:
        worker = worker_of(url)
        filler = fill(small_disk)
        # labels that were never counted before need room of their own
        for name, body in ASKED.items():
            assert client.post(f"/v1/{name}", json=body).status_code == 200
            assert client.post(f"/v1/{name}", json={}).status_code == 422
        assert client.get("/readyz").status_code == 200
        large = {"customers": [secrets.token_hex(100) for _ in range(10_000)]}
        taken = 0
        while taken <= QUEUE_BYTES // 2:
            taken += len(client.post("/v1/churn", json=large, timeout=60).content)
        wait_for(lambda: figure(client.get("/metrics").text, DROPPED) > 0)
        filler.unlink()
        assert client.post("/v1/churn", json=ASKED["churn"]).status_code == 200
        assert worker_of(url).pid == worker.pid
    (path,) = (small_disk / "log").rglob("*.parquet")
    assert pq.ParquetFile(path).metadata.num_rows == 5


def test_a_store_for_which_there_is_no_room_is_an_error_and_no_death(small_disk: Path, tmp_path: Path) -> None:
    os.truncate(fill(small_disk), 900_000)
    code = """
import sys
from pathlib import Path
import numpy as np
from models.parts import npy_on_disk, save_npy
folder = Path(sys.argv[1])
for write in (lambda: npy_on_disk(folder / "a.npy", np.dtype("f4"), (1_000_000,)).fill(1),
              lambda: save_npy(folder / "b.npy", np.ones(1_000_000))):
    try:
        write()
    except OSError as error:
        print(error.errno, error.filename)
    for path in folder.glob("*.npy"):
        path.unlink()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, small_disk], env=code_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = [line.split() for line in done.stdout.splitlines()]
    assert said == [[str(errno.ENOSPC), str(small_disk / name)] for name in ("a.npy", "b.npy")]
