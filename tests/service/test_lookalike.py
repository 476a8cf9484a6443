import shutil
from pathlib import Path
from typing import Any

import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from models.errors import InvalidRequestError
from models.lookalike.messages import Within
from models.release import Releases
from service.audience import read_ids, read_within, write_audience
from service.errors import UnsupportedOutputError
from service.pool import Deadline, Pool
from tests.service.releases import CUSTOMERS, customer_ids, point_at

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
    run, handed_over = Pool.run, list[Any]()

    async def watched(self: Pool, work: Any, deadline: Deadline) -> Any:
        handed_over.append(work)
        return await run(self, work, deadline)

    monkeypatch.setattr(Pool, "run", watched)
    assert client.post(PATH, json={"seeds": SEEDS, "size": 1}).status_code == 200
    assert [hasattr(argument, "seeds") for argument in handed_over[0].args].count(True) == 1


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
        (
            {"seeds": SEEDS, "size": 5, "within": {"churn_level": "hihg"}},
            "within.churn_level",
            "should be 'high', 'medium' or 'low'; got 'hihg'",
        ),
        (
            {"seeds": SEEDS, "size": 5, "within": {"channel": "wep"}},
            "within.channel",
            "did you mean 'web'? (there are: shop, web)",
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


def test_the_levels_are_those_that_churn_answers(client: TestClient) -> None:
    answers = client.post("/v1/churn", json={"customers": customer_ids()}).json()["answers"]
    given = {answer["customer_id"]: answer["level"] for answer in answers}
    assert None in given.values()
    reached: list[str] = []
    for level in set(given.values()) - {None}:
        asked = {"seeds": SEEDS, "size": 1_000, "include_seeds": True, "within": {"churn_level": level}}
        members = client.post(PATH, json=asked).json()["audience"]
        assert {given[member["customer_id"]] for member in members} == {level}
        reached += [member["customer_id"] for member in members]
    # those who are not eligible have no level and are in none
    assert sorted(reached) == sorted(customer for customer, level in given.items() if level)


def test_the_audience_has_ordered_through_the_channel(client: TestClient) -> None:
    members = client.post(PATH, json={"seeds": SEEDS, "size": 1_000, "within": {"channel": "web"}}).json()["audience"]
    assert {member["customer_id"] for member in members} == set(customer_ids()[::4]) - set(SEEDS)


def test_one_line_says_so_when_the_release_has_no_churn(published: Releases, tmp_path: Path) -> None:
    releases = Releases(Path(shutil.copytree(published.folder, tmp_path / "releases")))
    manifest = releases.current()
    point_at(releases, manifest.store, {"lookalike": manifest.predictions["lookalike"]}, "r000002")
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("\n".join(SEEDS))
    with pytest.raises(InvalidRequestError, match=r"within.churn_level: release r000002 has no churn; leave it out"):
        write_audience(releases.folder, seeds, tmp_path / "out.csv", size=5, share=None, within=["churn_level=high"])


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
    with pytest.raises(InvalidRequestError, match=r"seeds.csv: the ids cannot be read: No such file"):
        write_audience(published.folder, tmp_path / "seeds.csv", tmp_path / "out.csv", size=5, share=None)
    (tmp_path / "seeds.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidRequestError, match="it is not UTF-8 text"):
        write_audience(published.folder, tmp_path / "seeds.csv", tmp_path / "out.csv", size=5, share=None)


def test_one_line_says_why_when_the_size_or_the_output_is_wrong(published: Releases, tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("\n".join(SEEDS))
    with pytest.raises(InvalidRequestError, match="give either size"):
        write_audience(published.folder, seeds, tmp_path / "out.csv", size=None, share=None)
    for size, told in ((0, "greater than or equal to 1"), (None, "give either size")):
        with pytest.raises(InvalidRequestError, match=told):
            write_audience(published.folder, seeds, tmp_path / "out.csv", size=size, share=None)
    assert len(write_audience(published.folder, seeds, tmp_path / "out.csv", size=1_000_000, share=None).rows) == 160
    with pytest.raises(UnsupportedOutputError, match=r"out.txt: write to a .parquet or a .csv"):
        write_audience(published.folder, seeds, tmp_path / "out.txt", size=5, share=None)


def test_the_message_stays_short_when_there_are_too_many_seeds(published: Releases, tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.txt"
    seeds.write_text("\n".join(str(number) for number in range(200_000)))
    with pytest.raises(InvalidRequestError, match="at most 100000 items") as error:
        write_audience(published.folder, seeds, tmp_path / "out.csv", size=5, share=None)
    assert len(error.value.message) < 500


# -- within, on the command line


@pytest.mark.parametrize(
    "asked",
    [
        ["churn_level=high"],
        ["channel=web", "bought_category=group 1"],
        ["never_bought_category=group 2"],
    ],
)
def test_filters_of_the_command_line_are_those_of_the_endpoint(
    client: TestClient, published: Releases, tmp_path: Path, asked: list[str]
) -> None:
    seeds, out = tmp_path / "seeds.txt", tmp_path / "audience.csv"
    seeds.write_text("\n".join(SEEDS))
    write_audience(published.folder, seeds, out, size=10, share=None, within=asked)
    body = {"seeds": SEEDS, "size": 10, "within": dict(each.split("=") for each in asked)}
    assert pacsv.read_csv(out).to_pylist() == client.post(PATH, json=body).json()["audience"]


def test_an_audience_stays_within_the_ids_of_a_file(published: Releases, tmp_path: Path) -> None:
    seeds, inside, out = tmp_path / "seeds.txt", tmp_path / "a=b.csv", tmp_path / "audience.csv"
    seeds.write_text("\n".join(SEEDS))
    inside.write_text("customer_id\n" + "\n".join([*customer_ids()[50:60], "nobody"]))
    write_audience(published.folder, seeds, out, size=1_000, share=None, within=[str(inside)])
    assert set(pacsv.read_csv(out)["customer_id"].to_pylist()) == set(customer_ids()[50:60])


def test_an_attribute_is_named_behind_a_colon() -> None:
    found = read_within(["attribute:age=35-44", "attribute:home=a=b", "channel=web"])
    assert found == Within(attributes={"age": "35-44", "home": "a=b"}, channel="web")
    assert read_within([]) is None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["chanel=web"], "--within: unknown filter 'chanel'; did you mean 'channel'"),
        (["age=35"], "there are: bought_category, never_bought_category, churn_level, channel, attribute:NAME"),
        (["attributes=x"], "--within: unknown filter 'attributes'"),
        (["channel=web", "channel=shop"], "--within: channel is given twice"),
        (["attribute:age=1", "attribute:age=2"], "--within: attribute:age is given twice"),
        (["churn_level=hihg"], "--within: churn_level = 'hihg': Input should be 'high', 'medium' or 'low'"),
        (["channel="], "--within: channel = '': "),
        (["one.txt", "two.txt"], "--within: give one file of ids, or filters such as channel=web"),
        (["one.txt", "channel=web"], "--within: give either one file of ids, or filters"),
        (["nowhere.txt"], "nowhere.txt: the ids cannot be read: No such file"),
    ],
)
def test_one_line_says_what_is_wrong_with_a_filter(asked: list[str], told: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        read_within(asked)
    assert told in error.value.message
    assert "\n" not in error.value.message


def test_an_empty_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("customer_id\n\n")
    with pytest.raises(InvalidRequestError, match=r"empty.txt: it holds no id; give a file with one id a line"):
        read_ids(tmp_path / "empty.txt")
