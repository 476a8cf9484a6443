from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import prediction_named, prepared
from models.errors import CorruptPartError
from models.parts import seal, verify
from models.prediction import Customers, Fitted, Prediction, nameless
from models.prepared import open_prepared, prepared_in_memory, write_prepared
from models.store import Store
from tests.synthetic import examples, figures, store_of

PEOPLE = 25


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store_of(tmp_path_factory.mktemp("store"), [f"{row:02d}" for row in range(PEOPLE)], figures(PEOPLE, seed=2))


@pytest.fixture(scope="module")
def lookalike() -> tuple[Prediction, Fitted]:
    prediction = prediction_named("lookalike")
    return prediction, prediction.fit("seed_logistic", examples(120), horizon=30, seed=1)


def written(folder: Path, prediction: Prediction, fitted: Fitted, store: Store) -> str:
    folder.mkdir()
    assert write_prepared(folder, prediction, fitted, store)
    return seal(folder)


def test_what_was_written_is_mapped_and_is_what_would_be_made_in_memory(tmp_path, lookalike, store):
    digest = written(tmp_path / "part", *lookalike, store)
    opened = open_prepared(tmp_path / "part", verify(tmp_path / "part", digest), *lookalike, store)
    expected = prepared_in_memory(*lookalike, store)
    assert set(opened) == set(expected) == {"likes", "points", "spend"}
    for name, array in opened.items():
        assert isinstance(array.base, np.memmap)
        assert not array.flags.writeable
        assert array.dtype == expected[name].dtype == (np.uint8 if name == "likes" else np.float32)
        np.testing.assert_array_equal(array, expected[name])


@pytest.mark.parametrize("rows", [1, 7, PEOPLE, PEOPLE + 1])
def test_the_bytes_are_the_same_whatever_is_done_at_a_time(tmp_path, lookalike, store, monkeypatch, rows):
    whole = written(tmp_path / "whole", *lookalike, store)
    monkeypatch.setattr(prepared, "CHUNK_ROWS", rows)
    assert written(tmp_path / "part", *lookalike, store) == whole


def test_only_some_rows_are_asked_for_at_a_time(lookalike, store, monkeypatch):
    prediction, fitted = lookalike
    asked: list[int] = []
    prepare = type(prediction).prepare

    def counted(self: Any, fitted: Fitted, customers: Customers) -> Any:
        asked.append(len(customers))
        return prepare(self, fitted, customers)

    monkeypatch.setattr(type(prediction), "prepare", counted)
    monkeypatch.setattr(prepared, "CHUNK_ROWS", 10)
    prepared_in_memory(prediction, fitted, store)
    assert asked == [10, 10, 5]


def test_scores_are_prepared_of_everybody_who_has_any(tmp_path, store):
    prediction = prediction_named("repurchase")
    fitted = prediction.fit("recency", examples(120), horizon=90, seed=1)
    everybody = nameless(store, np.arange(len(store)))
    eligible = prediction.eligible(everybody)
    assert eligible.any()
    scores = prepared_in_memory(prediction, fitted, store)["scores"]
    np.testing.assert_array_equal(scores[eligible], prediction.score(fitted, everybody.take(eligible)))
    assert np.isnan(scores[~eligible]).all()


def test_nothing_is_written_when_a_prediction_prepares_nothing(tmp_path, store, monkeypatch):
    prediction = prediction_named("repurchase")
    monkeypatch.setattr(type(prediction), "prepare", lambda self, fitted, customers: {})
    fitted = prediction.fit("recency", examples(120), horizon=90, seed=1)
    assert not write_prepared(tmp_path, prediction, fitted, store)
    assert list(tmp_path.iterdir()) == []
    assert prepared_in_memory(prediction, fitted, store) == {}


def test_it_is_refused_in_one_line_when_it_is_of_other_customers(tmp_path, lookalike, store):
    part = tmp_path / "part"
    written(part, *lookalike, store)
    points = np.load(part / "points.npy")
    np.save(part / "points.npy", points[::-1])
    (part / "manifest.json").unlink()
    with pytest.raises(CorruptPartError, match="points is not what lookalike prepares; publish again"):
        open_prepared(part, verify(part, seal(part)), *lookalike, store)


def test_it_is_refused_in_one_line_when_it_was_made_for_another_store(tmp_path, lookalike, store):
    digest = written(tmp_path / "part", *lookalike, store)
    (tmp_path / "smaller").mkdir()
    smaller = store_of(tmp_path / "smaller", ["a", "b"], figures(2, seed=1))
    told = r"points is float32 of shape \(25, (\d+)\), lookalike reads float32 of shape \(2, \1\); publish again"
    with pytest.raises(CorruptPartError, match=told):
        open_prepared(tmp_path / "part", verify(tmp_path / "part", digest), *lookalike, smaller)


def test_it_is_refused_in_one_line_when_another_version_prepared_something_else(tmp_path, lookalike, store):
    written(tmp_path / "part", *lookalike, store)
    (tmp_path / "part" / "spend.npy").unlink()
    digest = seal(tmp_path / "part")
    with pytest.raises(CorruptPartError, match=r"spend is missing, lookalike reads float32 of shape \(25,\); publish"):
        open_prepared(tmp_path / "part", verify(tmp_path / "part", digest), *lookalike, store)
