from pathlib import Path
from typing import Any

import anyio
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient

from models.errors import InvalidRequestError
from models.release import Releases
from service.audience import read_ids, write_audience
from service.errors import UnsupportedOutputError
from tests.service.releases import CUSTOMERS, customer_ids

SEEDS = customer_ids()[:40]
PATH = "/v1/lookalike"


def test_an_audience_is_answered_when_seeds_and_a_size_are_sent(client: TestClient) -> None:
    response = client.post(PATH, json={"seeds": [*SEEDS, "nobody"], "size": 10})
    assert response.status_code == 200, response.text
    body = response.json()
    assert (body["model"]["name"], body["release"], body["as_of"]) == ("lookalike", "r000001", "2018-01-01")
    assert (body["seeds_known"], body["seeds_unknown"], body["candidates"]) == (40, ["nobody"], CUSTOMERS - 40)
    assert [member["rank"] for member in body["audience"]] == list(range(1, 11))
    assert not {member["customer_id"] for member in body["audience"]} & set(SEEDS)
    assert body["quality"]


def test_the_ranking_is_done_off_the_event_loop(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from service import endpoints

    handed_over: list[Any] = []
    run_sync = anyio.to_thread.run_sync

    async def watched(work: Any, *arguments: Any, **options: Any) -> Any:
        handed_over.append(work)
        return await run_sync(work, *arguments, **options)

    monkeypatch.setattr(endpoints.anyio.to_thread, "run_sync", watched)
    assert client.post(PATH, json={"seeds": SEEDS, "size": 1}).status_code == 200
    requests = [argument for work in handed_over for argument in getattr(work, "args", ())]
    assert any(isinstance(argument, BaseModel) and hasattr(argument, "seeds") for argument in requests)


@pytest.mark.parametrize(
    ("body", "field", "told"),
    [
        ({"seeds": SEEDS[:3], "size": 5}, "seeds", "at least 20 are needed"),
        ({"seeds": [*SEEDS[:5], *"abcdefghijklmno"], "size": 5}, "seeds", "5 of 20 different seeds are known"),
        ({"seeds": customer_ids(), "size": 5}, "seeds", "nobody is left to compare with"),
        ({"seeds": ["x"] * 200_000, "size": 5}, "seeds", "at most 100000 items"),
        ({"seeds": SEEDS, "size": 0}, "size", "greater than or equal to 1; got 0"),
        ({"seeds": SEEDS, "size": 10_001}, None, "foresell audience"),
        ({"seeds": SEEDS}, None, "give either size"),
        ({"seeds": SEEDS, "size": 5, "within": []}, "within", "at least 1 item"),
        ({"seeds": SEEDS, "size": 5, "within": {}}, "within", "names no filter"),
        (
            {"seeds": SEEDS, "size": 5, "within": {"bought_category": "grup 1"}},
            "within.bought_category",
            "did you mean 'group 1'",
        ),
        ({"seeds": SEEDS, "size": 5, "customers": ["c000001"]}, "customers", "is not a known field"),
    ],
)
def test_one_clear_422_when_the_request_cannot_be_answered(
    client: TestClient, body: dict[str, Any], field: str | None, told: str
) -> None:
    response = client.post(PATH, json=body)
    assert response.status_code == 422, response.text
    error = response.json()["error"]
    assert told in error["message"]
    assert "\n" not in error["message"]
    assert error["field"] == field


def test_everybody_comes_back_and_it_is_said_when_the_size_is_above_the_population(client: TestClient) -> None:
    body = client.post(PATH, json={"seeds": SEEDS, "size": 9_000}).json()
    assert len(body["audience"]) == CUSTOMERS - 40
    assert "these are all 160" in body["notes"][0]


# -- the file


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_the_file_holds_the_audience_of_the_endpoint(
    client: TestClient, published: Releases, tmp_path: Path, ending: str
) -> None:
    seeds, out = tmp_path / "seeds.csv", tmp_path / f"audience{ending}"
    seeds.write_text("customer_id,name\n" + "".join(f'"{seed}",x\n' for seed in SEEDS))
    found = write_audience(published.folder, seeds, out, size=25, share=None)
    rows = (pacsv.read_csv(out) if ending == ".csv" else pq.read_table(out)).to_pylist()
    assert rows == client.post(PATH, json={"seeds": SEEDS, "size": 25}).json()["audience"]
    assert found.sentence.startswith("25 of 160 customers, like 40 seeds; expected lift ")


@pytest.mark.parametrize("text", ["a\nb\n", "customer_id\na\nb", "\ufeffID,x\r\na,1\r\n\r\nb,2\r\n"])
def test_ids_are_read_with_and_without_a_heading(tmp_path: Path, text: str) -> None:
    path = tmp_path / "seeds.txt"
    path.write_bytes(text.encode())
    assert read_ids(path) == ["a", "b"]


def test_one_line_says_why_when_the_seeds_cannot_be_read(published: Releases, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"seeds.csv: the seeds cannot be read: No such file"):
        write_audience(published.folder, tmp_path / "seeds.csv", tmp_path / "out.csv", size=5, share=None)
    (tmp_path / "seeds.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidRequestError, match="it is not UTF-8 text"):
        write_audience(published.folder, tmp_path / "seeds.csv", tmp_path / "out.csv", size=5, share=None)


def test_one_line_says_why_when_the_size_or_the_output_is_wrong(published: Releases, tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("\n".join(SEEDS))
    with pytest.raises(InvalidRequestError, match="give either size"):
        write_audience(published.folder, seeds, tmp_path / "out.csv", size=None, share=None)
    with pytest.raises(UnsupportedOutputError, match=r"out.txt: write to a .parquet or a .csv"):
        write_audience(published.folder, seeds, tmp_path / "out.txt", size=5, share=None)
