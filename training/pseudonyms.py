"""Customer ids as keyed hashes: HMAC-SHA256, in DuckDB for tables and in Python for single ids; both give the same.

A pseudonym is the first 32 hex digits of the digest: 128 bits, with which two of a billion ids meet once in 10^20
shops, at half of the room in every table and store.
"""

import hashlib
import hmac

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from models.errors import ConfigError, InvalidRequestError
from models.settings import Settings

_LENGTH = 32  # hex digits
_BLOCK = 64  # bytes that SHA-256 takes at a time
_INNER, _OUTER = 0x36, 0x5C  # RFC 2104


def _sha256(content: object) -> None:
    """Stand for DuckDB's sha256(blob): hex digits."""


def _encode(text: object) -> None:
    """Stand for DuckDB's encode(text): its UTF-8 bytes."""


def _unhex(digits: object) -> None:
    """Stand for DuckDB's unhex(text): bytes."""


def _joined(first: object, second: object) -> None:
    """Stand for DuckDB's operator || on blobs; the function concat would make text of them."""


_builtin = ibis.udf.scalar.builtin
_hex_digest = _builtin(_sha256, name="sha256", signature=((dt.binary,), dt.string))
_utf8 = _builtin(_encode, name="encode", signature=((dt.string,), dt.binary))
_from_hex = _builtin(_unhex, name="unhex", signature=((dt.string,), dt.binary))
_concat = _builtin(_joined, name="||", signature=((dt.binary, dt.binary), dt.binary))


def hash_key(settings: Settings) -> bytes | None:
    """Return the key that customer ids are hashed with; None = they are kept as they are."""
    key = settings.privacy.key
    return key.get_secret_value().encode() if settings.privacy.hash_ids and key else None


def require_key(settings: Settings) -> bytes:
    """Return the key that customer ids are hashed with.

    Raises
    ------
    ConfigError
        They are not hashed.
    """
    key = hash_key(settings)
    if key is None:
        raise ConfigError("ids are not hashed: there are pseudonyms only with hash_ids = true under [privacy]")
    return key


def key_state(key: bytes | None) -> str:
    """Return a text that changes with the key and does not tell it; empty = ids are not hashed."""
    return "" if key is None else pseudonym("foresell", key)


def pseudonym(text: str, key: bytes) -> str:
    """Hash one id.

    Raises
    ------
    InvalidRequestError
        The id is no Unicode text: it has half of a surrogate pair.
    """
    return hmac.digest(key, _bytes(text), hashlib.sha256).hex()[:_LENGTH]


def hashed(value: ir.StringValue, key: bytes) -> ir.StringValue:
    """Return the pseudonyms of ids as an expression on DuckDB; null stays null.

    A column of n ids takes four blocks of SHA-256 each, about a second a million on one core: hash distinct ids and
    join them where ids repeat a lot.
    """
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner = _hex_digest(_concat(_pad(block, _INNER), _utf8(value)))
    outer = _hex_digest(_concat(_pad(block, _OUTER), _from_hex(inner)))
    return outer.substr(0, _LENGTH)


def _pad(block: bytes, with_: int) -> ir.BinaryScalar:
    return ibis.literal(bytes(byte ^ with_ for byte in block), type="binary")


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError(f"id {text!r} is no Unicode text; write it in the terminal's own encoding") from None
