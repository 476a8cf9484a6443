"""Who is to be forgotten: salted hashes of ids, beside the tables, so that an unchanged source does not bring them back."""

import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from models.errors import SourceError
from models.settings import Settings


def _sha256(text: str) -> None:
    """Stand for DuckDB's sha256(text): hex digits."""


_hex_digest = ibis.udf.scalar.builtin(_sha256, name="sha256", signature=((dt.string,), dt.string))


def register_path(settings: Settings) -> Path:
    """Return where a workspace keeps the register."""
    return settings.tables.parent / "forgotten.json"


@dataclass(frozen=True)
class Register:
    """The ids to leave out, none of them readable.

    Parameters
    ----------
    salt : str
        Random, one a workspace.
    digests : frozenset of str
        SHA-256 of salt and id, in hex digits.
    """

    salt: str
    digests: frozenset[str] = frozenset()

    @classmethod
    def load(cls, path: Path) -> "Register":
        """Read a register; where there is none, an empty one with a new salt.

        Raises
        ------
        SourceError
            The file is damaged.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(str(content["salt"]), frozenset(content["digests"]))
        except FileNotFoundError:
            return cls(secrets.token_hex(16))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SourceError(f"{path} is damaged: bring it back from a copy, it keeps forgotten people out") from error

    @property
    def empty(self) -> bool:
        """Whether nobody is to be forgotten."""
        return not self.digests

    def add(self, ids: Iterable[str]) -> "Register":
        """Return the register with further ids."""
        return Register(self.salt, self.digests | {self._digest(each) for each in ids})

    def save(self, path: Path) -> None:
        """Write the register at once or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.new")
        draft.write_text(json.dumps({"salt": self.salt, "digests": sorted(self.digests)}), encoding="utf-8")
        os.replace(draft, path)

    def matches(self, value: ir.StringValue) -> ir.BooleanValue:
        """Tell which ids are to be left out; null stays null."""
        if self.empty:
            return ibis.literal(False)
        return _hex_digest(ibis.literal(self.salt) + value).isin(sorted(self.digests))

    def state(self) -> str:
        """Return a text that changes with the register."""
        return hashlib.sha256(json.dumps(sorted(self.digests)).encode()).hexdigest() if self.digests else ""

    def _digest(self, text: str) -> str:
        return hashlib.sha256((self.salt + text).encode()).hexdigest()
