"""What large calls cost over a store of a million customers, and whether small ones wait for them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from threading import Event
from time import process_time
from typing import Any

import numpy as np

from benchmarks.serving.load import Call, Server, alternated, repeat
from benchmarks.serving.servers import foresell
from benchmarks.serving.small_calls import booster_of
from models.examples import inline_customer
from models.prediction import Served
from service.release import OpenRelease

MANY, LINES, SEEDS, SIZE = 1_000, 1_000, 200, 500
NBP, INLINE, LOOKALIKE = "next-best-product, one id", "churn, a history of 1,000 lines", "lookalike, 200 seeds"
IDS = "churn, 1,000 ids"
LIMITS = {NBP: 10.0, INLINE: 60.0, LOOKALIKE: 2_500.0}
"""Milliseconds of processor time."""
RATIO_LIMIT = 2.0
"""Of 1,000 ids to ``Booster.predict`` on the same rows."""
BESIDE_CALLS = 400


def run(releases: Path, opened: OpenRelease, work: Path, *, progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure large calls, and small ones beside a stream of them; returns plain data."""
    rng = np.random.default_rng(1)
    churn = opened.of("churn")
    rows = np.sort(rng.choice(len(opened.store), MANY, replace=False))
    ids = opened.store.ids_at(rows)
    seeds = opened.store.ids_at(rng.choice(len(opened.store), SEEDS, replace=False))
    long = {"customers": [_long_history(churn)]}
    query = {"seeds": seeds, "size": SIZE}
    progress("starting Foresell over a million customers")
    with foresell(releases, work / "bentos") as server:
        progress("measuring large calls")
        spent = alternated(
            {
                IDS: (server, Call.of("/v1/churn", {"customers": ids}, 32, connections=2)),
                NBP: (server, Call.of("/v1/next-best-product", {"customers": ids[:1]}, 80)),
                INLINE: (server, Call.of("/v1/churn", long, 12, connections=1)),
                LOOKALIKE: (server, Call.of("/v1/lookalike", query, 3, connections=1)),
            }
        )
        progress("measuring small calls beside a stream of large ones")
        small = Call.of("/v1/churn", {"customers": ids[:1]}, BESIDE_CALLS, connections=1)
        beside = {
            "alone": _waited(server, small, None),
            INLINE: _waited(server, small, Call.of("/v1/churn", long, 1)),
            LOOKALIKE: _waited(server, small, Call.of("/v1/lookalike", query, 1)),
        }
    return {
        "customers": len(opened.store),
        "items": len(opened.of("next-best-product").fitted.levels["product"].vocabulary),  # type: ignore[attr-defined]
        "calls": {name: each.plain for name, each in spent.items()},
        "bare": _bare(churn, opened.store.features_at(rows)),
        "beside": beside,
    }


def _bare(served: Served, features: Any) -> dict[str, float]:
    """Return the processor milliseconds of ``Booster.predict`` on rows."""
    booster, spent = booster_of(served), []
    for _ in range(22):
        began = process_time()
        booster.predict(features, num_threads=1)
        spent.append(1_000 * (process_time() - began))
    return {"median": median(spent[2:]), "low": min(spent[2:]), "high": max(spent[2:])}


def _long_history(served: Served) -> dict[str, Any]:
    """Return a customer with a history of as many lines, of products that are bought, over a year."""
    rng = np.random.default_rng(2)
    customer = inline_customer(served)
    as_of = np.datetime64(served.store.as_of, "D")
    items = served.store.purchases.items[:100_000]
    names = served.store.products["product_id"]
    lines = []
    for day, item in zip(
        np.sort(rng.integers(1, 360, LINES))[::-1].tolist(), rng.choice(items, LINES).tolist(), strict=True
    ):
        line = {"ordered_at": f"{as_of - np.timedelta64(day, 'D')}T17:30:00", "product_id": names[item].as_py()}
        lines.append({**line, "order_id": f"o{day}", "quantity": 1, "amount": 2.5})
    return {**customer, "order_lines": lines}


def _waited(server: Server, small: Call, large: Call | None) -> dict[str, float]:
    """Return how long small calls took, in milliseconds of wall time, while large ones follow each other."""
    with _stream(server, large):
        took = sorted(repeat(server.port, small, small.count))
    return {"median": 1_000 * median(took), "p99": 1_000 * took[int(0.99 * len(took))], "longest": 1_000 * took[-1]}


@contextmanager
def _stream(server: Server, call: Call | None) -> Iterator[None]:
    """Call again and again over one connection while the block runs; a call that fails fails the block."""
    if call is None:
        yield
        return
    ended = Event()

    def calls() -> None:
        while not ended.is_set():
            repeat(server.port, call, 1)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(calls)
        try:
            yield
        finally:
            ended.set()
        running.result()
