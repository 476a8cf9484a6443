"""Foresell and its peers, each started on a port of its own with one worker."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic, sleep
from typing import IO, Any
from urllib.request import urlopen

import orjson
import psutil

from benchmarks.serving.load import Server, started
from service.demonstration import free_port
from service.serve import STOP_SECONDS, running

CHECKOUT = Path(__file__).resolve().parents[2]
PEERS = "benchmarks.serving.peers"
START_SECONDS = 300.0
MLSERVER = ("mlserver==1.7.1", "mlserver-lightgbm==1.7.1")
"""Installed into an environment of its own: it needs another Starlette than ours."""


@contextmanager
def foresell(releases: Path, home: Path, *, workers: int = 1) -> Iterator[Server]:
    """Run the service as ``foresell serve`` does."""
    port, before = free_port(), psutil.Process().children()
    with running(releases, port, home=home, start_seconds=START_SECONDS, workers=workers):
        yield Server(port, started(before))


@contextmanager
def bentoml_service(name: str, environment: dict[str, str]) -> Iterator[Server]:
    """Run a BentoML service of ``peers``, e.g. ``lean:Lean``."""
    port = free_port()
    command = [
        sys.executable, "-m", "bentoml", "serve", f"{PEERS}.{name}", "--host", "127.0.0.1", "--port", str(port)
    ]  # fmt: skip
    with _child(command, environment, port) as server:
        yield server


@contextmanager
def mlserver(environment: dict[str, str], folder: Path) -> Iterator[Server]:
    """Run MLServer with the booster (``floats``) and with our look-up (``ids``)."""
    python = _mlserver_python(folder)
    port, grpc, metrics = free_port(), free_port(), free_port()
    _write_json(
        folder / "settings.json",
        {"host": "127.0.0.1", "http_port": port, "grpc_port": grpc, "metrics_port": metrics, "parallel_workers": 0,
         "debug": False},
    )  # fmt: skip
    booster = {"uri": environment["PEER_BOOSTER"]}
    _write_json(
        folder / "floats" / "model-settings.json",
        {"name": "floats", "implementation": "mlserver_lightgbm.LightGBMModel", "parameters": booster},
    )
    _write_json(
        folder / "ids" / "model-settings.json",
        {"name": "ids", "implementation": f"{PEERS}.mlserver_ids.Ids"},
    )
    command = [str(python), "-m", "mlserver.cli.main", "start", str(folder)]
    ready = "/v2/health/ready"
    with _child(command, environment | {"PYTHONPATH": str(CHECKOUT)}, port, ready) as server:
        yield server


@contextmanager
def mlflow_service(model: Path, environment: dict[str, str]) -> Iterator[Server]:
    """Run ``mlflow models serve`` on a saved model."""
    port = free_port()
    command = [
        sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model), "--env-manager", "local",
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
    ]  # fmt: skip
    # it looks for uvicorn on the path
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with _child(command, environment | {"PYTHONPATH": str(CHECKOUT), "PATH": path}, port, "/ping") as server:
        yield server


@contextmanager
def _child(command: list[str], environment: dict[str, str], port: int, ready: str = "/readyz") -> Iterator[Server]:
    # a session of its own: what it starts ends with it
    with TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=CHECKOUT, env=os.environ | environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait(process, f"http://127.0.0.1:{port}{ready}", log)
            yield Server(port, psutil.Process(process.pid))
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def _wait(process: "subprocess.Popen[bytes]", url: str, log: IO[bytes]) -> None:
    end = monotonic() + START_SECONDS
    while monotonic() < end and process.poll() is None:
        try:
            with urlopen(url, timeout=5):  # noqa: S310 (loopback)
                return
        except OSError:
            sleep(0.2)
    log.seek(0)
    raise RuntimeError(f"{url} did not become ready: {log.read()[-2000:].decode(errors='replace')}")


def _mlserver_python(folder: Path) -> Path:
    """Return the Python of MLServer's own environment, made on first use with our requirements for the look-up."""
    home = folder.parent / "mlserver-environment"
    python = home / "bin" / "python"
    if not (home / ".ready").exists():
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], check=True)  # noqa: S603
        ours = ("lightgbm", "duckdb", "ibis-framework[duckdb]", "sqlglot<30", "pyarrow", "scipy", "pydantic-settings")
        subprocess.run([*uv, "pip", "install", "--quiet", "--python", str(python), *MLSERVER, *ours], check=True)  # noqa: S603
        (home / ".ready").touch()
    return python


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(content))
