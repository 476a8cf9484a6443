"""The register of ids that intake leaves out: salted hashes, never the ids themselves.

Without it the next intake from an unchanged source would bring everybody back whom ``foresell forget`` removed.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
from pydantic import Field, ValidationError

from models.errors import SourceError
from models.parts import replace_file
from models.section import Section
from models.settings import Settings

_FIELDS = re.compile(r"[,;|\t]")
_WORDS = re.compile(r"[\s,;|\"']+")
_SIGN = re.compile(r"[\W_]")  # whatever a source has between fields and around them
_AROUND = re.compile(r"^\W+|\W+$")
_WHOLE = re.compile(r"\s*([0-9]+)\.0+\s*")
_DIGEST = "digest"


def _sha256(text: str) -> None:
    """Stand for DuckDB's sha256(text): hex digits."""


_hex_digest = ibis.udf.scalar.builtin(_sha256, name="sha256", signature=((dt.string,), dt.string))


class _File(Section):
    salt: str = Field(pattern="^[0-9a-f]{32}$", description="Drawn when the first id was added.")
    ids: tuple[str, ...] = Field(description="sha256 of the salt and an id, in hex; sorted.")


@dataclass(frozen=True)
class Register:
    """Who is left out.

    Parameters
    ----------
    salt : str
        Hex digits in front of every id that is hashed.
    digests : frozenset of str
        sha256 of salt and id, in hex.
    """

    salt: str = field(default_factory=lambda: secrets.token_hex(16))
    digests: frozenset[str] = frozenset()

    @classmethod
    def load(cls, path: Path) -> "Register":
        """Read a register; a file that is not there is an empty one.

        Raises
        ------
        SourceError
            The file is damaged: an intake without it would bring people back.
        """
        try:
            read = _File.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except (ValidationError, OSError) as error:
            raise SourceError(
                f"{path} cannot be read, and says who must stay forgotten: restore it from a backup, or remove it and "
                "run foresell forget again for everybody"
            ) from error
        return cls(read.salt, frozenset(read.ids))

    @property
    def empty(self) -> bool:
        """Whether nobody is left out."""
        return not self.digests

    def add(self, ids: Iterable[str]) -> "Register":
        """Return the same with further ids."""
        return replace(self, digests=self.digests | {self._digest(each) for each in ids})

    def save(self, path: Path) -> None:
        """Write the register in one step: a reader sees the old file or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = _File(salt=self.salt, ids=tuple(sorted(self.digests)))
        replace_file(path, (content.model_dump_json(indent=2) + "\n").encode())

    def matches(self, value: ir.StringValue) -> ir.BooleanValue:
        """Tell on DuckDB which ids are left out; never null, and null is nobody."""
        if self.empty:
            return ibis.literal(False)
        digests = ibis.memtable({_DIGEST: sorted(self.digests)}, schema={_DIGEST: "string"})
        return _hex_digest(ibis.literal(self.salt) + value).isin(digests[_DIGEST]).fill_null(False)

    def has(self, customer_id: str) -> bool:
        """Tell whether one id is left out."""
        return self._digest(customer_id) in self.digests

    def mentioned_in(self, text: str | None) -> bool:
        """Tell whether a line that is no row has an id that is left out as one of its parts."""
        return text is not None and not self.empty and any(self.has(part) for part in parts_of(text))

    def state(self) -> str:
        """Return a text that changes with who is left out; empty = nobody is."""
        if self.empty:
            return ""
        return hashlib.sha256("\n".join([self.salt, *sorted(self.digests)]).encode()).hexdigest()

    def _digest(self, customer_id: str) -> str:
        # half of a surrogate pair is in no table: it is hashed, and matches nothing
        return hashlib.sha256((self.salt + customer_id).encode("utf-8", "surrogatepass")).hexdigest()


def parts_of(text: str) -> set[str]:
    """Return all that may be an id in a line that is no row, whatever separates and quotes its fields.

    Too much is safe: such a line goes with everybody it may name.
    """
    parts = {text, *_FIELDS.split(text), *_WORDS.split(text), *_SIGN.split(text)}
    for sign in set(_SIGN.findall(text)):
        parts.update(text.split(sign))
    parts |= {
        form for part in parts for form in (part.strip(), part.strip().strip("\"'").strip(), _AROUND.sub("", part))
    }
    return {form for part in parts for form in (part, without_fraction(part))} - {""}


def without_fraction(written: str) -> str:
    """Read one id as ``notation.identifier`` does where ids went through floats: 17850.0 as 17850."""
    whole = _WHOLE.fullmatch(written)
    return whole.group(1) if whole else written


def register_path(settings: Settings) -> Path:
    """Return where a workspace's register is: beside its tables, so that a new intake does not replace it."""
    return settings.tables.parent / "forgotten.json"
