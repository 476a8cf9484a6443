"""A connection to the configured database, and what went wrong with it in one line that holds no password."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from models.errors import MissingDependencyError, SourceError
from models.source_settings import SourceSettings
from training.sources.postgres_values import read_as_written

_EXAMPLE = "an example is postgresql://me@host/shop"
_SHOWN = 300  # characters of a driver's own words
# all tables of one reading come from one moment, where the database can do that
_ISOLATION = {"postgresql": "REPEATABLE READ", "mysql": "REPEATABLE READ", "mariadb": "REPEATABLE READ"}
# libpq's: a server that is gone without a word is noticed within a minute
_PATIENCE = {
    "connect_timeout": 15,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "application_name": "foresell",
}


@dataclass(frozen=True)
class Place:
    """A database that the configuration names.

    Parameters
    ----------
    url : URL
        Its address, with the password; never printed.
    name : str
        What messages call it.
    password : str or None
        What no message may hold.
    """

    url: URL
    name: str
    password: str | None

    @property
    def backend(self) -> str:
        """The kind of database: postgresql, mysql, sqlite, ..."""
        return self.url.get_backend_name()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Open a connection that only reads, sees one moment where the database can, and is closed at the end.

        Raises
        ------
        MissingDependencyError
            The driver is not installed.
        SourceError
            The database does not answer or does not let us in.
        """
        engine = self._engine()
        try:
            with self.explained("cannot be reached", "check [source] url and FORESELL_SOURCE__PASSWORD"):
                connection = engine.connect()
            with connection:
                with self.explained("cannot be read", "check what the user may do"):
                    self._begin(connection)
                yield connection
        finally:
            engine.dispose()

    @contextmanager
    def explained(self, fault: str, hint: str, *, of: str = "") -> Iterator[None]:
        """Turn what the database or its driver says into a ``SourceError`` of one line.

        Parameters
        ----------
        fault : str
            What did not work, e.g. "cannot be reached".
        hint : str
            The next step.
        of : str, optional
            The table that was asked for.
        """
        try:
            yield
        except SQLAlchemyError as error:
            said = f"{of}: " if of else ""
            # not chained: whoever prints a chain would print what the driver said unfiltered
            raise SourceError(f"{said}{self.name} {fault}: {self._words(error)}; {hint}") from None

    def _engine(self) -> Engine:
        arguments = {}
        if self.backend == "postgresql":
            arguments = {name: value for name, value in _PATIENCE.items() if name not in self.url.query}
        try:
            engine = create_engine(self.url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)
        except NoSuchModuleError:
            raise SourceError(f"[source] url: no kind of database is called {self.backend!r}; {_EXAMPLE}") from None
        except ImportError as error:
            package = "psycopg[binary]" if self.backend == "postgresql" else error.name
            raise MissingDependencyError(
                f"{self.name} needs the Python module {error.name}; install it: pip install '{package}', or name "
                f"another driver in [source] url"
            ) from None
        event.listen(engine, "connect", self._prepare)
        return engine

    def _prepare(self, driver_connection: Any, _: object) -> None:
        if self.url.get_driver_name() == "psycopg":
            read_as_written(driver_connection)
        if self.backend == "sqlite":
            driver_connection.text_factory = lambda text: text.decode(errors="replace")

    def _begin(self, connection: Connection) -> None:
        if self.backend in _ISOLATION:
            connection.execution_options(isolation_level=_ISOLATION[self.backend])
        if self.backend == "postgresql":
            connection.execution_options(postgresql_readonly=True)
            connection.exec_driver_sql("SET TIME ZONE 'UTC'")
            connection.exec_driver_sql("SET DateStyle = 'ISO'")
        if self.backend == "sqlite":
            connection.exec_driver_sql("BEGIN")

    def _words(self, error: SQLAlchemyError) -> str:
        origin = getattr(error, "orig", None) or error
        primary = getattr(getattr(origin, "diag", None), "message_primary", None)
        text = " ".join(str(primary or origin).split()).rstrip(".")
        if self.password:
            text = text.replace(self.password, "***")
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def place_of(source: SourceSettings, workspace: Path) -> Place:
    """Say which database the configuration names; nothing is opened.

    Parameters
    ----------
    source : SourceSettings
        With a url.
    workspace : Path
        The folder that the relative path of a SQLite file starts at.

    Raises
    ------
    SourceError
        The url cannot be read, or the SQLite file is not there.
    """
    try:
        url = make_url(source.url or "")
    except (ArgumentError, ValueError):
        raise SourceError(f"[source] url is no address of a database; {_EXAMPLE}") from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, workspace)
    password = source.password.get_secret_value() if source.password else None
    host = f"{url.host or 'this machine'}{f':{url.port}' if url.port else ''}"
    return Place(url.set(password=password) if password else url, f"database {url.database!r} on {host}", password)


def _sqlite(url: URL, workspace: Path) -> Place:
    path = workspace.resolve() / (url.database or "")
    # SQLite itself would make an empty database where there is none
    if not path.is_file():
        raise SourceError(
            f"the SQLite file {path} does not exist (relative paths start at the workspace); correct [source] url"
        )
    read_only = url.set(database=path.as_uri(), query={"mode": "ro", "uri": "true"})
    return Place(read_only, f"the SQLite file {path}", None)
