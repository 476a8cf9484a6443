import errno
import logging
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn

import orjson
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient

from models.lookalike.messages import LookalikeRequest
from models.messages import CustomersRequest
from models.next_best_product.messages import NextBestProductRequest
from models.release import Releases
from models.repurchase import RepurchaseRequest
from models.settings import ServiceSettings, Settings, SourceSettings
from service.environment import number_of
from service.freshness import STALE_ENV
from service.hourly_files import HourlyFiles, hour_of
from service.prediction_log import LOG_ENV, MAX_MB_ENV, PredictionLog
from service.prediction_rows import SCHEMA, Call, histories_sent, options, table_of
from service.serve import _asked_for
from tests.service.releases import customer_ids
from tests.service.test_metrics import figure

NOON = datetime(2018, 1, 1, 12, tzinfo=UTC).timestamp()
ENVELOPE = {"model": {"name": "churn", "version": "2", "run_id": "a" * 32}, "release": "r000001", "as_of": "2018-01-01"}
ANA = {"customer_id": "ana", "status": "ok", "as_of": "2018-01-01", "probability": 0.25, "level": "low"}
BO = {"customer_id": "bo", "status": "unknown_customer", "as_of": "2017-12-01", "probability": None, "level": None}
ASKED = CustomersRequest(customers=["ana", "bo"])


def body(answers: list[dict[str, Any]], key: str = "answers") -> bytes:
    return orjson.dumps({**ENVELOPE, key: answers})


def call(content: bytes = body([ANA, BO]), *, at: float = NOON, sent: tuple[int, ...] = ()) -> Call:
    return Call(at, "till-7", "churn", '{"reasons":2}', sent, content, 0.002)


class Clock:
    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Told:
    written = dropped = 0

    def __call__(self, written: int, dropped: int) -> None:
        self.written += written
        self.dropped += dropped


class FullDisk(HourlyFiles):
    """Takes nothing, like a disk without space."""

    def write(self, *what: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class HungDisk(HourlyFiles):
    """Does not come back, like a share whose server is gone."""

    entered, let_go = threading.Event(), threading.Event()

    def write(self, *what: Any) -> Path:
        self.entered.set()
        assert self.let_go.wait(60)
        return super().write(*what)


def files_of(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [row for name in files_of(folder) for row in pq.ParquetFile(folder / name).read().to_pylist()]


@pytest.fixture
def files(tmp_path: Path) -> HourlyFiles:
    return HourlyFiles(tmp_path / "log", max_bytes=10**9)


# -- rows


def test_a_call_becomes_a_row_for_each_customer_it_was_about() -> None:
    first, second = table_of([call(sent=(1,))]).to_pylist()
    assert orjson.loads(first.pop("answer")) == ANA
    assert first == {
        "answered_at": datetime(2018, 1, 1, 12, tzinfo=UTC),
        "request_id": "till-7",
        "prediction": "churn",
        "release": "r000001",
        "model_version": "2",
        "run_id": "a" * 32,
        "asked": '{"reasons":2}',
        "position": 0,
        "customer_id": "ana",
        "history_sent": False,
        "status": "ok",
        "as_of": date(2018, 1, 1),
        "score": 0.25,
        "seconds": 0.002,
    }
    assert (second["position"], second["customer_id"], second["status"]) == (1, "bo", "unknown_customer")
    assert (second["history_sent"], second["as_of"], second["score"]) == (True, date(2017, 12, 1), None)


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ({"probability": 0.25}, 0.25),
        ({"probability": None}, None),
        ({"probabilities": {"7": 0.5, "30": 0.75}}, 0.5),
        ({"probabilities": None}, None),
        ({"products": [{"product_id": "1", "score": 1}, {"product_id": "2", "score": 0.5}]}, 1.0),
        ({"products": [{"product_id": "1", "score": None}]}, None),
        ({"products": []}, None),
        ({}, None),
    ],
)
def test_the_score_is_the_first_of_what_was_answered(answer: dict[str, Any], score: float | None) -> None:
    (row,) = table_of(
        [call(body([{"customer_id": "ana", "status": "ok", "as_of": "2018-01-01", **answer}]))]
    ).to_pylist()
    assert row["score"] == score


def test_an_audience_becomes_a_row_for_each_member() -> None:
    members = [{"customer_id": "ana", "score": 0.5, "rank": 1}, {"customer_id": "bo", "score": 0.25, "rank": 2}]
    rows = table_of([call(body(members, "audience"))]).to_pylist()
    assert [(row["customer_id"], row["status"], row["as_of"], row["score"]) for row in rows] == [
        ("ana", "ok", date(2018, 1, 1), 0.5),
        ("bo", "ok", date(2018, 1, 1), 0.25),
    ]


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (ASKED, {}),
        (CustomersRequest(customers=["ana"], reasons=3), {"reasons": 3}),
        (RepurchaseRequest(customers=["ana"], horizons=[7, 30]), {"horizons": [7, 30]}),
        (
            NextBestProductRequest.model_validate(
                {"customers": ["ana"], "k": 5, "filters": {"exclude": ["p"] * 21, "brands": ["ours"]}}
            ),
            {"k": 5, "filters": {"brands": ["ours"], "exclude": {"count": 21}}},
        ),
        (LookalikeRequest(seeds=["ana"], size=5, within=["bo"]), {"size": 5, "within": {"count": 1}}),
        (
            LookalikeRequest.model_validate({"seeds": ["ana"], "share": 0.5, "within": {"channel": "web"}}),
            {"share": 0.5, "within": {"channel": "web"}},
        ),
    ],
)
def test_what_was_asked_is_told_without_the_people_and_long_lists_by_their_number(
    request_: BaseModel, told: dict[str, Any]
) -> None:
    assert orjson.loads(options(request_)) == told


def test_whose_history_came_with_the_call_is_told() -> None:
    bo = {"customer_id": "bo", "as_of": "2018-01-01"}
    assert histories_sent(CustomersRequest.model_validate({"customers": ["ana", bo]})) == (1,)
    assert histories_sent(ASKED) == ()
    assert histories_sent(LookalikeRequest(seeds=["ana"], size=5)) == ()


@pytest.mark.parametrize("calls", [[call(body([ANA] * 1_000))], [call(body([ANA]))] * 200])
def test_other_threads_have_their_turn_while_rows_are_made(calls: list[Call]) -> None:
    turns: list[int] = []
    table = table_of(calls, rest=lambda: turns.append(1))
    assert len(table) == sum(each.content.count(b"customer_id") for each in calls)
    assert len(turns) >= 4


# -- files


def test_each_process_has_files_of_its_own_and_a_reader_sees_whole_ones_alone(tmp_path: Path) -> None:
    seen: list[list[str]] = []

    def tables() -> Iterator[Any]:
        yield table_of([call()])
        # in the middle of the file
        seen.append([path.name for path in tmp_path.rglob("*.parquet")])
        yield table_of([call()])

    one, other = HourlyFiles(tmp_path, max_bytes=10**9), HourlyFiles(tmp_path, max_bytes=10**9)
    paths = [files.write(hour_of(NOON), tables(), SCHEMA) for files in (one, other, one)]
    assert len(set(paths)) == 3
    assert {path.parent for path in paths} == {tmp_path / "hour=2018-01-01T12"}
    assert [len(names) for names in seen] == [0, 1, 2]
    assert len(rows_of(tmp_path)) == 12


def test_nothing_is_left_of_a_file_that_could_not_be_written(files: HourlyFiles) -> None:
    def tables() -> Iterator[Any]:
        yield table_of([call()])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left"):
        files.write(hour_of(NOON), tables(), SCHEMA)
    assert files_of(files.folder) == []


def test_the_oldest_hours_go_and_nobody_elses_files(tmp_path: Path) -> None:
    hours = [hour_of(NOON + 3_600 * each) for each in range(4)]
    files = HourlyFiles(tmp_path, max_bytes=10**9)
    sizes = [files.write(hour, [table_of([call()])], SCHEMA).stat().st_size for hour in hours for _ in range(2)]
    assert len(set(sizes)) == 1
    (tmp_path / hours[0] / "notes.parquet").write_bytes(b"theirs" * 1_000)
    (tmp_path / hours[0] / ".predictions-00000000-000001.draft").write_bytes(b"of a process that was killed")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "predictions-00000000-000001.parquet").write_bytes(b"theirs" * 1_000)
    files.max_bytes = 5 * sizes[0]
    assert files.sweep() == 4 * sizes[0]
    left = [name.split("/") for name in files_of(tmp_path)]
    assert [hour for hour, name in left if name.startswith("predictions-")] == [
        "elsewhere", hours[2], hours[2], hours[3], hours[3]
    ]  # fmt: skip
    assert [name for hour, name in left if hour == hours[0]] == ["notes.parquet"]
    assert not (tmp_path / hours[1]).exists()


def test_the_oldest_files_of_an_hour_go_when_it_alone_is_too_much(tmp_path: Path) -> None:
    files = HourlyFiles(tmp_path, max_bytes=10**9)
    paths = [files.write(hour_of(NOON), [table_of([call()])], SCHEMA) for _ in range(3)]
    for age, path in enumerate(paths):
        os.utime(path, (NOON + age, NOON + age))
    files.max_bytes = 2 * paths[0].stat().st_size
    files.sweep()
    assert sorted(tmp_path.rglob("*.parquet")) == paths[1:]


# -- the log


def test_what_was_taken_is_written_by_hour(files: HourlyFiles) -> None:
    told, clock = Told(), Clock()
    log = PredictionLog(files, told=told, clock=clock)
    content = body([ANA, BO])
    for _ in range(3):
        log.take("churn", ASKED, content, 0.001)
        clock.now += 1_800
    assert files_of(files.folder.parent) == []
    log.flush()
    assert (told.written, told.dropped) == (3, 0)
    hours = [row["answered_at"].hour for row in rows_of(files.folder)]
    assert hours == [12, 12, 12, 12, 13, 13]
    assert {name.split("/")[0] for name in files_of(files.folder)} == {"hour=2018-01-01T12", "hour=2018-01-01T13"}
    log.flush()
    assert len(files_of(files.folder)) == 2


def test_calls_are_dropped_and_counted_when_more_come_than_can_be_written(files: HourlyFiles) -> None:
    told = Told()
    log = PredictionLog(files, told=told, clock=Clock(), queue_bytes=10_000)
    content = body([ANA] * 10)
    for _ in range(100):
        log.take("churn", ASKED, content, 0.001)
    assert 80 < told.dropped < 100
    log.flush()
    assert told.written + told.dropped == 100
    assert len(rows_of(files.folder)) == 10 * told.written
    # there is room again
    dropped = told.dropped
    log.take("churn", ASKED, content, 0.001)
    assert told.dropped == dropped


def test_calls_go_on_and_memory_is_bounded_when_the_disk_hangs(tmp_path: Path) -> None:
    told = Told()
    files = HungDisk(tmp_path, max_bytes=10**9)
    log = PredictionLog(files, told=told, queue_bytes=100_000)
    content = body([ANA] * 10)
    log.start()
    # half of the room wakes the thread up
    while not files.entered.wait(0.001):
        log.take("churn", ASKED, content, 0.001)
    for _ in range(1_000):
        log.take("churn", ASKED, content, 0.001)
    assert told.dropped > 800
    assert sum(len(each.content) for each in log._queue) < 100_000
    files.let_go.set()
    log.close()
    assert told.written > 0
    assert len(rows_of(tmp_path)) == 10 * told.written


def test_calls_are_dropped_counted_and_complained_of_once_a_minute_when_the_disk_is_full(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told, clock = Told(), Clock()
    log = PredictionLog(FullDisk(tmp_path, max_bytes=10**9), told=told, clock=clock, queue_bytes=10_000)
    with caplog.at_level(logging.ERROR, "bentoml.foresell"):
        for _ in range(100):
            log.take("churn", ASKED, body([ANA]), 0.001)
            log.flush()
            clock.now += 1
    # the room of what was dropped is free again
    assert (told.written, told.dropped) == (0, 100)
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert messages[0] == (
        f"the prediction log at {tmp_path} cannot be written (No space left on device): 1 calls were dropped, answers "
        "go on; check the space on the disk and who may write there"
    )


def test_an_answer_that_cannot_be_read_costs_its_own_file_alone(
    files: HourlyFiles, caplog: pytest.LogCaptureFixture
) -> None:
    told, clock = Told(), Clock()
    log = PredictionLog(files, told=told, clock=clock)
    log.take("churn", ASKED, b"{}", 0.001)
    clock.now += 3_600
    log.take("churn", ASKED, body([ANA]), 0.001)
    log.flush()
    assert (told.written, told.dropped) == (1, 1)
    assert "1 calls could not be logged" in caplog.text


def test_what_waits_is_written_at_the_end(files: HourlyFiles) -> None:
    told = Told()
    log = PredictionLog(files, told=told)
    log.start()
    log.take("churn", ASKED, body([ANA]), 0.001)
    log.close()
    assert told.written == 1
    assert [row["customer_id"] for row in rows_of(files.folder)] == ["ana"]


@pytest.mark.parametrize("seconds", [60, 3_600, -86_400])
def test_a_file_is_due_after_a_minute_or_with_the_hour_whatever_the_clock_does(
    files: HourlyFiles, seconds: float
) -> None:
    clock = Clock()
    log = PredictionLog(files, clock=clock)
    assert not log._is_due()
    log.take("churn", ASKED, body([ANA]), 0.001)
    assert not log._is_due()
    clock.now += seconds
    assert log._is_due()


def test_a_number_of_the_environment_holds_only_where_it_is_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(MAX_MB_ENV, "0")
    assert number_of(MAX_MB_ENV, 1_024, least=1, unit="megabytes") == 1_024
    assert "FORESELL_PREDICTION_LOG_MAX_MB = '0' is not a number of megabytes, 1 or more: 1024 is used" in caplog.text


# -- the service


def test_the_configuration_says_where_and_the_environment_where_it_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked_for(**service: Any) -> dict[str, str]:
        return _asked_for(
            Settings(
                workspace=tmp_path,
                source=SourceSettings(builtin="complete-journey"),
                service=ServiceSettings.model_validate(service),
            )
        )

    monkeypatch.delenv(LOG_ENV, raising=False)
    assert asked_for() == {}
    assert asked_for(prediction_log="log", prediction_log_max_mb=5, stale_after_hours={"churn": 48}) == {
        LOG_ENV: str(tmp_path / "log"),
        MAX_MB_ENV: "5",
        STALE_ENV: '{"churn":48.0}',
    }
    # from where the command is called: the service runs elsewhere
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(LOG_ENV, "elsewhere")
    assert asked_for() == {LOG_ENV: str(tmp_path / "elsewhere")}
    assert asked_for(prediction_log="log")[LOG_ENV] == str(tmp_path / "log")


def test_the_service_logs_what_it_answers(
    published: Releases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_client: Callable[[Path], TestClient]
) -> None:
    monkeypatch.setenv(LOG_ENV, str(tmp_path / "log"))
    known = customer_ids(60)
    asked: dict[str, dict[str, Any]] = {
        "churn": {"customers": [known[1], "nobody"], "reasons": 1},
        "repurchase": {"customers": [known[0], {"customer_id": "new", "as_of": "2018-01-01"}], "horizons": [30]},
        "next-best-product": {"customers": [known[0]], "k": 3},
        "lookalike": {"seeds": known, "size": 5},
    }
    answers = {}
    with open_client(published.folder) as client:
        before = client.get("/metrics").text
        for name, content in asked.items():
            answer = client.post(f"/v1/{name}", json=content, headers={"x-request-id": f"call-{name}"})
            assert answer.status_code == 200
            answers[name] = answer.json()
        assert client.post("/v1/churn", json={"customers": []}).status_code == 422
    with open_client(published.folder) as client:
        after = client.get("/metrics").text
    written = "foresell_prediction_log_written_total"
    assert figure(after, written) - figure(before, written) == len(asked)
    rows = rows_of(tmp_path / "log")
    for name, said in answers.items():
        logged = [row for row in rows if row["prediction"] == name]
        assert [orjson.loads(row["answer"]) for row in logged] == said.get("answers", said.get("audience"))
        assert {row["request_id"] for row in logged} == {f"call-{name}"}
        assert {row["release"] for row in logged} == {"r000001"}
        assert all(row["seconds"] > 0 for row in logged)
    assert len(rows) == 2 + 2 + 1 + 5
    churn, repurchase = ([row for row in rows if row["prediction"] == name] for name in ("churn", "repurchase"))
    assert [row["status"] for row in churn] == ["ok", "unknown_customer"]
    assert churn[0]["score"] == answers["churn"]["answers"][0]["probability"]
    assert {row["asked"] for row in churn} == {'{"reasons":1}'}
    assert [row["history_sent"] for row in repurchase] == [False, True]
    assert repurchase[0]["score"] == answers["repurchase"]["answers"][0]["probabilities"]["30"]
