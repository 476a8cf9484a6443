"""MLflow's user interface on the workspace's store."""

import os
import socket
import sys

from models.errors import AddressInUseError, ConfigError
from models.settings import Settings
from training.mlflow_client import quiet_mlflow

HOST = "127.0.0.1"


def ui(settings: Settings, *, port: int) -> None:
    """Become MLflow's user interface on 127.0.0.1; returns never.

    Raises
    ------
    ConfigError
        The tracking server is a remote one, which has a page of its own.
    AddressInUseError
        Something listens on the port.
    """
    uri = settings.tracking_uri
    if uri.startswith(("http://", "https://")):
        raise ConfigError(f"the tracking server has its own page: open {uri} in a browser")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise AddressInUseError(f"port {port} is in use; name another with --port") from error
    quiet_mlflow()
    # one person looks at it: more workers would only start slower
    options = {"--backend-store-uri": uri, "--workers": "1", "--host": HOST, "--port": str(port)}
    command = [sys.executable, "-m", "mlflow", "ui", *(word for option in options.items() for word in option)]
    os.execv(sys.executable, command)  # noqa: S606 - no shell, and every word is ours
