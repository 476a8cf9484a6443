"""A demonstration: a running service is asked about real customers of the current release."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import orjson

from models.prediction import Served
from service.release import open_release
from service.serve import running

UNKNOWN = "nobody-we-know"
_PEOPLE = 2


def demonstrate(releases: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Start the service on a free port and ask every prediction.

    Parameters
    ----------
    releases : Path
        The releases folder.

    Yields
    ------
    tuple of str and dict
        What was asked, as one would type it, and the answer.
    """
    served = open_release(releases).served
    with running(releases, free_port()) as url:
        for name, each in served.items():
            body = {"customers": [*known_customers(each, _PEOPLE), UNKNOWN, inline_customer(each)], "reasons": 2}
            yield f"POST /v1/{name} {orjson.dumps(body).decode()}", ask(f"{url}/v1/{name}", body)


def ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Call an endpoint of a service on this machine and return its JSON; GET without a body."""
    content = None if body is None else orjson.dumps(body)
    request = Request(url, content, {"Content-Type": "application/json"})  # noqa: S310 (loopback)
    with urlopen(request, timeout=60) as answer:  # noqa: S310
        found: dict[str, Any] = orjson.loads(answer.read())
    return found


def known_customers(served: Served, count: int) -> list[str]:
    """Return customers from the store: eligible ones, and one who is not where there is one."""
    rows = np.arange(min(len(served.store), 10_000))
    customers = served.customers_at(rows)
    eligible = served.prediction.eligible(customers)
    picked = [*np.flatnonzero(eligible)[:count], *np.flatnonzero(~eligible)[:1]]
    return [customers.ids[row] for row in picked]


def inline_customer(served: Served) -> dict[str, Any]:
    """Return a made-up customer with a complete history: two orders in the weeks before the store's as_of."""
    as_of = np.datetime64(served.store.as_of, "D")
    orders = [str(as_of - np.timedelta64(days, "D")) for days in (24, 10)]
    lines = [{"ordered_at": f"{day}T17:30:00", "quantity": 2, "amount": 7.98} for day in orders]
    return {"customer_id": "a-new-customer", "as_of": str(as_of), "order_lines": lines}


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
