"""One quiet connection to MLflow: no telemetry, no progress on the terminal, and one line where it does not answer."""

import importlib
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from models.errors import ForesellError, TrackingError
from models.settings import Settings
from training.file_locks import alone

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    # a closed server is reported within seconds
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    # git is asked for a commit at every run otherwise, and warned about where it is missing
    "GIT_PYTHON_REFRESH": "quiet",
}
# MLflow's page opens an experiment without it as one about language models
_MODEL_TRAINING = {"mlflow.experimentKind": "custom_model_development"}
_NOISY = ("mlflow", "alembic")
# logs a page for each error of a database that it raises as well
_TRACEBACKS = "mlflow.store.db.utils"
_SQLITE = "sqlite:///"
_OPENING = ".opening.lock"


def quiet_mlflow() -> ModuleType:
    """Import MLflow without its messages; what the user's environment sets wins."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # imported here: MLflow reads its environment on import, and takes seconds to
    with _own_warnings_only():
        mlflow = importlib.import_module("mlflow")
        importlib.import_module("mlflow.pyfunc")
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger(_TRACEBACKS).setLevel(logging.CRITICAL)
    return mlflow


class Connection:
    """A client of the configured tracking server.

    Parameters
    ----------
    settings : Settings
        ``tracking_uri`` names the server; the default is SQLite in the workspace, made on first use.

    Raises
    ------
    TrackingError
        The store cannot be opened.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.mlflow = quiet_mlflow()
        with self.answered():
            self.client: Any = self._local() if self.is_local else self._client()

    def _local(self) -> Any:
        """Open our own file, made where it is missing: MLflow lets two that make its tables fail each other."""
        folder = Path(self.settings.tracking_uri.removeprefix(_SQLITE)).parent
        folder.mkdir(parents=True, exist_ok=True)
        with alone(folder / _OPENING):
            return self._client()

    def _client(self) -> Any:
        uri = self.settings.tracking_uri
        return self.mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)

    @property
    def is_local(self) -> bool:
        """Whether the store is a SQLite file of ours rather than a server."""
        return self.settings.tracking_uri.startswith(_SQLITE)

    @property
    def artifacts(self) -> Path:
        """Folder of the artifacts, where the store is local."""
        return Path(self.settings.tracking_uri.removeprefix(_SQLITE)).parent / "artifacts"

    def experiment(self, name: str) -> str:
        """Return an experiment's id; it is made where it is missing."""
        with self.answered():
            found = self.client.get_experiment_by_name(name)
            if found is not None:
                return str(found.experiment_id)
            # a server knows where its artifacts go
            location = (self.artifacts / name).resolve().as_uri() if self.is_local else None
            return str(self.client.create_experiment(name, artifact_location=location, tags=_MODEL_TRAINING))

    @contextmanager
    def answered(self) -> Iterator[None]:
        """Turn every way in which MLflow fails into one line.

        Raises
        ------
        TrackingError
            Names the address, without its password, and the cause.
        """
        try:
            with _own_warnings_only():
                yield
        except ForesellError:
            raise
        except self._failures() as error:
            raise TrackingError(
                f"MLflow at {address(self.settings.tracking_uri)} failed: {_one_line(error)}; "
                "start the server, or set [tracking] uri"
            ) from error

    def _failures(self) -> tuple[type[Exception], ...]:
        sqlalchemy = importlib.import_module("sqlalchemy.exc")
        return (self.mlflow.MlflowException, sqlalchemy.SQLAlchemyError, OSError)


@contextmanager
def _own_warnings_only() -> Iterator[None]:
    """Ignore what MLflow's modules warn of: their own use of SQLAlchemy, pandas and type hints."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"mlflow\b")
        yield


def address(uri: str) -> str:
    """Return a tracking address without the password in it."""
    parts = urlsplit(uri)
    return uri.replace(f":{parts.password}@", ":***@") if parts.password else uri


def _one_line(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    # requests nests the cause in a long chain of reprs
    for sign, meaning in (("Connection refused", "connection refused"), ("Max retries exceeded", "it does not answer")):
        if sign in first:
            return meaning
    return first[:300] or type(error).__name__
