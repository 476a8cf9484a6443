"""What a second worker adds to memory, and how long a start takes, by the size of the store."""

from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from benchmarks.serving.load import Call, Server, repeat
from benchmarks.serving.servers import foresell
from service.release import OpenRelease

SECOND_WORKER_MB, START_SECONDS = 300.0, 10.0
CALLS = 400


def run(
    stores: Mapping[str, tuple[Path, OpenRelease]], work: Path, *, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Measure each store's release with one worker and with two; returns plain data."""
    found = {}
    for name, (releases, opened) in stores.items():
        progress(name)
        one, two = (_measured(releases, opened, work, workers) for workers in (1, 2))
        found[name] = {
            "customers": len(opened.store),
            "start_seconds": one["start_seconds"],
            "one_mb": one["mb"],
            "two_mb": two["mb"],
            "second_mb": two["mb"] - one["mb"],
        }
    return found


def _measured(releases: Path, opened: OpenRelease, work: Path, workers: int) -> dict[str, float]:
    began = monotonic()
    with foresell(releases, work / "bentos", workers=workers) as server:
        took = monotonic() - began
        _used(server, opened)
        return {"start_seconds": took, "mb": _proportional_mb(server)}


def _used(server: Server, opened: OpenRelease) -> None:
    """Call for many different customers, over new connections, so that every worker has read parts of the store."""
    ids = opened.store.ids_at(np.random.default_rng(1).integers(len(opened.store), size=1_000))
    for name in ("churn", "repurchase"):
        repeat(server.port, Call.of(f"/v1/{name}", {"customers": ids}, 1), 1)
    for customer in ids[:CALLS]:
        repeat(server.port, Call.of("/v1/next-best-product", {"customers": [customer]}, 1), 1)


def _proportional_mb(server: Server) -> float:
    """Return the proportional set size of the whole tree: what several processes share counts once."""
    tree = [server.process, *server.process.children(recursive=True)]
    return sum(each.memory_full_info().pss for each in tree) / 2**20
