"""Who may call which route: on any address but loopback, only who shows a key."""

import os
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

from starlette.types import Scope

from models.errors import ForesellError
from service.errors import ForbiddenError, UnauthorizedError
from service.keys import KEYS_FILE, Keys

KEYS_ENV = "FORESELL_KEYS"
"""Names the file of keys."""
REQUIRED_ENV = "FORESELL_REQUIRE_KEYS"
"""0 = nobody needs a key, on any address."""
OPEN = frozenset({"/livez", "/readyz"})
"""What whoever runs the service asks, and tells nothing."""
ADMIN = frozenset({"/metrics"})
_BEARER = b"bearer "


class Access:
    """Decides on the path, the address that was called, and the key.

    Parameters
    ----------
    keys : Keys
        Who has one.
    required : bool
        Whether they are needed at all.
    """

    def __init__(self, keys: Keys, *, required: bool = True) -> None:
        self.keys = keys
        self.required = required

    @classmethod
    def of_environment(cls) -> "Access":
        """Return what the environment says: by default keys are needed, and there are none."""
        return cls(Keys(Path(os.environ.get(KEYS_ENV, KEYS_FILE))), required=os.environ.get(REQUIRED_ENV) != "0")

    def refusal(self, scope: Scope) -> ForesellError | None:
        """Return why a call is refused; None = it is not."""
        path = scope["path"]
        if not self.required or path in OPEN or is_local(scope):
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
    if server is None or server[1] is None:
        return True
    return is_loopback(server[0])


def is_loopback(address: str) -> bool:
    """Say whether an address is one that only this machine reaches."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _presented(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    found = next((value for name, value in headers if name == b"authorization"), b"")
    return found[len(_BEARER) :].strip() if found[: len(_BEARER)].lower() == _BEARER else b""
