"""Row 17 of what is promised: a clock that is wrong changes no figure, and durations are none of its business."""

import ast
import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import time_machine
from starlette.testclient import TestClient

from models.churn import Churn
from models.parts import replace_file
from models.release import Releases
from models.settings import load_settings
from service.current import Current, Refusal
from service.endpoints import CHUNK
from service.pool import Pool
from service.release import open_release
from service.watch import AGAIN_SECONDS, Watch
from tests.commands import Command
from tests.processes import CHECKOUT
from tests.service.releases import customer_ids
from tests.shop import DAYS, FIRST_DAY, open_shop
from training.registry import CHAMPION, DIGEST_TAG
from training.tracking import Tracker

ONE_DAY, TWO_DAYS = timedelta(days=1), timedelta(days=2)
LEAP_DAY = datetime(2028, 2, 29, 23, 59, 50, tzinfo=UTC)
# a second before the clocks of Central Europe go forward, and before they go back
SPRING, AUTUMN = datetime(2027, 3, 28, 0, 59, 59, tzinfo=UTC), datetime(2027, 10, 31, 0, 59, 59, tzinfo=UTC)
READS = frozenset({"now", "today", "utcnow", "time", "time_ns", "localtime", "gmtime", "ctime", "asctime"})
OF_CLOCKS = frozenset({"datetime", "date", "time", "Timestamp", "ibis", "pd", "dt"})
MAY_READ = {
    "foresell.py": "the command line: what it reads is handed down",
}
HANDED = {
    "service/freshness.py": "the age of a store, for the label and its limit; the clock is a parameter",
    "service/prediction_log.py": "the hour of an entry; the clock is a parameter",
}


def clock_reads(path: Path) -> list[int]:
    """Return the lines in which a module reads the wall clock."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in READS:
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if owner in OF_CLOCKS:
                found.append(node.lineno)
        if isinstance(node, ast.ImportFrom) and node.module == "time" and {name.name for name in node.names} & READS:
            found.append(node.lineno)
    return found


def test_the_wall_clock_is_read_at_the_command_line_alone() -> None:
    modules = [CHECKOUT / "foresell.py", *(path for name in ("models", "training", "service")
               for path in (CHECKOUT / name).rglob("*.py"))]  # fmt: skip
    found = {path.relative_to(CHECKOUT).as_posix() for path in modules if clock_reads(path)}
    assert len(modules) > 100
    assert "foresell.py" in found
    assert found <= MAY_READ.keys() | HANDED.keys()


def test_a_read_of_the_clock_is_found_however_it_is_written(tmp_path: Path) -> None:
    for code in (
        "import datetime\ndatetime.datetime.now()", "from datetime import date\nx = date.today",
        "import time\ntime.time()", "from time import time_ns", "import pandas as pd\npd.Timestamp.now()",
        "import ibis\nibis.now()",
    ):  # fmt: skip
        (tmp_path / "module.py").write_text(code)
        assert clock_reads(tmp_path / "module.py"), code
    (tmp_path / "module.py").write_text("import time\ntime.monotonic()\nself.now\nh.now.max()")
    assert clock_reads(tmp_path / "module.py") == []


@pytest.mark.slow
def test_lines_of_the_future_are_rejected_by_name_and_day(command: Command, tmp_path: Path) -> None:
    shop = open_shop(tmp_path, customers=100)
    last = datetime.combine(FIRST_DAY + timedelta(DAYS - 1), clock_time(12), UTC)
    with time_machine.travel(last - TWO_DAYS, tick=True):
        assert command("check", "--workspace", shop).code == 0
    settings = load_settings(shop)
    rejected = pq.read_table(settings.quarantine / "order_lines.parquet").to_pylist()
    assert {row["rule"] for row in rejected} == {"ordered_at_out_of_range"}
    assert {row["ordered_at"][:10] for row in rejected} == {
        f"{(last - days).date()}" for days in (ONE_DAY, 0 * ONE_DAY)
    }
    kept = pq.read_table(settings.tables / "order_lines.parquet")["order_day"].to_pylist()
    assert max(kept) == (last - TWO_DAYS).date()
    # by far too many: nobody may train on a shop whose clock, or ours, is wrong
    with time_machine.travel(last - 60 * ONE_DAY, tick=True):
        said = command("check", "--workspace", shop)
    assert said.code == 2
    assert "broke a rule (ordered_at_out_of_range" in said.err
    # and none where it is right again
    with time_machine.travel(last + TWO_DAYS, tick=True):
        assert command("check", "--workspace", shop).code == 0
    assert pq.read_table(settings.tables / "order_lines.parquet").num_rows == len(kept) + len(rejected)


def made_by(shop: Path) -> dict[str, Any]:
    """Return digests and figures of what a shop serves: whatever is not a name or the day of a run."""
    releases = Releases(shop / "releases")
    release = open_release(releases.folder)
    served = release.of("churn")
    everybody = release.store.ids_at(np.arange(len(release.store)))
    request = served.prediction.request.model_validate({"customers": everybody, "reasons": 1})
    told = served.prediction.reply(served, request)["answers"]
    model = release.manifest.predictions["churn"]
    evidence = {name: value for name, value in model.evidence.items() if name in ("method", "metrics", "rivals")}
    return {
        "store": release.manifest.store,
        "as_of": release.manifest.as_of,
        "artifact": model.artifact,
        "registered": Tracker(load_settings(shop)).require_alias("churn", CHAMPION).tags[DIGEST_TAG],
        "prepared": model.prepared,
        "cut_points": model.cut_points,
        "evidence": json.dumps(evidence, sort_keys=True),
        "answers": hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest(),
    }


@pytest.mark.slow
def test_the_whole_path_gives_the_same_bytes_whatever_the_clock_says(command: Command, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    clocks = {
        "right": (now, now, now),
        "on a leap day": (LEAP_DAY, LEAP_DAY, LEAP_DAY),
        "as it goes back": (now + TWO_DAYS, now, now - TWO_DAYS),
        "as clocks change": (SPRING, AUTUMN, SPRING),
    }
    words = (("train", "churn"), ("promote", "churn"), ("publish",))
    made = {}
    for name, instants in clocks.items():
        shop = open_shop(tmp_path / name)
        for instant, each in zip(instants, words, strict=True):
            with time_machine.travel(instant, tick=True):
                # the injector did inject
                assert abs(datetime.now(UTC) - instant) < timedelta(hours=1)
                said = command(*each, "--workspace", shop)
            assert said.code == 0, (name, each, said.err)
        made[name] = made_by(shop)
        published = open_release(shop / "releases").manifest.published_at
        assert abs(published - instants[-1]) < timedelta(hours=1)
    for name, each in made.items():
        assert each == made["right"], name


@pytest.mark.parametrize("instant", [LEAP_DAY, SPRING, AUTUMN, datetime(1970, 1, 1, tzinfo=UTC)])
def test_answers_are_the_same_whatever_the_clock_says(sound_client: TestClient, instant: datetime) -> None:
    body = {"customers": [*customer_ids(5), {"customer_id": "new", "as_of": "2017-12-21", "order_lines": [
        {"ordered_at": "2017-12-20T10:00:00", "product_id": "1", "amount": 3.5}]}]}  # fmt: skip
    paths = ("/v1/churn", "/v1/repurchase", "/v1/next-best-product")
    right = [sound_client.post(path, json=body).content for path in paths]
    with time_machine.travel(instant, tick=True):
        assert [sound_client.post(path, json=body).content for path in paths] == right


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[datetime]]:
    """Move the clock by two days, back and forth, at each look at customers; returns what it said."""
    answer, said = Churn.reply, []

    with time_machine.travel(datetime.now(UTC), tick=True) as clock:

        def moving(self: Churn, served: Any, request: Any) -> Any:
            clock.shift(TWO_DAYS if len(said) % 2 else -2 * TWO_DAYS)
            said.append(datetime.now(UTC))
            return answer(self, served, request)

        monkeypatch.setattr(Churn, "reply", moving)
        yield said


def test_a_call_is_answered_in_its_time_when_the_clock_jumps_amid_it(
    sound_client: TestClient, moves: list[datetime]
) -> None:
    answer = sound_client.post("/v1/churn", json={"customers": ["c000001"] * 4 * CHUNK})
    assert answer.status_code == 200, answer.text
    # the injector did inject, back and forth
    assert len(moves) == 4
    assert moves[1] > moves[0] > moves[2]


def test_deadlines_watches_and_pools_go_by_a_clock_that_nobody_sets(sound: Releases, tmp_path: Path) -> None:
    releases = Releases(Path(shutil.copytree(sound.folder, tmp_path / "releases")))
    refused: list[str] = []

    def refuse(_: Releases, name: str) -> Refusal:
        refused.append(name)
        return Refusal(release=name, code="corrupt_part", message="broken")

    watching = Watch(Current(open_release(releases.folder)), releases, check=refuse)
    content = releases.manifest_path("r000001").read_bytes().replace(b'"r000001"', b'"r000002"')
    releases.manifest_path("r000002").write_bytes(content)
    replace_file(releases.pointer, f"r000002 {hashlib.sha256(content).hexdigest()}\n".encode())
    pool = Pool(workers=1)
    with time_machine.travel(datetime.now(UTC), tick=True) as clock:
        before, monotonic = time.time(), time.monotonic()
        watching.look()
        for move in (TWO_DAYS, -2 * TWO_DAYS, TWO_DAYS):
            clock.shift(move)
            watching.look()
            assert not pool.is_stuck
        clock.shift(-TWO_DAYS)
        assert time.time() < before
        assert time.monotonic() - monotonic < AGAIN_SECONDS
    # it was not tried again as if two days had passed
    assert refused == ["r000002"]
    pool.close()
