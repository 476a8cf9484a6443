"""Releases of simple models over invented customers, for the tests of this folder."""

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from models import columns as col
from models import predictions
from models.artifact import Artifact, golden_customers, save_artifact
from models.features import catalogue, fingerprint
from models.messages import ModelReference
from models.parts import canonical_json, replace_file, seal
from models.prediction import Customers, Examples, Fitted, Prediction
from models.prepared import write_prepared
from models.purchases import Channels, Histories, Purchases, channels_of, purchases_of
from models.release import Manifest, Releases, ServedModel
from models.settings import FeatureSettings
from models.store import Store, open_store, write_store

AS_OF = date(2018, 1, 1)
CUSTOMERS = 200
PRODUCTS = 20
SETTINGS = FeatureSettings()
NAMES = tuple(feature.name for feature in catalogue(SETTINGS))


def customer_ids(count: int = CUSTOMERS) -> list[str]:
    return [f"c{number:06d}" for number in range(count)]


def features(count: int = CUSTOMERS) -> np.ndarray:
    rng = np.random.default_rng(7)
    figures = rng.uniform(0, 10, (count, len(NAMES))).astype(np.float32)
    figures[:, NAMES.index("recency_days")] = rng.integers(1, 120, count)
    return figures


def examples() -> Examples:
    """600 customers whose next order comes the later, the longer they have been away."""
    rng = np.random.default_rng(3)
    figures = features(600)
    as_of = np.full(600, np.datetime64("2017-06-01", "D"))
    days = figures[:, NAMES.index("recency_days")] * rng.uniform(0.2, 2, 600)
    histories = Histories(products(), purchases(600, before=date(2017, 6, 1)), np.arange(600), as_of)
    customers = Customers([f"e{number}" for number in range(600)], as_of, figures, NAMES, histories)
    baskets = np.empty(600, object)
    for row, drawn in enumerate(rng.integers(0, PRODUCTS, (600, 3))):
        baskets[row] = np.unique(drawn.astype(str))
    labels = {col.NEXT_ORDER_DAYS: np.floor(days), col.NEXT_BASKET: baskets, col.WINDOW_PRODUCTS: baskets}
    return Examples(customers, labels, date(2017, 12, 31))


def products() -> pa.Table:
    """20 products of five categories, in rising order of their ids."""
    ids = sorted(str(number) for number in range(PRODUCTS))
    groups = [f"group {int(each) % 5}" for each in ids]
    return pa.table(
        {col.PRODUCT_ID: ids, col.NAME: [f"Product {each}" for each in ids], col.DEPARTMENT: ["all"] * PRODUCTS,
         col.CATEGORY: groups, col.SUBCATEGORY: groups, col.BRAND: ["ours"] * PRODUCTS}
    )  # fmt: skip


def purchases(count: int, *, before: date = AS_OF) -> Purchases:
    """Two purchases on each of four days for everybody."""
    rng = np.random.default_rng(11)
    customers = np.repeat(np.arange(count), 8)
    newest = int(np.datetime64(before, "D").astype(np.int64))
    days = newest - np.tile(np.repeat([80, 50, 20, 5], 2), count)
    items = rng.integers(0, PRODUCTS, len(customers))
    return purchases_of(customers.tolist(), items.tolist(), days.tolist(), count=count)


def channels(count: int) -> Channels:
    """Everybody ordered in the shop, every fourth one on the web, too."""
    web = range(0, count, 4)
    return channels_of([*range(count), *web], ["shop"] * count + ["web"] * len(web), count=count)


def seal_into(parts: Path, draft: Path, digest: str) -> str:
    parts.mkdir(parents=True, exist_ok=True)
    if not (parts / digest).exists():
        draft.rename(parts / digest)
    return digest


def publish_store(releases: Releases, scratch: Path, count: int = CUSTOMERS) -> str:
    draft = scratch / f"store-{count}"
    draft.mkdir()
    columns = dict(zip(NAMES, features(count).T, strict=True))
    batch = pa.RecordBatch.from_pydict({col.CUSTOMER_ID: customer_ids(count), **columns})
    write_store(
        draft, [batch], customers=count, products=products(), purchases=purchases(count), channels=channels(count),
        as_of=AS_OF, names=NAMES, fingerprint=fingerprint(SETTINGS), settings=SETTINGS,
    )  # fmt: skip
    return seal_into(releases.parts, draft, seal(draft))


def publish_artifact(releases: Releases, scratch: Path, prediction: Prediction, fitted: Fitted, mark: str) -> str:
    draft = scratch / prediction.name
    draft.mkdir()
    known = examples()
    golden = golden_customers(known.customers.features, seed=1)
    medians = np.nanmedian(known.customers.features, axis=0)
    return seal_into(
        releases.parts, draft, save_artifact(draft, Artifact(prediction, fitted, NAMES, mark, medians, golden))
    )


def publish_prepared(
    releases: Releases, scratch: Path, prediction: Prediction, fitted: Fitted, store: Store
) -> str | None:
    draft = scratch / f"{prediction.name}-prepared"
    draft.mkdir()
    if not write_prepared(draft, prediction, fitted, store):
        return None
    return seal_into(releases.parts, draft, seal(draft))


def publish(
    folder: Path,
    scratch: Path,
    *,
    count: int = CUSTOMERS,
    method: int = -1,
    mark: str | None = None,
    name: str = "r000001",
) -> Releases:
    """Publish every prediction with one of its methods: the simplest by default, 0 for our own."""
    releases = Releases(folder)
    store = publish_store(releases, scratch, count)
    opened = open_store(releases.part(store))
    served = {}
    for prediction in predictions():
        method_name = prediction.methods[method]
        fitted = prediction.fit(method_name, examples(), horizon=prediction.tasks[-1].horizon, seed=1)
        digest = publish_artifact(releases, scratch, prediction, fitted, mark or fingerprint(SETTINGS))
        served[prediction.name] = ServedModel(
            artifact=digest,
            prepared=publish_prepared(releases, scratch, prediction, fitted, opened),
            model=ModelReference(name=prediction.name, version="2", run_id="a" * 32),
            evaluated_version="1",
            cut_points=prediction.cut_points(fitted, opened).tolist(),
            evidence={"method": method_name, "metrics": {"test.auc.h30": 0.8}, "rivals": {}},
        )
    point_at(releases, store, served, name)
    return releases


def point_at(releases: Releases, store: str, served: dict[str, ServedModel], name: str = "r000001") -> Manifest:
    manifest = Manifest(
        name=name,
        published_at=datetime(2018, 1, 1, 5, tzinfo=UTC),
        as_of=AS_OF,
        fingerprint=fingerprint(SETTINGS),
        store=store,
        predictions=served,
        previous=None,
    )
    _make_current(releases, manifest)
    return manifest


def publish_again(releases: Releases, name: str, *, at: datetime) -> None:
    """Publish the current release once more, at another time."""
    _make_current(releases, releases.current().model_copy(update={"name": name, "published_at": at}))


def _make_current(releases: Releases, manifest: Manifest) -> None:
    releases.manifests.mkdir(parents=True, exist_ok=True)
    content = canonical_json(manifest.model_dump(mode="json"))
    releases.manifest_path(manifest.name).write_bytes(content)
    replace_file(releases.pointer, f"{manifest.name} {hashlib.sha256(content).hexdigest()}\n".encode())
