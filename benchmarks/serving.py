"""Measure what a call costs the server: processor time of its whole process tree, and the ratios between calls.

Needs a published release::

    .venv/bin/python benchmarks/serving.py [WORKSPACE]

Wall time on a shared machine says little; processor time a call and the ratios of calls measured in one run do.
"""

import http.client
import os
import platform
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import orjson
import psutil

from models.examples import bought_most, inline_customer
from models.prediction import Served
from models.settings import load_settings
from service.demonstration import free_port
from service.release import open_release
from service.serve import running

CONNECTIONS = 8
ROUNDS = 5
CALLS = 400


def main(workspace: Path) -> None:
    """Print a Markdown table of calls."""
    releases = load_settings(workspace).releases
    served = open_release(releases).served
    calls = dict(bodies(served))
    port = free_port()
    with running(releases, port):
        spent: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(ROUNDS):
            # every call in every round, so that a busy minute falls on all of them
            for name, (path, body, count) in calls.items():
                spent[name].append(processor_microseconds(port, path, body, count))
    report(spent)


def bodies(served: dict[str, Any]) -> Iterator[tuple[str, tuple[str, bytes, int]]]:
    """Yield the calls to measure: name -> path, body, how often."""
    for name, each in served.items():
        for what, body, count in _bodies(each):
            yield f"{name}, {what}", (f"/v1/{name}", orjson.dumps(body), count)


def _bodies(served: Served) -> Iterator[tuple[str, dict[str, Any], int]]:
    fields = served.prediction.request.model_fields
    ids = served.store.ids_at(np.random.default_rng(1).integers(len(served.store), size=1000))
    if "seeds" in fields:
        yield "50 seeds, 500 customers", {"seeds": sorted(set(ids))[:50], "size": 500}, 8
        return
    yield "one id", {"customers": ids[:1]}, CALLS
    if "reasons" in fields:
        yield "one id, 3 reasons", {"customers": ids[:1], "reasons": 3}, CALLS
    if "basket" in fields:
        basket = {"mode": "basket", "basket": bought_most(served.store, 5)}
        yield "one id, a basket of five", {"customers": ids[:1], **basket}, CALLS
        yield "nobody known, a basket of five", {"customers": ["nobody-we-know"], **basket}, CALLS
    yield "1,000 ids", {"customers": ids}, 16
    yield "inline history of 2 lines", {"customers": [inline_customer(served)]}, 40


def processor_microseconds(port: int, path: str, body: bytes, count: int) -> float:
    """Return the server's processor time a call."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        before = processor_seconds()
        list(pool.map(lambda _: call(port, path, body, count // CONNECTIONS), range(CONNECTIONS)))
        return (processor_seconds() - before) / (count // CONNECTIONS * CONNECTIONS) * 1e6


def call(port: int, path: str, body: bytes, count: int) -> None:
    """Call over one kept connection."""
    with connection(port) as kept:
        for _ in range(count):
            kept.request("POST", path, body, {"Content-Type": "application/json"})
            answer = kept.getresponse()
            answer.read()
            if answer.status != http.client.OK:
                raise RuntimeError(f"{path} answered {answer.status}")


@contextmanager
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    """Open a connection to this machine."""
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        yield kept
    finally:
        kept.close()


def processor_seconds() -> float:
    """Return the processor time of every process that this one started."""
    times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return sum(each.user + each.system for each in times)


def report(spent: dict[str, list[float]]) -> None:
    """Print medians and ranges, and each call's ratio to the first."""
    print(f"Measured {datetime.now(UTC).date()}, Python {platform.python_version()}, {os.cpu_count()} cores.\n")
    print("| call | server's processor time, us: median (range) | ratio to the first |\n| --- | --- | --- |")
    first = median(next(iter(spent.values())))
    for name, figures in spent.items():
        typical, spread = median(figures), f"{min(figures):,.0f}-{max(figures):,.0f}"
        print(f"| {name} | {typical:,.0f} ({spread}) | {typical / first:.1f} |")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
