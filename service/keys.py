"""API keys: who may call. A file of the workspace holds their hashes; a key itself is shown once and kept nowhere.

A key is 256 random bits, so that a plain hash of it tells nothing; a slow one would only cost each call.
"""

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter, ValidationError

from models.errors import ConfigError
from models.parts import canonical_json, replace_file
from models.section import Section

Scope = Literal["score", "admin"]
_PREFIX = "fs_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

logger = logging.getLogger("bentoml.foresell")


class Key(Section):
    """One key, as it is kept."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the key, in hex.")
    scope: Scope = Field(description="score: predictions, models and docs; admin: these and the metrics.")


_FILE: TypeAdapter[dict[str, Key]] = TypeAdapter(dict[str, Key])


class Keys:
    """The keys of a file, read again when it changes.

    Parameters
    ----------
    path : Path
        Need not exist: nobody has a key then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, ...] | None = None
        self._keys: Mapping[str, Key] = {}

    def all(self) -> Mapping[str, Key]:
        """Return every key by its name.

        Raises
        ------
        ConfigError
            The file is not one of keys.
        """
        try:
            return _FILE.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            told = error.strerror if isinstance(error, OSError) else "it is not a file of keys"
            raise ConfigError(
                f"{self.path.name} cannot be read: {told}; delete it and make keys with foresell keys add NAME"
            ) from None

    def scope_of(self, presented: bytes) -> Scope | None:
        """Return what a key that was presented may do; None = it is none of ours."""
        digest = hashlib.sha256(presented).hexdigest()
        found: Scope | None = None
        # all of them, each compared in constant time: how long it takes tells nothing
        for key in self._known().values():
            if hmac.compare_digest(key.sha256, digest):
                found = key.scope
        return found

    def add(self, name: str, scope: Scope) -> str:
        """Make a key, keep its hash, and return the key.

        Raises
        ------
        ConfigError
            The name is taken or is not one, or the file is not one of keys.
        """
        if not _NAME.fullmatch(name):
            raise ConfigError(f"{name!r} is no name of a key: 1 to 64 letters, digits, dots, dashes and underscores")
        key = _PREFIX + secrets.token_urlsafe(32)
        with self._alone():
            known = self.all()
            if name in known:
                told = f"there is a key {name!r} already: choose another name, or foresell keys remove {name}"
                raise ConfigError(told)
            self._write({**known, name: Key(sha256=hashlib.sha256(key.encode()).hexdigest(), scope=scope)})
        return key

    def remove(self, name: str) -> None:
        """Forget a key: calls with it are refused from now on.

        Raises
        ------
        ConfigError
            There is no such key, or the file is not one of keys.
        """
        with self._alone():
            known = dict(self.all())
            if known.pop(name, None) is None:
                raise ConfigError(f"there is no key {name!r}; there are: {', '.join(sorted(known)) or 'none'}")
            self._write(known)

    def _alone(self) -> AbstractContextManager[object]:
        # imported where keys are made: a service alone reads them, and is installed without it
        from filelock import FileLock

        return FileLock(self.path.with_name(f".{self.path.name}.lock"))

    def _write(self, keys: Mapping[str, Key]) -> None:
        replace_file(self.path, canonical_json({name: key.model_dump() for name, key in keys.items()}))

    def _known(self) -> Mapping[str, Key]:
        """Return the keys of the file as it is now; what cannot be read opens nothing."""
        try:
            found = self.path.stat()
        except OSError:
            self._stamp, self._keys = None, {}
            return self._keys
        stamp = found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
        if stamp != self._stamp:
            try:
                self._keys, self._stamp = self.all(), stamp
            except ConfigError as error:
                logger.error("every call is refused: %s", error.message)
                self._keys = {}
        return self._keys
