import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from models.errors import ReleaseMissingError
from models.parts import replace_file, seal
from models.prediction import Served
from models.release import Releases
from service.current import Current, Refusal
from service.demonstration import free_port
from service.errors import ReleaseUnusableError
from service.probe import probe
from service.release import open_release
from service.serve import running
from service.watch import AGAIN_SECONDS, PATIENCE_SECONDS, Watch
from tests.service.releases import customer_ids, point_at, publish
from tests.service.test_release import flip

MANY = 40


@pytest.fixture
def publish_next(releases: Releases, tmp_path: Path) -> Callable[[str], None]:
    """Return a function that publishes a release over fewer customers."""

    def publish_one(name: str) -> None:
        scratch = tmp_path / f"scratch-{name}"
        scratch.mkdir()
        publish(releases.folder, scratch, count=100, name=name)

    return publish_one


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def nobody_refuses(releases: Releases, name: str) -> Refusal | None:
    return None


def watch(releases: Releases, check: Any = nobody_refuses, clock: Any = None) -> Watch:
    return Watch(Current(open_release(releases.folder)), releases, check=check, clock=clock or Clock())


def features_of(releases: Releases) -> Path:
    """Return the features of the current store."""
    return releases.part(releases.current().store) / "features.npy"


def test_the_next_call_is_answered_from_the_release_that_became_current(
    releases: Releases, publish_next: Callable[[str], None]
) -> None:
    watching = watch(releases)
    before = watching.current.served("churn")
    publish_next("r000002")
    watching.look()
    after = watching.current.served("churn")
    assert (before.release, after.release) == ("r000001", "r000002")
    assert (len(before.store), len(after.store)) == (200, 100)
    # whoever began before ends with what it began with
    assert before.store.rows_of([customer_ids()[150]]).tolist() == [150]


def test_nothing_is_opened_when_the_release_is_the_open_one(releases: Releases) -> None:
    def asked(*_: object) -> Refusal | None:
        raise AssertionError("nothing is new")

    watching = watch(releases, asked)
    opened = watching.current.release
    watching.look()
    replace_file(releases.pointer, releases.pointer.read_bytes().strip() + b"\n\n")
    watching.look()
    assert watching.current.release is opened
    assert watching.current.refused == 0


def test_a_broken_release_is_refused_and_named_and_the_old_one_serves_on(
    releases: Releases, publish_next: Callable[[str], None]
) -> None:
    watching = watch(releases, probe)
    old = releases.pointer.read_bytes()
    publish_next("r000002")
    flip(features_of(releases))
    watching.look()
    assert watching.current.served("churn").release == "r000001"
    refusal = watching.current.refusal
    assert refusal is not None
    assert (refusal.release, refusal.code, watching.current.refused) == ("r000002", "corrupt_part", 1)
    assert "features.npy has sha256" in refusal.message
    # a rollback
    replace_file(releases.pointer, old)
    watching.look()
    assert watching.current.refusal is None
    assert watching.current.served("churn").release == "r000001"


def test_a_refused_release_is_tried_again_when_a_minute_has_passed(
    releases: Releases, publish_next: Callable[[str], None]
) -> None:
    clock = Clock()
    watching = watch(releases, clock=clock)
    publish_next("r000002")
    path = features_of(releases)
    flip(path)
    broken = path.read_bytes()
    watching.look()
    assert watching.current.refused == 1
    flip(path)
    assert path.read_bytes() != broken
    watching.look()
    assert watching.current.served("churn").release == "r000001"
    clock.seconds = AGAIN_SECONDS
    watching.look()
    assert watching.current.served("churn").release == "r000002"
    assert watching.current.refusal is None


def test_a_service_without_a_release_opens_the_first_one(releases: Releases) -> None:
    current = Current(ReleaseMissingError("no release"))
    pointer = releases.pointer.read_bytes()
    releases.pointer.unlink()
    watching = Watch(current, releases, check=nobody_refuses, clock=Clock())
    watching.look()
    assert not current.is_open
    replace_file(releases.pointer, pointer)
    watching.look()
    assert current.served("churn").release == "r000001"


def test_a_third_release_waits_until_no_call_uses_the_first(
    releases: Releases, publish_next: Callable[[str], None]
) -> None:
    watching = watch(releases)
    in_flight: list[Served] = [watching.current.served("churn")]
    publish_next("r000002")
    watching.look()
    manifest = releases.current()
    point_at(releases, manifest.store, dict(manifest.predictions), "r000003")
    watching.look()
    assert watching.current.served("churn").release == "r000002"
    in_flight.clear()
    watching.look()
    assert watching.current.served("churn").release == "r000003"


def test_a_call_that_never_ends_does_not_hold_up_releases_for_ever(
    releases: Releases, publish_next: Callable[[str], None]
) -> None:
    clock = Clock()
    watching = watch(releases, clock=clock)
    stuck = watching.current.served("churn")
    publish_next("r000002")
    watching.look()
    manifest = releases.current()
    point_at(releases, manifest.store, dict(manifest.predictions), "r000003")
    clock.seconds = PATIENCE_SECONDS - 1
    watching.look()
    assert watching.current.served("churn").release == "r000002"
    clock.seconds = PATIENCE_SECONDS
    watching.look()
    assert watching.current.served("churn").release == "r000003"
    assert stuck.release == "r000001"


def test_a_release_that_is_refused_is_named_where_none_is_open(releases: Releases) -> None:
    current = Current(ReleaseMissingError("no release"))
    watching = Watch(current, releases, clock=Clock())
    flip(features_of(releases))
    watching.look()
    with pytest.raises(ReleaseUnusableError, match=r"release r000001 is refused: .*features\.npy has sha256"):
        current.served("churn")


def test_a_check_that_hung_is_not_made_again_at_once(releases: Releases, publish_next: Callable[[str], None]) -> None:
    clock, checks = Clock(), []

    def hang(_: Releases, name: str) -> Refusal:
        checks.append(name)
        clock.seconds += 2 * AGAIN_SECONDS
        return Refusal(release=name, code="release_unusable", message="it did not open")

    watching = watch(releases, hang, clock=clock)
    publish_next("r000002")
    watching.look()
    watching.look()
    assert checks == ["r000002"]


def test_what_is_open_serves_on_when_the_folder_is_gone(releases: Releases) -> None:
    watching = watch(releases)
    shutil.rmtree(releases.folder)
    watching.look()
    assert watching.current.served("churn").release == "r000001"
    assert watching.current.refusal is None


def test_an_error_that_nobody_foresaw_refuses_the_release(
    releases: Releases, publish_next: Callable[[str], None]
) -> None:
    def broken(*_: object) -> Refusal | None:
        raise RuntimeError("secret")

    watching = watch(releases, broken)
    publish_next("r000002")
    watching.look()
    refusal = watching.current.refusal
    assert refusal is not None
    assert refusal.code == "release_unusable"
    assert "secret" not in refusal.message


def test_a_release_that_hangs_is_refused(releases: Releases) -> None:
    refusal = probe(releases, "r000001", seconds=0.01)
    assert refusal is not None
    assert "did not open within 0 s" in refusal.message


def test_a_release_that_kills_its_parser_is_refused(releases: Releases, tmp_path: Path) -> None:
    published = publish(tmp_path / "ours", tmp_path, method=0)
    assert probe(published, "r000001") is None
    manifest = published.current()
    churn = manifest.predictions["churn"]
    draft = tmp_path / "deadly"
    shutil.copytree(published.part(churn.artifact), draft)
    model = next(draft.rglob("trees_booster_00.txt"))
    # sealed anew: the hash is right, and the bytes are not
    model.write_text(model.read_text().replace("split_feature=", "split_feature=99999999 ", 1))
    (draft / "manifest.json").unlink()
    digest = seal(draft)
    draft.rename(published.part(digest))
    served = dict(manifest.predictions) | {"churn": churn.model_copy(update={"artifact": digest})}
    point_at(published, manifest.store, served, "r000002")
    refusal = probe(published, "r000002")
    assert refusal is not None
    assert refusal.release == "r000002"


def figure(text: str, name: str) -> float:
    return float(next(line.split()[-1] for line in text.splitlines() if line.startswith(f"{name} ")))


def test_metrics_tell_which_release_answers_since_when_and_what_was_refused(
    releases: Releases, publish_next: Callable[[str], None], open_client: Callable[[Path], TestClient]
) -> None:
    with open_client(releases.folder) as client:
        text = client.get("/metrics").text
        assert figure(text, 'foresell_release{release="r000001"}') == 1
        assert figure(text, "foresell_release_published_timestamp_seconds") == 1514782800
        assert figure(text, "foresell_store_as_of_timestamp_seconds") == 1514764800
        before = figure(text, "foresell_releases_refused_total")
        publish_next("r000002")
        flip(features_of(releases))
        eventually(lambda: client.get("/v1/models").json()["refused"])
        refused = client.get("/v1/models").json()["refused"]
        assert (refused["release"], refused["code"]) == ("r000002", "corrupt_part")
        eventually(lambda: figure(client.get("/metrics").text, "foresell_releases_refused_total") == before + 1)
        assert client.post("/v1/churn", json={"customers": ["c000001"]}).json()["release"] == "r000001"


@pytest.mark.slow
def test_releases_change_under_load_without_a_failed_call(
    releases: Releases, publish_next: Callable[[str], None], tmp_path: Path
) -> None:
    first = releases.pointer.read_bytes()
    publish_next("r000002")
    second = releases.pointer.read_bytes()
    expected = {each: _scores(releases, each) for each in (first, second)}
    replace_file(releases.pointer, first)
    by_name = {each.split()[0].decode(): scores for each, scores in expected.items()}
    found: list[tuple[str, list[float]]] = []
    failed: list[str] = []
    ended = threading.Event()

    def call(url: str) -> None:
        with httpx.Client(timeout=10) as client:
            while not ended.is_set():
                answer = client.post(f"{url}/v1/churn", json={"customers": customer_ids(MANY)})
                if answer.status_code != 200:
                    failed.append(answer.text)
                    return
                body = answer.json()
                found.append((body["release"], [each["probability"] for each in body["answers"]]))

    with running(releases.folder, free_port(), home=tmp_path / "bentos") as url:
        callers = [threading.Thread(target=call, args=(url,), daemon=True) for _ in range(8)]
        for caller in callers:
            caller.start()
        for pointer in (second, first, second):
            replace_file(releases.pointer, pointer)
            _wait_for(url, pointer.split()[0].decode())
        ended.set()
        for caller in callers:
            caller.join()
    assert failed == []
    assert {name for name, _ in found} == {"r000001", "r000002"}
    assert all(scores == by_name[name] for name, scores in found)


def _scores(releases: Releases, pointer: bytes) -> list[float]:
    replace_file(releases.pointer, pointer)
    served = open_release(releases.folder).of("churn")
    request = served.prediction.request.model_validate({"customers": customer_ids(MANY)})
    return [each["probability"] for each in served.prediction.answer(served, request).model_dump()["answers"]]


def _wait_for(url: str, name: str) -> None:
    eventually(lambda: httpx.get(f"{url}/v1/models", timeout=10).json()["release"] == name)


def eventually(holds: Callable[[], object]) -> None:
    for _ in range(600):
        if holds():
            return
        threading.Event().wait(0.1)
    pytest.fail("it did not come true within a minute")
