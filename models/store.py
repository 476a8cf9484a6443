"""The store: every customer's features at one as_of, as immutable files that all processes share by memory map."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import compress, pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from models import columns as col
from models.errors import CorruptPartError, NotEnoughDataError
from models.inline import finite
from models.parts import canonical_json, npy_mapped, npy_on_disk, parsing, save_npy, write_durably
from models.purchases import Channels, Histories, Purchases, no_channels
from models.settings import FeatureSettings

UNKNOWN = -1
"""The row of a customer that the store does not have."""

_ABOUT = "store.json"
_IDS = "ids.bin"
_ID_ENDS = "id_ends.npy"
_ID_HASHES = "id_crc32.npy"
_ID_ROWS = "id_rows.npy"
_FEATURES = "features.npy"
_PRODUCTS = "products.arrow"
_CHANNELS = "channels.npy"
_PURCHASES = {"ends": "purchase_ends.npy", "items": "purchase_items.npy", "days": "purchase_days.npy"}


@dataclass(frozen=True)
class Store:
    """An open store; arrays are memory maps.

    Parameters
    ----------
    as_of : date
        Local midnight up to which it knows.
    fingerprint : str
        Fingerprint of the features.
    settings : FeatureSettings
        What the features were made with.
    names : tuple of str, length f
        Feature names, in order.
    features : float32 array, shape (n, f)
        NaN is null. Rows are in rising order of the customer ids' UTF-8 bytes.
    products : pyarrow Table
        Every product that is known or was bought, in rising order of its id.
    purchases : Purchases
        What each customer bought before as_of; items are rows of ``products``.
    channels : Channels
        Through which channels each customer ordered before as_of.
    """

    as_of: date
    fingerprint: str
    settings: FeatureSettings
    names: tuple[str, ...]
    features: NDArray[np.float32]
    products: pa.Table
    purchases: Purchases
    channels: Channels
    _ids: NDArray[np.uint8]
    _id_ends: NDArray[np.int64]
    _id_hashes: NDArray[np.uint32]
    _id_rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.features)

    def rows_of(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Return each customer's row, shape (len(ids),); ``UNKNOWN`` where there is none."""
        encoded = [customer_id.encode("utf-8", "surrogatepass") for customer_id in ids]
        if len(encoded) == 1:
            return np.array([self._row_of(encoded[0])])
        hashes = np.fromiter(map(_hash, encoded), np.uint32, len(encoded))
        # the last place stands in for those beyond the end, which do not have its hash
        starts = np.minimum(np.searchsorted(self._id_hashes, hashes), len(self._id_hashes) - 1)
        rows = np.where(self._id_hashes[starts] == hashes, self._id_rows[starts], UNKNOWN)
        found = np.flatnonzero(rows != UNKNOWN)
        same = self._have(rows[found], [encoded[position] for position in found.tolist()])
        for position in found[~same].tolist():
            rows[position] = self._row_of(encoded[position])
        return rows

    def ids_at(self, rows: NDArray[np.int64]) -> list[str]:
        """Return the customer ids at the given rows."""
        return [self._id_bytes(int(row)).decode("utf-8") for row in rows]

    def features_at(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the feature rows, shape (len(rows), f)."""
        picked: NDArray[np.float32] = np.ascontiguousarray(self.features[rows])
        return picked

    def histories_at(self, rows: NDArray[np.int64], as_of: NDArray[np.datetime64]) -> Histories:
        """Return what the customers at the given rows bought."""
        return Histories(self.products, self.purchases, rows, as_of)

    def _have(self, rows: NDArray[np.int64], encoded: Sequence[bytes]) -> NDArray[np.bool_]:
        """Say whether each row has the id, shape (len(rows),)."""
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        starts = np.where(rows > 0, self._id_ends[rows - 1], 0)
        have: NDArray[np.bool_] = self._id_ends[rows] - starts == lengths
        if not have.any():
            return have
        # the bytes of all ids of the right length, one after the other
        begin = np.cumsum(lengths[have]) - lengths[have]
        places = np.repeat(starts[have] - begin, lengths[have]) + np.arange(lengths[have].sum())
        asked = np.frombuffer(b"".join(compress(encoded, have)), np.uint8)
        have[have] = np.add.reduceat(self._ids[places] != asked, begin, dtype=np.int64) == 0
        return have

    def _row_of(self, encoded: bytes) -> int:
        hashed = np.uint32(_hash(encoded))
        for position in range(int(np.searchsorted(self._id_hashes, hashed)), len(self._id_hashes)):
            if self._id_hashes[position] != hashed:
                break
            row = int(self._id_rows[position])
            if self._id_bytes(row) == encoded:
                return row
        return UNKNOWN

    def _id_bytes(self, row: int) -> bytes:
        start = self._id_ends[row - 1] if row else 0
        return self._ids[start : self._id_ends[row]].tobytes()


def open_store(folder: Path) -> Store:
    """Open a store by memory map; its bytes must have been verified.

    Parameters
    ----------
    folder : Path
        A folder that ``write_store`` made.

    Raises
    ------
    CorruptPartError
        Another version of Foresell made it, whose index is not ours, or its files cannot be read.
    """
    if not (folder / _ID_HASHES).exists():
        raise CorruptPartError(f"the store {folder.name[:12]} has no {_ID_HASHES}: publish again with this version")
    with parsing(folder):
        about = orjson.loads((folder / _ABOUT).read_bytes())
        with pa.memory_map(str(folder / _PRODUCTS)) as file:
            products = pa.ipc.open_file(file).read_all()
        return Store(
            as_of=date.fromisoformat(about["as_of"]),
            fingerprint=about["fingerprint"],
            settings=FeatureSettings.model_validate(about["settings"]),
            names=tuple(about["names"]),
            features=npy_mapped(folder / _FEATURES),
            products=products,
            purchases=Purchases(**{name: npy_mapped(folder / file) for name, file in _PURCHASES.items()}),
            # a store from before there were channels does not name any
            channels=_open_channels(folder, about.get("channels", [])),
            _ids=np.asarray(np.memmap(folder / _IDS, np.uint8, "r")),
            _id_ends=npy_mapped(folder / _ID_ENDS),
            _id_hashes=npy_mapped(folder / _ID_HASHES),
            _id_rows=npy_mapped(folder / _ID_ROWS),
        )


def write_store(
    folder: Path,
    batches: Iterable[pa.RecordBatch],
    *,
    customers: int,
    products: pa.Table,
    purchases: Purchases,
    channels: Channels | None = None,
    as_of: date,
    names: Sequence[str],
    fingerprint: str,
    settings: FeatureSettings,
) -> None:
    """Write a store's files into an existing empty folder, batch by batch.

    Parameters
    ----------
    folder : Path
        Where to.
    batches : iterable of RecordBatch
        customer_id and the features by name, in rising order of the ids' UTF-8 bytes, each customer once.
    customers : int
        Rows in all.
    products : pyarrow Table
        The product table, which a history sent inline is joined with.
    purchases : Purchases
        What each customer bought before as_of, in the order of the batches.
    channels : Channels, optional
        Through which channels each customer ordered; default: the data have none.
    as_of, names, fingerprint, settings
        See ``Store``.

    Raises
    ------
    NotEnoughDataError
        There are no customers.
    """
    if not customers:
        raise NotEnoughDataError("no customers to publish: the tables have none before the as_of; run foresell check")
    about = {
        "as_of": as_of.isoformat(),
        "fingerprint": fingerprint,
        "settings": settings.model_dump(mode="json"),
        "names": list(names),
        "channels": list(channels.names) if channels else [],
    }
    write_durably(folder / _ABOUT, canonical_json(about))
    encoded = _write_features(folder, batches, customers, names)
    _write_ids(folder, encoded)
    if channels and channels.names:
        save_npy(folder / _CHANNELS, channels.bits)
    for name, file in _PURCHASES.items():
        save_npy(folder / file, getattr(purchases, name))
    with pa.OSFile(str(folder / _PRODUCTS), "wb") as file, pa.ipc.new_file(file, products.schema) as writer:
        writer.write_table(_rebuilt(products))


def _rebuilt(table: pa.Table) -> pa.Table:
    """Return the same rows in one piece with zeros under the nulls.

    An engine leaves there what its memory held before: the same products would be other bytes, and tell of others.
    """
    columns = {field.name: pa.array(table[field.name].to_pylist(), field.type) for field in table.schema}
    return pa.table(columns, schema=table.schema)


def _write_features(
    folder: Path, batches: Iterable[pa.RecordBatch], customers: int, names: Sequence[str]
) -> list[bytes]:
    features = npy_on_disk(folder / _FEATURES, np.dtype(np.float32), (customers, len(names)))
    encoded: list[bytes] = []
    for batch in batches:
        block = slice(len(encoded), len(encoded) + batch.num_rows)
        for position, name in enumerate(names):
            features[block, position] = finite(batch.column(name).to_numpy(zero_copy_only=False))
        encoded.extend(customer_id.encode() for customer_id in batch.column(col.CUSTOMER_ID).to_pylist())
    features.flush()
    if len(encoded) != customers or any(later <= earlier for earlier, later in pairwise(encoded)):
        raise ValueError(f"{len(encoded)} rows for {customers} customers, each once in rising order of their ids")
    return encoded


def _open_channels(folder: Path, names: Sequence[str]) -> Channels:
    return Channels(tuple(names), npy_mapped(folder / _CHANNELS)) if names else no_channels()


def _write_ids(folder: Path, encoded: list[bytes]) -> None:
    hashes = np.fromiter(map(_hash, encoded), np.uint32, len(encoded))
    order = np.argsort(hashes, kind="stable")
    write_durably(folder / _IDS, b"".join(encoded))
    save_npy(folder / _ID_ENDS, np.cumsum([len(customer_id) for customer_id in encoded], dtype=np.int64))
    save_npy(folder / _ID_HASHES, hashes[order])
    save_npy(folder / _ID_ROWS, order)


def _hash(encoded: bytes) -> int:
    # the cheapest that is the same in every process; ids that share one are told apart by their bytes
    return crc32(encoded)
