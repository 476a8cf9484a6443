"""Start the service: checked first, then handed to BentoML."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from models import predictions
from models.errors import AddressInUseError, ConfigError
from models.release import Releases
from models.settings import ServiceSettings, Settings
from service.access import KEYS_ENV, NEEDED_ENV, is_loopback
from service.drain import DRAIN_ENV
from service.environment import WORKERS_ENV, as_environment
from service.errors import ServiceStartError
from service.freshness import STALE_ENV
from service.keys import Keys
from service.lean import LEAN_ENV
from service.prediction_log import LOG_ENV, MAX_MB_ENV

START_SECONDS = 60.0
STOP_SECONDS = 20.0
_LOG_TAIL = 2_000
_CHECKOUT = Path(__file__).resolve().parent.parent


def serve(settings: Settings) -> None:
    """Serve the workspace's current release; takes this process over and does not return.

    Parameters
    ----------
    settings : Settings
        Address, and the workspace whose releases are served.

    Raises
    ------
    ReleaseMissingError
        Nothing has been published.
    CorruptPartError
        The current release's manifest is not the one that was published.
    AddressInUseError
        Another process listens on the address.
    ConfigError
        Keys are needed, and there are none; or an age is set for something that is no prediction.
    """
    Releases(settings.releases).current()
    keys = Keys(settings.keys)
    _check_keys(settings.service, keys)
    _check_ages(settings)
    check_free(settings.service.host, settings.service.port)
    environment = service_environment(settings.releases, home=bento_home(settings.workspace)) | {
        KEYS_ENV: str(keys.path.resolve()),
        NEEDED_ENV: settings.service.require_keys,
        **_asked_for(settings),
    }
    # the same process from here on, so that a signal to it is a signal to BentoML
    os.chdir(_CHECKOUT)
    os.execve(sys.executable, _command(settings.service), environment)  # noqa: S606


@contextmanager
def running(
    releases: Path, port: int, *, home: Path | None = None, start_seconds: float = START_SECONDS, workers: int = 1
) -> Iterator[str]:
    """Run the service on 127.0.0.1 as a child process until the block ends.

    Parameters
    ----------
    releases : Path
        The releases folder.
    port : int
        Must be free.
    home : Path, optional
        Where BentoML keeps its files; default: ``bentos`` beside the releases.
    start_seconds : float
        How long it may take to become ready.
    workers : int
        Processes that answer.

    Yields
    ------
    str
        The base URL, once the service is ready.

    Raises
    ------
    AddressInUseError
        Another process listens on the port.
    ServiceStartError
        It did not become ready; the message has the end of its log.
    """
    address = ServiceSettings(port=port)
    check_free(address.host, port)
    # nobody else calls it: it need not answer on when it is told to end
    environment = service_environment(releases, home=home or bento_home(releases.parent)) | {
        DRAIN_ENV: "0",
        WORKERS_ENV: str(workers),
    }
    with child(_command(address), environment, _CHECKOUT, port, start_seconds) as url:
        yield url


@contextmanager
def child(
    command: list[str], environment: Mapping[str, str], folder: Path, port: int, start_seconds: float = START_SECONDS
) -> Iterator[str]:
    """Run a command that serves on 127.0.0.1, wait until it is ready, and stop it at the end of the block.

    Yields
    ------
    str
        The base URL.

    Raises
    ------
    ServiceStartError
        It did not become ready.
    """
    url = f"http://127.0.0.1:{port}"
    log = Path(environment["BENTOML_HOME"]) / f"service-{port}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=folder, env=dict(environment), stdout=output, stderr=output, start_new_session=True
        )
        try:
            _wait_until_ready(process, url, start_seconds, log)
            yield url
        finally:
            _stop(process)


def service_environment(releases: Path, *, home: Path) -> dict[str, str]:
    """Return the environment in which the service opens a releases folder."""
    # threads inside one small matrix product wait for each other, ten times as long on a busy machine
    return (
        {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", LEAN_ENV: "1"}
        | os.environ
        | {
            "FORESELL_RELEASES": str(releases.resolve()),
            "BENTOML_HOME": str(home.resolve()),
            "BENTOML_DO_NOT_TRACK": "True",
        }
    )


def bento_home(workspace: Path) -> Path:
    """Return where BentoML keeps its files: ``BENTOML_HOME``, or ``bentos`` in the workspace."""
    return Path(os.environ.get("BENTOML_HOME") or workspace / "bentos")


def check_free(host: str, port: int) -> None:
    """Refuse an address that somebody listens on.

    Raises
    ------
    AddressInUseError
        The message says what to do.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # as the server does: a connection that lingers from a service that was stopped is no obstacle
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AddressInUseError(
                f"cannot listen on {host}:{port} ({error.strerror}): stop what listens there, "
                "or choose another port in [service] of foresell.toml"
            ) from None


def _check_keys(address: ServiceSettings, keys: Keys) -> None:
    needed = address.require_keys
    if needed == "never" or (needed == "outside" and is_loopback(_resolved(address.host))) or keys.all():
        return
    raise ConfigError(
        f"nobody has a key to call {address.host} with (service.require_keys = {needed!r}): run foresell keys add "
        'NAME, or set service.require_keys = "never"'
    )


def _check_ages(settings: Settings) -> None:
    known = [prediction.name for prediction in predictions()]
    for name in settings.service.stale_after_hours:
        if name not in known:
            raise ConfigError(
                f"service.stale_after_hours: there is no prediction {name!r}; there are {', '.join(known)}"
            )


def _asked_for(settings: Settings) -> dict[str, str]:
    """Return what the configuration asks of the service beyond answers; what it leaves open the environment may set."""
    service = settings.service
    environment = {}
    if service.workers > 1:
        environment[WORKERS_ENV] = str(service.workers)
    if service.stale_after_hours:
        environment[STALE_ENV] = as_environment(service.stale_after_hours)
    if settings.prediction_log:
        environment |= {LOG_ENV: str(settings.prediction_log), MAX_MB_ENV: str(service.prediction_log_max_mb)}
    elif os.environ.get(LOG_ENV):
        # from where the command was called, not from where the service runs
        environment[LOG_ENV] = str(Path(os.environ[LOG_ENV]).resolve())
    return environment


def _resolved(host: str) -> str:
    """Return the address of a host's name; the host itself where it has none, which is refused where it is bound."""
    try:
        return host if ":" in host else socket.gethostbyname(host)
    except OSError:
        return host


def _command(address: ServiceSettings) -> list[str]:
    # BentoML takes addresses only; a name that resolves to none was refused before
    options = ["--host", _resolved(address.host), "--port", str(address.port)]
    return [sys.executable, "-m", "bentoml", "serve", "service.app:Foresell", *options]


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, seconds: float, log: Path) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"{url}/readyz", timeout=5):  # noqa: S310 (loopback)
                return
        except HTTPError:
            # it answers, and says why it will not become ready
            break
        except (URLError, OSError):
            time.sleep(0.1)
    tail = log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]
    raise ServiceStartError(f"the service did not become ready within {seconds:.0f} s; its log, {log}, ends:\n{tail}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # the whole session: BentoML's workers are children of the process that was asked to stop
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
