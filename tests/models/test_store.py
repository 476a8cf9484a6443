from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pytest

from models import columns as col
from models import store as module
from models.errors import CorruptPartError, NotEnoughDataError
from models.parts import seal
from models.purchases import Channels, channels_of, nothing_bought
from models.store import UNKNOWN, open_store, write_store
from tests.synthetic import AS_OF, FINGERPRINT, NAMES, SETTINGS, figures, products, store_of

IDS = ["7", "007", "0", "Müller", "мария", "顧客", "ظبي", "🛒", "a b", "a", "ab", "A", "é", "e\u0301", "x" * 256]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


def write(
    folder: Path,
    batches: list[pa.RecordBatch],
    customers: int,
    channels: Channels | None = None,
    listed: pa.Table | None = None,
) -> None:
    write_store(
        folder, batches, customers=customers, products=listed or products(),
        purchases=nothing_bought(customers), channels=channels, as_of=AS_OF, names=("orders", "spend"),
        fingerprint=FINGERPRINT, settings=SETTINGS,
    )  # fmt: skip


def batch(ids: list[str], orders: list[float | None], spend: list[float | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {col.CUSTOMER_ID: ids, "orders": pa.array(orders, pa.float64()), "spend": pa.array(spend, pa.float64())}
    )


def test_each_customer_has_its_own_row_whatever_the_script(folder):
    rows = figures(len(IDS), seed=1)
    store = store_of(folder, IDS, rows)
    found = store.rows_of(IDS)
    assert sorted(found) == list(range(len(IDS)))
    assert store.ids_at(found) == IDS
    np.testing.assert_array_equal(store.features_at(found), rows)


def test_rows_come_in_the_order_asked_with_repeats(folder):
    store = store_of(folder, ["a", "b", "c"], figures(3, seed=1))
    assert store.rows_of(["c", "a", "c", "nobody", "b"]).tolist() == [2, 0, 2, UNKNOWN, 1]
    assert store.ids_at(np.array([2, 0, 2])) == ["c", "a", "c"]
    assert store.rows_of([]).tolist() == []


@pytest.mark.parametrize("unknown", ["", "07", "7 ", "8", "É", "xx", "顧", "\ud800", "x" * 257])
def test_a_customer_is_unknown_when_the_id_differs_in_any_way(folder, unknown):
    store = store_of(folder, IDS, figures(len(IDS), seed=1))
    assert store.rows_of([unknown]).tolist() == [UNKNOWN]


def test_ids_that_look_like_one_number_are_different_customers(folder):
    store = store_of(folder, ["7", "007"], figures(2, seed=1))
    assert store.ids_at(store.rows_of(["007", "7"])) == ["007", "7"]
    assert len(set(store.rows_of(["007", "7"]).tolist())) == 2


@pytest.mark.parametrize("constant", [0, 2**32 - 1])
def test_the_right_customer_is_found_when_every_hash_collides(folder, monkeypatch, constant):
    monkeypatch.setattr(module, "_hash", lambda encoded: constant)
    store = store_of(folder, IDS, figures(len(IDS), seed=1))
    assert store.ids_at(store.rows_of(IDS)) == IDS
    assert store.rows_of(["nobody"]).tolist() == [UNKNOWN]


def test_the_right_customer_is_found_when_a_few_hashes_collide(folder, monkeypatch):
    monkeypatch.setattr(module, "_hash", lambda encoded: len(encoded) % 3)
    ids = [str(number) for number in range(200)]
    store = store_of(folder, ids, figures(200, seed=1))
    assert store.ids_at(store.rows_of(ids)) == ids
    assert store.rows_of(["200", "1000", "-1"]).tolist() == [UNKNOWN] * 3


def test_a_store_of_one_customer_answers(folder):
    store = store_of(folder, ["only"], figures(1, seed=1))
    assert len(store) == 1
    assert store.rows_of(["only", "other"]).tolist() == [0, UNKNOWN]


def test_a_store_is_refused_when_there_are_no_customers(folder):
    with pytest.raises(NotEnoughDataError, match=r"no customers to publish.*run foresell check"):
        write(folder, [], 0)


def test_features_and_index_are_memory_maps_and_cannot_be_changed(folder):
    store = store_of(folder, ["a", "b"], figures(2, seed=1))
    for array in (store.features, store._ids, store._id_ends, store._id_hashes, store._id_rows):
        assert isinstance(array.base, np.memmap)
    assert store.features.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        store.features[0, 0] = 1


def test_features_at_gives_a_copy_that_may_be_changed(folder):
    store = store_of(folder, ["a", "b"], figures(2, seed=1))
    before = store.features.copy()
    store.features_at(np.array([0]))[:] = 5
    np.testing.assert_array_equal(store.features, before)


def test_batches_are_put_one_after_the_other_and_null_is_nan(folder):
    write(folder, [batch(["a"], [1], [None]), batch(["b", "c"], [2, None], [2.5, 3.5])], 3)
    store = open_store(folder)
    np.testing.assert_array_equal(store.features, np.array([[1, np.nan], [2, 2.5], [np.nan, 3.5]], np.float32))
    assert store.ids_at(np.arange(3)) == ["a", "b", "c"]


def test_a_store_tells_what_it_was_made_with(folder):
    store = store_of(folder, ["a"], figures(1, seed=1))
    assert (store.as_of, store.fingerprint, store.settings, store.names) == (AS_OF, FINGERPRINT, SETTINGS, NAMES)
    assert store.products == products()


def test_the_same_customers_give_the_same_bytes(tmp_path):
    digests = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        store_of(tmp_path / name, IDS, figures(len(IDS), seed=1))
        digests.add(seal(tmp_path / name))
    assert len(digests) == 1


def test_what_lay_in_memory_under_a_null_is_not_written(tmp_path):
    digests = set()
    for name, left in (("one", b"\x00"), ("two", b"\x07")):
        (tmp_path / name).mkdir()
        kind = pa.decimal128(18, 4)
        nothing = pa.Array.from_buffers(kind, 1, [pa.py_buffer(b"\x00"), pa.py_buffer(left * 16)])
        listed = pa.table({col.PRODUCT_ID: ["eggs", "tea"], col.PRICE: pa.chunked_array([nothing, nothing], kind)})
        write(tmp_path / name, [batch(["a"], [1.0], [2.0])], 1, listed=listed)
        assert open_store(tmp_path / name).products == listed
        digests.add(seal(tmp_path / name))
    assert len(digests) == 1


def test_the_index_is_keyed_alike_in_every_process():
    assert module._hash(b"900") == 761528658


def test_a_store_with_another_index_is_refused_rather_than_found_empty(folder):
    store_of(folder, ["a"], figures(1, seed=1))
    (folder / "id_crc32.npy").rename(folder / "id_hashes.npy")
    with pytest.raises(CorruptPartError, match="publish again"):
        open_store(folder)


def test_channels_come_back_for_each_customer(folder):
    ids = ["a", "b", "c"]
    channels = channels_of([0, 1, 0], ["web", "shop", "shop"], count=3)
    rows = batch(ids, [1, 2, 3], [1, 2, 3])
    write(folder, [rows], 3, channels=channels)
    store = open_store(folder)
    assert store.channels.names == ("shop", "web")
    assert store.channels.used("web").tolist() == [True, False, False]
    assert store.channels.used("shop").tolist() == [True, True, False]


def test_a_store_from_before_there_were_channels_has_none(folder):
    write(folder, [batch(["a"], [1], [1])], 1)
    about = orjson.loads((folder / "store.json").read_bytes())
    del about["channels"]
    (folder / "store.json").write_bytes(orjson.dumps(about))
    assert open_store(folder).channels.names == ()


def test_the_channels_of_most_customers_are_kept_when_there_are_too_many():
    # channel 00 has one customer, channel 01 two, ...: the first six are one too many each
    pairs = [(customer, f"{channel:02d}") for channel in range(70) for customer in range(channel + 1)]
    channels = channels_of([customer for customer, _ in pairs], [name for _, name in pairs], count=70)
    assert channels.names == tuple(f"{channel:02d}" for channel in range(6, 70))
    assert channels.used("69").all()
    assert channels.used("06").tolist() == [True] * 7 + [False] * 63
