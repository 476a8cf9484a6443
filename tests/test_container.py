"""The image of the service: built from a bento, run as it says, called, hurt and stopped.

Where Docker answers it runs the image; with buildah alone the image's tree is run by namespaces: its first process is
the first of its own, the root is read-only, and the user is the image's.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from deploy.image import Buildah, Docker, Engine, bill_of_materials, build_image, find_base, find_engine, size
from models.release import Releases
from models.settings import ServiceSettings
from service.access import KEYS_ENV, NEEDED_ENV
from service.current import RELEASES_ENV
from service.demonstration import free_port
from service.drain import DRAIN_ENV
from service.errors import BuildError
from service.keys import Keys
from service.serve import _command, service_environment
from tests.service.releases import customer_ids, publish

# an image is built: minutes on a busy machine
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]

MAX_MB = 650
WORKER = "_bentoml_impl.worker.service"
# a tree, its read-only mounts (from, to, ...), and a command
NAMESPACES = """
set -e
root=$1 releases=$2 keys=$3; shift 3
touch "$root/etc/hosts"
mount --bind "$root" "$root"
mount -o remount,ro,bind "$root"
mount -t tmpfs -o size=64m,mode=1777 tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind /etc/hosts "$root/etc/hosts"
mount --bind "$releases" "$root/releases"
mount -o remount,ro,bind "$root/releases"
mount --bind "$keys" "$root/keys"
mount -o remount,ro,bind "$root/keys"
exec chroot "$root" "$@"
"""


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """A release that everybody may read."""
    folder = tmp_path_factory.mktemp("releases")
    found = publish(folder / "releases", tmp_path_factory.mktemp("scratch"))
    opened(folder)
    return found


@pytest.fixture(scope="module")
def built(releases: Releases) -> Iterator[tuple[Engine, str]]:
    """The image, from wheels, with what built it."""
    try:
        engine = find_engine()
        base = find_base(engine, None)
    except BuildError as error:
        pytest.skip(error.message)
    if isinstance(engine, Buildah) and (os.geteuid() != 0 or not shutil.which("unshare")):
        pytest.skip("without Docker an image is run by its namespaces, which root alone may make")
    repository = f"foresell-test-{os.getpid()}"
    image = build_image("service", engine, base, releases.folder, wheels=True, repository=repository)
    yield engine, image
    subprocess.run([engine.name, "rmi", "--force", image, f"{repository}:latest"], check=True)


def opened(folder: Path) -> None:
    """Let every user read what its maker alone can; the folders above do not matter, for it is mounted."""
    for path in [*folder.rglob("*"), folder]:
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o644))


@contextmanager
def contained(
    engine: Engine, image: str, releases: Path, keys: Path, port: int, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run an image until the block ends; yields the process whose exit code is the container's."""
    with ExitStack() as stack:
        if isinstance(engine, Docker):
            mounts = ["--volume", f"{releases}:/releases:ro", "--volume", f"{keys}:/keys:ro"]
            limits = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--publish", f"127.0.0.1:{port}:3000"]
            given = [word for pair in environment.items() for word in ("--env", "=".join(pair))]
            command = ["docker", "run", "--rm", *limits, *mounts, *given, image]
        else:
            assert isinstance(engine, Buildah)
            told = subprocess.run(["buildah", "inspect", "--type", "image", image], capture_output=True, check=True)
            config = json.loads(told.stdout)["Docker"]["config"]
            container = stack.enter_context(engine.container(image))
            root = subprocess.run(["buildah", "mount", container], capture_output=True, text=True, check=True)
            words = [f"{port}" if word == "3000" else word for word in config["Cmd"]]
            own = config["Env"] + ["=".join(pair) for pair in environment.items()]
            inside = [f"--userspec={config['User']}", "/", "env", "-i", f"--chdir={config['WorkingDir']}", *own, *words]
            command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", NAMESPACES, "sh"]
            # once for the tree, and once more for the user in it
            command += [root.stdout.strip(), str(releases), str(keys), "chroot", *inside]
        process = subprocess.Popen(command)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def first_of(process: "subprocess.Popen[bytes]") -> psutil.Process:
    """Return the first process of a container, or what passes signals on to it."""
    return next(iter(psutil.Process(process.pid).children()), psutil.Process(process.pid))


def workers(process: "subprocess.Popen[bytes]") -> list[int]:
    found = []
    for each in psutil.Process(process.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if WORKER in each.cmdline():
                found.append(each.pid)
    return found


def until_ready(client: httpx.Client, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with suppress(httpx.TransportError):
            if client.get("/readyz").status_code == 200:
                return
        assert time.monotonic() < deadline, "it did not become ready"
        time.sleep(0.3)


def test_the_image_answers_read_only_as_its_own_user_survives_its_worker_and_ends_with_0(
    built: tuple[Engine, str], releases: Releases, tmp_path: Path
) -> None:
    engine, image = built
    keys, port = tmp_path / "keys", free_port()
    keys.mkdir()
    key = Keys(keys / "keys.json").add("crm", "admin")
    opened(keys)
    environment = {RELEASES_ENV: "/releases", NEEDED_ENV: "always", DRAIN_ENV: "1"}
    seeds, order = customer_ids(40), {"ordered_at": "2017-12-20T10:00:00", "order_id": "1", "product_id": "3"}
    sent = {"customer_id": "new", "as_of": "2018-01-01", "order_lines": [{**order, "quantity": 1, "amount": 2.5}]}
    bodies: dict[str, Any] = {
        "churn": {"customers": ["c000001", sent, "nobody"], "reasons": 2},
        "repurchase": {"customers": ["c000001", sent]},
        "next-best-product": {"customers": ["c000001", sent], "k": 3},
        "lookalike": {"seeds": seeds, "size": 10},
    }
    url = f"http://127.0.0.1:{port}"
    with (
        contained(engine, image, releases.folder, keys, port, environment) as process,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        until_ready(client)
        assert client.post("/v1/churn", json=bodies["churn"]).status_code == 401
        client.headers["authorization"] = f"Bearer {key}"
        answers = {name: client.post(f"/v1/{name}", json=body) for name, body in bodies.items()}
        assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(bodies, 200)
        told = [each["status"] for each in answers["churn"].json()["answers"]]
        assert told[2] == "unknown_customer"
        assert {"ok", "not_eligible"} >= set(told[:2])
        assert "foresell_release" in client.get("/metrics").text
        if isinstance(engine, Buildah):
            (worker,) = workers(process)
            assert psutil.Process(worker).uids().real == psutil.Process(worker).gids().real == 10001
            with pytest.raises(OSError, match="Read-only"):
                Path("/proc", str(worker), "root", "app", "written").write_bytes(b"")
            os.kill(worker, signal.SIGKILL)
            deadline = time.monotonic() + 60
            while workers(process) in ([], [worker]):
                assert time.monotonic() < deadline, "no new worker"
                time.sleep(0.2)
            until_ready(client)
            assert client.post("/v1/churn", json=bodies["churn"]).json() == answers["churn"].json()
        first_of(process).send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_the_image_holds_what_is_listed_and_little_more(built: tuple[Engine, str]) -> None:
    engine, image = built
    bill = bill_of_materials(engine, image)
    held = {each["purl"].split("@")[0]: each for each in bill["components"]}
    assert held["pkg:pypi/bentoml"]["licenses"]
    assert "pkg:deb/debian/libgomp1" in held
    # neither training, nor tests, nor what installs or compiles
    absent = {"pip", "setuptools", "pandas", "mlflow", "scikit-learn", "pytest", "uv"}
    assert not {f"pkg:pypi/{name}" for name in absent} & set(held)
    assert not {f"pkg:deb/debian/{name}" for name in ("gcc", "g++", "git", "curl", "make")} & set(held)
    assert size(engine, image) < MAX_MB * 1e6
    nobody = "test $(id -u) = 10001 && find / -xdev -type f -perm /6000 2>/dev/null; find /app -writable 2>/dev/null"
    assert engine.run(image, ["sh", "-c", f"{nobody}; true"]).strip() == ""


def test_the_service_ends_when_bentoml_knows_of_the_container_and_the_only_worker_dies(
    releases: Releases, tmp_path: Path
) -> None:
    # as in an image that `bentoml containerize` makes: nobody replaces the worker, and the container must end
    port = free_port()
    environment = service_environment(releases.folder, home=tmp_path / "bentos") | {"BENTOML_CONTAINERIZED": "true"}
    environment.pop(KEYS_ENV, None)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(_command(ServiceSettings(port=port)), env=environment, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            until_ready(client)
        (worker,) = workers(process)
        os.kill(worker, signal.SIGKILL)
        assert process.wait(60) != 0
    finally:
        process.kill()
        process.wait()
