"""A release of the same models over a store of a million customers, who are the release's own, many times over."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pyarrow as pa

from models import columns as col
from models.artifact import load_artifact
from models.parts import seal
from models.prepared import write_prepared
from models.purchases import Purchases
from models.release import Releases
from models.store import Store, open_store, write_store
from service.release import OpenRelease
from training.publish import point_to

CUSTOMERS = 1_000_000
LINES = 100
"""The newest purchases of each that are kept: a million members rarely have six hundred each, as the sample's have."""
BATCH = 50_000


def grown(small: Releases, opened: OpenRelease, folder: Path, customers: int = CUSTOMERS) -> Releases:
    """Publish the release once more, over as many customers, into ``folder``; what is there already is taken.

    The n customers of the small store come again and again under new ids, in the same order: number i is a copy of
    number i modulo n.
    """
    releases = Releases(folder)
    if releases.current_name():
        return releases
    # what a run that was stopped left
    shutil.rmtree(folder, ignore_errors=True)
    releases.parts.mkdir(parents=True, exist_ok=True)
    for model in opened.manifest.predictions.values():
        releases.part(model.artifact).symlink_to(small.part(model.artifact).resolve())
    store = _sealed(releases, _write_store(opened.store, _draft(releases), customers))
    large = open_store(releases.part(store))
    served = {}
    for name, model in opened.manifest.predictions.items():
        artifact, draft = load_artifact(releases.part(model.artifact), model.artifact), _draft(releases)
        anything = write_prepared(draft, artifact.prediction, artifact.fitted, large)
        served[name] = model.model_copy(update={"prepared": _sealed(releases, draft) if anything else None})
    point_to(releases, store=store, predictions=served, now=datetime.now(UTC))
    return releases


def _write_store(small: Store, folder: Path, customers: int) -> Path:
    write_store(
        folder, _features(small, customers), customers=customers, products=small.products,
        purchases=_purchases(small, customers), as_of=small.as_of, names=small.names, fingerprint=small.fingerprint,
        settings=small.settings,
    )  # fmt: skip
    return folder


def _features(small: Store, customers: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, customers, BATCH):
        numbers = np.arange(start, min(start + BATCH, customers))
        columns = dict(zip(small.names, small.features[numbers % len(small)].T, strict=True))
        yield pa.RecordBatch.from_pydict({col.CUSTOMER_ID: [f"{number:09d}" for number in numbers.tolist()], **columns})


def _purchases(small: Store, customers: int) -> Purchases:
    ends = small.purchases.ends
    starts = np.maximum(np.r_[0, ends[:-1]], ends - LINES)
    kept = np.concatenate([np.arange(start, end) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)])
    times, rest = divmod(customers, len(small))
    counts = np.r_[np.tile(ends - starts, times), (ends - starts)[:rest]]
    last = int((ends - starts)[:rest].sum())
    places = np.r_[np.tile(kept, times), kept[:last]]
    return Purchases(np.cumsum(counts), small.purchases.items[places], small.purchases.days[places])


def _draft(releases: Releases) -> Path:
    return Path(mkdtemp(dir=releases.parts))


def _sealed(releases: Releases, draft: Path) -> str:
    digest = seal(draft)
    draft.rename(releases.part(digest))
    return digest
