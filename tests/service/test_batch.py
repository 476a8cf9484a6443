from pathlib import Path
from typing import Any

import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from models.churn import Churn
from models.errors import ReleaseMissingError
from models.prediction import BatchOptions
from models.release import Releases
from service.batch import score
from service.errors import UnsupportedOutputError
from tests.service.releases import customer_ids, point_at

CHUNK = 64


class StoppedError(Exception):
    pass


def test_every_customer_has_a_row_when_scored(published: Releases, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    assert score(published.folder, "churn", out, chunk_rows=CHUNK) == 200
    table = pq.read_table(out)
    assert table.column_names[0] == "customer_id"
    assert table.column("customer_id").to_pylist() == customer_ids()
    assert not (tmp_path / "scores.parquet.partial").exists()


def test_the_metadata_name_release_and_model_when_written_as_parquet(published: Releases, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    score(published.folder, "churn", out)
    metadata = pq.read_schema(out).metadata
    assert metadata[b"release"] == b"r000001"
    assert metadata[b"version"] == b"2"
    assert metadata[b"as_of"] == b"2018-01-01"


@pytest.mark.parametrize("prediction", ["churn", "repurchase"])
@pytest.mark.parametrize("reasons", [0, 2])
def test_csv_equals_parquet(published: Releases, tmp_path: Path, prediction: str, reasons: int) -> None:
    options = BatchOptions(reasons=reasons)
    score(published.folder, prediction, tmp_path / "a.parquet", options=options, chunk_rows=CHUNK)
    score(published.folder, prediction, tmp_path / "a.csv", options=options, chunk_rows=CHUNK)
    parquet = pq.read_table(tmp_path / "a.parquet").to_pylist()
    strings = pacsv.ConvertOptions(strings_can_be_null=True)
    csv = pacsv.read_csv(tmp_path / "a.csv", convert_options=strings).to_pylist()
    for row in parquet:
        if "reasons" in row:
            row["reasons"] = "; ".join(row["reasons"]) if row["reasons"] else row["reasons"]
    differing = [(left, right) for left, right in zip(parquet, csv, strict=True) if not _same(left, right)]
    assert differing == []


def _same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    empty = (None, "", [])
    return all(left[name] == right[name] or (left[name] in empty and right[name] in empty) for name in left)


def test_the_chunk_size_changes_nothing(published: Releases, tmp_path: Path) -> None:
    score(published.folder, "repurchase", tmp_path / "one.parquet")
    score(published.folder, "repurchase", tmp_path / "many.parquet", chunk_rows=7)
    assert pq.read_table(tmp_path / "one.parquet").equals(pq.read_table(tmp_path / "many.parquet"))


def test_batch_equals_the_service(published: Releases, tmp_path: Path, client: TestClient) -> None:
    score(published.folder, "churn", tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet").to_pylist()
    body = client.post("/v1/churn", json={"customers": customer_ids()}).json()
    for row, answer in zip(table, body["answers"], strict=True):
        assert {name: row[name] for name in ("customer_id", "status", "probability", "level", "percentile")} == {
            name: answer[name] for name in ("customer_id", "status", "probability", "level", "percentile")
        }


def stopped_after_one_chunk(releases: Releases, out: Path, **more: Any) -> None:
    def stop(done: int, total: int) -> None:
        assert total == 200
        raise StoppedError

    with pytest.raises(StoppedError):
        score(releases.folder, "churn", out, chunk_rows=CHUNK, progress=stop, **more)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sizes: list[int] = []
    table = Churn.table

    def spied(self: Churn, served: Any, rows: Any, options: BatchOptions) -> Any:
        sizes.append(len(rows))
        return table(self, served, rows, options)

    monkeypatch.setattr(Churn, "table", spied)
    return sizes


def test_a_run_goes_on_where_it_was_when_it_was_stopped(
    published: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "scores.parquet"
    stopped_after_one_chunk(published, out)
    assert not out.exists()
    sizes = counted(monkeypatch)
    assert score(published.folder, "churn", out, chunk_rows=CHUNK) == 200
    # the first is the warm-up of opening the release; the first chunk is not scored again
    assert [size for size in sizes if size > 2] == [64, 64, 8]
    whole = tmp_path / "whole.parquet"
    score(published.folder, "churn", whole, chunk_rows=CHUNK)
    assert pq.read_table(out).equals(pq.read_table(whole))


@pytest.mark.parametrize("change", ["options", "release"])
def test_a_run_starts_again_when_it_is_another_job(
    published: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    out = tmp_path / "scores.parquet"
    stopped_after_one_chunk(published, out)
    releases, options = published, BatchOptions()
    if change == "options":
        options = BatchOptions(reasons=1)
    else:
        releases = Releases(tmp_path / "next")
        releases.folder.mkdir()
        releases.parts.symlink_to(published.parts)
        manifest = published.current()
        point_at(releases, manifest.store, manifest.predictions, "r000002")
    sizes = counted(monkeypatch)
    score(releases.folder, "churn", out, chunk_rows=CHUNK, options=options)
    assert [size for size in sizes if size > 2] == [64, 64, 64, 8]
    assert not out.with_name("scores.parquet.partial").exists()


def test_the_old_file_stays_when_a_run_is_stopped(published: Releases, tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    score(published.folder, "churn", out)
    before = out.read_bytes()
    stopped_after_one_chunk(published, out)
    assert out.read_bytes() == before


def test_another_kind_of_file_is_refused(published: Releases, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOutputError, match=r"scores\.xlsx: write to a \.parquet or a \.csv file"):
        score(published.folder, "churn", tmp_path / "scores.xlsx")


def test_a_folder_that_does_not_exist_is_refused(published: Releases, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOutputError, match="does not exist"):
        score(published.folder, "churn", tmp_path / "nowhere" / "scores.csv")


def test_nothing_is_left_when_there_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(ReleaseMissingError, match="no release"):
        score(tmp_path / "releases", "churn", tmp_path / "scores.csv")
    assert list(tmp_path.iterdir()) == []
