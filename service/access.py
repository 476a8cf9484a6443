"""Who may call which route: on any address but loopback, only who shows a key."""

import logging
import os
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import get_args

from starlette.types import Scope

from models.errors import ForesellError
from models.settings import KEYS_FILE, KeysNeeded
from service.errors import ForbiddenError, UnauthorizedError
from service.keys import Keys

KEYS_ENV = "FORESELL_KEYS"
"""Names the file of keys."""
NEEDED_ENV = "FORESELL_REQUIRE_KEYS"
"""Who needs one: a word of ``KeysNeeded``."""
OPEN = frozenset({"/livez", "/readyz"})
"""What whoever runs the service asks: whether it serves, and if not, why."""
ADMIN = frozenset({"/metrics"})
_BEARER = b"bearer "

_WORDS: tuple[KeysNeeded, ...] = get_args(KeysNeeded)

logger = logging.getLogger("bentoml.foresell")


class Access:
    """Decides on the path, the address that was called, and the key.

    Parameters
    ----------
    keys : Keys
        Who has one.
    needed : str
        ``outside`` = by callers of any address but loopback; ``always``, where a proxy on this machine lets others in;
        ``never``.
    """

    def __init__(self, keys: Keys, needed: KeysNeeded = "outside") -> None:
        self.keys = keys
        self.needed = needed

    @classmethod
    def of_environment(cls) -> "Access":
        """Return what the environment says; what is no word of ``KeysNeeded`` is logged, and means ``always``."""
        keys = Keys(Path(os.environ.get(KEYS_ENV, KEYS_FILE)).resolve())
        told = os.environ.get(NEEDED_ENV, "outside")
        needed = next((word for word in _WORDS if word == told), None)
        if needed is None:
            logger.error("%s = %r is none of %s: always is used", NEEDED_ENV, told[:20], ", ".join(_WORDS))
            needed = "always"
        if needed != "never" and not keys.path.exists():
            logger.info("there is no file of keys at %s: who needs a key is refused", keys.path)
        return cls(keys, needed)

    def refusal(self, scope: Scope) -> ForesellError | None:
        """Return why a call is refused; None = it is not."""
        path = scope["path"]
        if self.needed == "never" or path in OPEN or (self.needed == "outside" and is_local(scope)):
            return None
        allowed = self.keys.scope_of(_presented(scope["headers"]))
        if allowed is None:
            return UnauthorizedError(
                "a key is needed: send Authorization: Bearer KEY; foresell keys add NAME makes one"
            )
        if path in ADMIN and allowed != "admin":
            return ForbiddenError(f"{path} needs a key of scope admin; this one has scope {allowed}")
        return None


def is_local(scope: Scope) -> bool:
    """Say whether the address that was called is loopback, or a socket file: nobody else's machine reaches those."""
    server = scope.get("server")
    if server is None:
        # the server does not know: nobody is let in by that
        return False
    host, port = server
    return port is None or is_loopback(host)


@lru_cache
def is_loopback(address: str) -> bool:
    """Say whether an address is one that only this machine reaches."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped.is_loopback
    return found.is_loopback


def _presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    found = next((value for name, value in headers if name == b"authorization"), b"")
    return found[len(_BEARER) :].strip() if found[: len(_BEARER)].lower() == _BEARER else b""
