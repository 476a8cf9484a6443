import json
import os
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from models import columns as col
from models.errors import ConcurrentChangeError, InvalidRequestError
from models.release import Releases
from models.settings import PrivacySettings, Settings
from models.store import UNKNOWN, open_store
from service.release import open_release
from tests.commands import Command
from tests.shop import open_shop
from training.forget import Forgotten, forget
from training.forgotten import Register, register_path
from training.ingest import ensure_tables, ingest, load_report
from training.intake_report import IntakeReport
from training.pseudonyms import pseudonym
from training.swap import workshop

TODAY = date(2024, 6, 30)
KEY = b"a key of thirty-two bytes or so!"
LINES = """customer_id,ordered_at,product_id,amount
007,2024-06-01,p1,1
007,2024-06-01,p1,1
7,2024-06-02,p1,2
card,2024-06-03,p2,3
member,2024-06-10,p2,4
member,free,p2,5
007,2099-01-01,p2,5
7,2024-06-05,p3,5
other,2024-06-05,p3,5
"""
IDENTITIES = """source_id,customer_id
card,account
account,member
phone,member
solo,7
a,x
a,y
"""


@pytest.fixture(autouse=True)
def _bentos_in_the_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENTOML_HOME", raising=False)  # which tests of the service set for good


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    return workspace(tmp_path)


def workspace(folder: Path, **sections: Any) -> Settings:
    (folder / "lines.csv").write_text(LINES)
    (folder / "identities.csv").write_text(IDENTITIES)
    return Settings(
        workspace=folder,
        source={"order_lines": {"path": "lines.csv"}, "identities": {"path": "identities.csv"}},
        intake={"max_rejected_share": 0.9},
        **sections,
    )


def forgotten(config: Settings, *ids: str, anyway: bool = False) -> Forgotten:
    return forget(config, ids, bentos=config.workspace / "bentos", anyway=anyway)


def ids_left(config: Settings) -> set[str]:
    left: set[str] = set()
    for path in [*config.tables.glob("*.parquet"), *config.quarantine.glob("*.parquet")]:
        table = pq.read_table(path)
        for name in {col.CUSTOMER_ID, col.SOURCE_ID} & set(table.column_names):
            left |= set(table[name].to_pylist())
    return left - {None}


def counts(report: IntakeReport) -> dict[str, Any]:
    return report.model_dump(include={"tables", "fingerprint", "joined_ids", "joined_people"})


def test_a_person_is_gone_from_tables_and_quarantine_with_every_id_that_is_joined(config: Settings) -> None:
    ingest(config, today=TODAY)
    assert {"member", "card"} <= ids_left(config)
    done = forgotten(config, "card")
    assert done.ids == ("account", "card", "member", "phone")
    assert done.removed == {
        "tables/order_lines.parquet": 2,
        "tables/identities.parquet": 3,
        "quarantine/order_lines.parquet": 1,
    }
    assert not ids_left(config) & set(done.ids)
    assert {"007", "7", "other"} <= ids_left(config)


def test_an_id_is_another_one_when_it_is_written_otherwise(config: Settings) -> None:
    ingest(config, today=TODAY)
    done = forgotten(config, "007")
    assert done.ids == ("007",)
    assert done.removed == {"tables/order_lines.parquet": 2, "quarantine/order_lines.parquet": 1}
    assert "7" in ids_left(config)


def test_the_report_stays_true(config: Settings) -> None:
    before = ingest(config, today=TODAY).tables[col.ORDER_LINES]
    forgotten(config, "007")
    after = load_report(config).tables[col.ORDER_LINES]
    assert (before.kept, before.forgotten, before.duplicates) == (7, 0, 1)
    assert (after.kept, after.forgotten, after.duplicates) == (5, 3, 0)
    assert after.rejected == {"unreadable_ordered_at": 1}
    assert (after.first_day, after.last_day) == (date(2024, 6, 2), date(2024, 6, 10))
    assert after.read == before.read == after.kept + after.rejected_rows + after.set_aside_rows + after.forgotten
    assert after.bytes == (config.tables / "order_lines.parquet").stat().st_size


@pytest.mark.parametrize("ids", [("007",), ("card",), ("solo", "other"), ("a",)])
def test_the_next_intake_finds_the_same_when_the_source_is_unchanged(config: Settings, ids: tuple[str, ...]) -> None:
    ingest(config, today=TODAY)
    forgotten(config, *ids)
    now = load_report(config)
    again = ensure_tables(config, today=TODAY)
    assert again.key != now.key
    assert counts(again) == counts(now)
    assert not ids_left(config) & set(ids)


def test_nobody_comes_back_when_the_source_grows(config: Settings) -> None:
    ingest(config, today=TODAY)
    forgotten(config, "card")
    with (config.workspace / "lines.csv").open("a") as file:
        file.write("phone,2024-06-20,p1,1\nmember,2024-06-21,p1,1\nnew,2024-06-21,p1,1\n")
    with (config.workspace / "identities.csv").open("a") as file:
        file.write("new,member\n")
    ensure_tables(config, today=TODAY)
    assert not ids_left(config) & {"card", "account", "member", "phone", "new"}


def test_nothing_is_changed_when_an_id_is_unknown(config: Settings) -> None:
    before = ingest(config, today=TODAY)
    with pytest.raises(InvalidRequestError, match=r"\Anobody, 07: in none of the tables and nowhere in the quarantine"):
        forgotten(config, "nobody", "7", "07")
    assert load_report(config) == before
    assert not register_path(config).exists()


def test_an_unknown_id_stays_out_of_later_intakes_when_that_is_asked(config: Settings) -> None:
    ingest(config, today=TODAY)
    assert forgotten(config, "late", anyway=True).removed == {}
    with (config.workspace / "lines.csv").open("a") as file:
        file.write("late,2024-06-20,p1,1\n")
    assert ensure_tables(config, today=TODAY).tables[col.ORDER_LINES].forgotten == 1
    assert "late" not in ids_left(config)


def test_nothing_more_is_removed_when_somebody_is_forgotten_twice(config: Settings) -> None:
    ingest(config, today=TODAY)
    forgotten(config, "007")
    before = Register.load(register_path(config))
    assert forgotten(config, "007").removed == {}
    assert Register.load(register_path(config)) == before


@pytest.mark.parametrize(
    ("given", "message"),
    [(" ", "an id is blank: nobody has that id"), ("7\udcff", r"id '7\\udcff' is no Unicode text")],
)
def test_an_id_is_refused_when_nobody_can_have_it(config: Settings, given: str, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        forgotten(config, given)


def test_forgetting_is_refused_when_an_intake_is_at_work(config: Settings) -> None:
    with workshop(config.tables.parent, ()), pytest.raises(ConcurrentChangeError, match="another intake is at work"):
        forgotten(config, "7", anyway=True)


def test_somebody_is_registered_when_there_are_no_tables_yet(config: Settings) -> None:
    with pytest.raises(InvalidRequestError, match="7: in none of the tables"):
        forgotten(config, "7")
    assert forgotten(config, "7", anyway=True).removed == {}
    assert ingest(config, today=TODAY).tables[col.ORDER_LINES].forgotten == 2


def test_lines_that_are_no_row_go_when_they_mention_the_id(config: Settings) -> None:
    ingest(config, today=TODAY)
    malformed = config.quarantine / "malformed_order_lines.parquet"
    texts = ['"007",2024-06-01,p1', "7,2024-06-01,p1", None]
    columns = {"rule": ["malformed_line"] * 3, "file": ["lines.csv"] * 3, "line": [4, 5, 6], "text": texts}
    pq.write_table(pa.table(columns), malformed)
    assert forgotten(config, "007").removed["quarantine/malformed_order_lines.parquet"] == 1
    assert pq.read_table(malformed)["text"].to_pylist() == texts[1:]


def test_pages_with_examples_are_removed(config: Settings) -> None:
    ingest(config, today=TODAY)
    (config.tables.parent / "check.html").write_text("for example 007")
    assert forgotten(config, "007").pages == ("check.html",)
    assert not (config.tables.parent / "check.html").exists()


def test_an_id_is_known_when_a_line_that_is_no_row_mentions_it(config: Settings) -> None:
    ingest(config, today=TODAY)
    columns = {"rule": ["malformed_line"], "file": ["lines.csv"], "line": [4], "text": ["cut,2024"]}
    pq.write_table(pa.table(columns), config.quarantine / "malformed_order_lines.parquet")
    assert forgotten(config, "cut").removed == {"quarantine/malformed_order_lines.parquet": 1}


@pytest.mark.parametrize("survives", range(6), ids=str)
def test_a_killed_run_leaves_the_old_tables_or_the_new_ones_and_the_next_finishes(
    config: Settings, monkeypatch: pytest.MonkeyPatch, survives: int
) -> None:
    before = ingest(config, today=TODAY)
    replace, left = os.replace, [survives]

    def replace_or_die(source: Path, target: Path) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace_or_die)
        try:
            forgotten(config, "card")
            assert survives == 5
        except KeyboardInterrupt:
            pass
    with workshop(config.tables.parent, (config.tables, config.quarantine)):
        kept = pq.read_table(config.tables / "order_lines.parquet")[col.CUSTOMER_ID].to_pylist()
        assert ("member" in kept) == (load_report(config) == before)
    forgotten(config, "card")
    assert not ids_left(config) & {"card", "account", "member", "phone"}
    assert Register.load(register_path(config)).has("account")


@pytest.fixture
def hashed_config(tmp_path: Path) -> Settings:
    return workspace(tmp_path, privacy=PrivacySettings(hash_ids=True, key=KEY.decode()))


@pytest.mark.parametrize("asked", ["card", pseudonym("member", KEY)])
def test_a_person_is_gone_when_ids_are_hashed(hashed_config: Settings, asked: str) -> None:
    ingest(hashed_config, today=TODAY)
    theirs = {pseudonym(each, KEY) for each in ("card", "account", "member", "phone")}
    assert ids_left(hashed_config) & theirs
    assert theirs <= set(forgotten(hashed_config, asked).ids)
    assert not ids_left(hashed_config) & theirs
    ensure_tables(hashed_config, today=TODAY)
    assert not ids_left(hashed_config) & theirs
    assert pseudonym("7", KEY) in ids_left(hashed_config)


def test_a_person_is_known_when_the_pseudonym_was_forgotten_before(hashed_config: Settings) -> None:
    ingest(hashed_config, today=TODAY)
    theirs = sorted(pseudonym(each, KEY) for each in ("card", "account", "member", "phone"))
    assert forgotten(hashed_config, pseudonym("member", KEY)).ids == tuple(theirs)
    assert forgotten(hashed_config, "card").ids == ("card",)
    with pytest.raises(InvalidRequestError, match="nobody: in none of the tables"):
        forgotten(hashed_config, "nobody")


FLOATS = """customer_id,ordered_at,product_id,amount
12583.0,2024-06-01,p1,1
12583.0,2024-06-02,p1
77.0,2024-06-02,p1
77.0,2024-06-03,p1,2
12583.0,free,p1,2
"""


def float_workspace(folder: Path, **sections: Any) -> Settings:
    (folder / "lines.csv").write_text(FLOATS)
    return Settings(
        workspace=folder,
        source={"order_lines": {"path": "lines.csv", "float_ids": ["customer_id"]}},
        intake={"max_rejected_share": 0.9},
        **sections,
    )


@pytest.mark.parametrize(
    ("asked", "ids"), [("12583", ("12583",)), ("12583.0", ("12583", "12583.0")), ("12583.00", ("12583", "12583.00"))]
)
def test_a_person_is_gone_when_ids_went_through_floats(tmp_path: Path, asked: str, ids: tuple[str, ...]) -> None:
    config = float_workspace(tmp_path)
    ingest(config, today=TODAY)
    malformed = config.quarantine / "malformed_order_lines.parquet"
    assert pq.read_table(malformed).num_rows == 2
    done = forgotten(config, asked)
    assert set(ids) <= set(done.ids) <= {*ids, "12583.0"}
    assert done.removed == {
        "tables/order_lines.parquet": 1,
        "quarantine/order_lines.parquet": 1,
        "quarantine/malformed_order_lines.parquet": 1,
    }
    now = load_report(config)
    for _ in range(2):  # now, and after the next intake
        assert ids_left(config) == {"77"}
        assert pq.read_table(malformed)["text"].to_pylist() == ["77.0,2024-06-02,p1"]
        again = ensure_tables(config, today=TODAY)
    assert counts(again) == counts(now)
    assert again.tables[col.ORDER_LINES].forgotten == 3


def test_a_person_is_gone_when_ids_went_through_floats_and_are_hashed(tmp_path: Path) -> None:
    config = float_workspace(tmp_path, privacy=PrivacySettings(hash_ids=True, key=KEY.decode()))
    ingest(config, today=TODAY)
    assert forgotten(config, "12583.0").ids == tuple(sorted(["12583.0", pseudonym("12583", KEY)]))
    ensure_tables(config, today=TODAY)
    assert ids_left(config) == {pseudonym("77", KEY)}


def test_somebody_else_stays_when_their_id_differs_by_a_fraction_alone(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text("customer_id,ordered_at\n7,2024-06-01\n7.0,2024-06-01\n")
    config = Settings(workspace=tmp_path, source={"order_lines": {"path": "lines.csv"}})
    ingest(config, today=TODAY)
    forgotten(config, "7")
    assert ids_left(config) == {"7.0"}
    ensure_tables(config, today=TODAY)
    assert ids_left(config) == {"7.0"}


def test_an_id_is_refused_when_it_is_written_with_a_fraction_and_ids_never_went_through_floats(
    config: Settings,
) -> None:
    ingest(config, today=TODAY)
    with pytest.raises(InvalidRequestError, match=r"\A7\.0: in none of the tables"):
        forgotten(config, "7.0")


@pytest.mark.parametrize("separator", ["^", "~", ":", "_"])
def test_lines_that_are_no_row_go_when_fields_have_another_separator(tmp_path: Path, separator: str) -> None:
    text = "customer_id,ordered_at,product_id,amount\n007,2024-06-01,p1,1\n007,2024-06-02\n8,2024-06-02\n"
    (tmp_path / "lines.csv").write_text(text.replace(",", separator))
    lines = {"path": "lines.csv", "separator": separator}
    if separator == "_":
        lines |= {"columns": {"customer_id": "c", "ordered_at": "t", "product_id": "p", "amount": "a"}}
        (tmp_path / "lines.csv").write_text("c_t_p_a\n" + text.split("\n", 1)[1].replace(",", "_"))
    config = Settings(workspace=tmp_path, source={"order_lines": lines}, intake={"max_rejected_share": 0.9})
    ingest(config, today=TODAY)
    done = forgotten(config, "007")
    assert done.removed == {"tables/order_lines.parquet": 1, "quarantine/malformed_order_lines.parquet": 1}
    left = pq.read_table(config.quarantine / "malformed_order_lines.parquet")["text"].to_pylist()
    assert left == [f"8{separator}2024-06-02"]


def found(done: Forgotten, kind: str) -> dict[str, str]:
    return {each.path: each.holds for each in done.holders if each.kind == kind}


def test_the_sources_and_the_runs_are_named_when_nothing_else_is_there(config: Settings) -> None:
    ingest(config, today=TODAY)
    done = forgotten(config, "7")
    assert {each.kind for each in done.holders} == {"source", "training runs"}
    assert set(found(done, "source")) == {"lines.csv", "identities.csv"}


def test_files_and_logs_are_named_when_they_hold_the_person(config: Settings) -> None:
    ingest(config, today=TODAY)
    folder = config.workspace
    for name in ("scores/x.parquet.partial/job", "logs", ".hidden", "elsewhere"):
        (folder / name).mkdir(parents=True)
    theirs, others = pa.table({"customer_id": ["7", "8", "7"]}), pa.table({"customer_id": ["8"], "n": [7]})
    pq.write_table(theirs, folder / "scores" / "churn.parquet")
    pq.write_table(theirs, folder / "scores" / "x.parquet.partial" / "job" / "0.parquet")
    pq.write_table(theirs, folder / ".hidden" / "churn.parquet")
    pq.write_table(others, folder / "scores" / "other.parquet")
    pq.write_table(pa.table({"id": ["7"]}), folder / "elsewhere" / "no_customers.parquet")
    pacsv.write_csv(theirs, folder / "elsewhere" / "audience.csv")
    (folder / "elsewhere" / "dirty.csv").write_text('x,customer_id\n1,7\n1,2,3\n1,"7"\n1,77\n')
    (folder / "elsewhere" / "note.csv").write_text("7\n7\n")
    (folder / "elsewhere" / "broken.parquet").write_text("customer_id")
    (folder / "logs" / "calls.jsonl").write_text('{"customer_id": "7"}\n{"customer_id": "77"}\n{"x": "a7"}\n')
    (folder / "logs" / "other.log").write_text("nothing of theirs\n")
    (folder / "logs" / "old.log.gz").write_bytes(b"")
    done = forgotten(config, "7")
    assert found(done, "file") == {
        "elsewhere/audience.csv": "2 rows",
        "elsewhere/broken.parquet": "a table that cannot be read to its end",
        "elsewhere/dirty.csv": "2 rows",
        "scores/churn.parquet": "2 rows",
        "scores/x.parquet.partial/job/0.parquet": "2 rows",
    }
    assert found(done, "log") == {
        "logs/calls.jsonl": "1 line with an id of theirs",
        "logs/old.log.gz": "compressed, not searched",
    }


def test_the_prediction_log_is_named_by_the_hours_that_hold_the_person(tmp_path: Path) -> None:
    config = workspace(tmp_path, service={"prediction_log": "predictions"})
    ingest(config, today=TODAY)
    for hour, ids in (("05", ["7", "8"]), ("06", ["8"]), ("07", ["7", "7"])):
        folder = tmp_path / "predictions" / f"hour=2018-01-01T{hour}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"customer_id": ids}), folder / "predictions-0a0a0a0a-000001.parquet")
    done = forgotten(config, "7")
    assert found(done, "file") == {}
    (holder,) = (each for each in done.holders if each.kind == "prediction log")
    assert (holder.path, holder.holds) == ("predictions", "3 rows")
    assert "delete them, or the hours: hour=2018-01-01T05, hour=2018-01-01T07; " in holder.next_step


FORGOTTEN_CUSTOMER = "person of interest"


@pytest.fixture
def shop_with_a_person(own_shop: Path) -> Path:
    """The published shop, where a customer of the tables bears a name that nothing else can contain."""
    orders = own_shop / "orders.csv"
    orders.write_text(orders.read_text().replace("\n001,", f"\n{FORGOTTEN_CUSTOMER},"))
    return own_shop


def test_a_forgotten_person_is_unknown_when_a_release_is_published(command: Command, shop_with_a_person: Path) -> None:
    shop = shop_with_a_person
    assert command("publish", "--workspace", shop).code == 0
    releases = Releases(shop / "releases")
    holding = releases.current()
    model = shop / "bentos" / "models" / "foresell-release" / "tagged"
    shutil.copytree(releases.part(holding.store), model / "parts" / holding.store)
    bento = shop / "bentos" / "bentos" / "foresell" / "built" / "bento.yaml"
    bento.parent.mkdir(parents=True)
    bento.write_text("models:\n- tag: foresell-release:tagged\n")
    assert command("score", "churn", "--out", shop / "churn.csv", "--workspace", shop).code == 0

    said = command("forget", FORGOTTEN_CUSTOMER, "--json", "--workspace", shop)
    assert said.code == 0
    done = json.loads(said.out)
    by_kind = {each["kind"]: each for each in done["holders"]}
    assert set(by_kind) == {"source", "release", "service", "bento", "file", "training runs"}
    assert by_kind["release"]["path"] == f"releases/parts/{holding.store} ({holding.name})"
    assert "foresell:built" in by_kind["bento"]["holds"]
    assert (by_kind["file"]["path"], by_kind["file"]["holds"]) == ("churn.csv", "1 row")
    assert by_kind["service"]["next_step"].startswith("foresell publish: it changes over within seconds")
    assert done["removed"]["tables/order_lines.parquet"] > 50

    assert command("publish", "--workspace", shop).code == 0
    now = releases.current()
    assert now.store != holding.store
    store = open_store(releases.part(now.store))
    assert store.rows_of([FORGOTTEN_CUSTOMER]).tolist() == [UNKNOWN]
    assert len(store) == len(open_store(releases.part(holding.store))) - 1
    opened = open_release(shop / "releases")
    for name in ("churn", "repurchase", "next-best-product"):
        served = opened.of(name)
        request = served.prediction.request.model_validate({"customers": [FORGOTTEN_CUSTOMER]})
        (answer,) = served.prediction.answer(served, request).answers
        assert answer.status == "unknown_customer"


def test_no_training_run_holds_an_id(command: Command, shop_with_a_person: Path) -> None:
    shop = shop_with_a_person
    for word in ("train", "promote"):
        assert command(word, "churn", "--workspace", shop).code == 0
    files = [path for path in (shop / "mlruns").rglob("*") if path.is_file()]
    assert len(files) > 10
    assert not [path for path in files if FORGOTTEN_CUSTOMER.encode() in path.read_bytes()]


def test_forgetting_is_said_line_by_line(command: Command, own_shop: Path) -> None:
    said = command("forget", "001", "--workspace", own_shop)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "Forgotten, and left out of every later intake: 001"
    assert any(line.startswith("  tables/order_lines.parquet: ") for line in lines)
    assert any("foresell publish writes a release without them" in line for line in lines)


def test_one_row_is_said_to_be_one(config: Settings) -> None:
    ingest(config, today=TODAY)
    said = forgotten(config, "other").sentences
    assert "  tables/order_lines.parquet: 1 row\n" in said


def test_exit_2_names_the_id_when_nobody_has_it(command: Command, own_shop: Path) -> None:
    said = command("forget", "no such person", "--workspace", own_shop)
    assert said.code == 2
    assert "no such person: in none of the tables" in said.err.splitlines()[-1]


def test_pseudonyms_are_printed_when_ids_are_hashed(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = open_shop(tmp_path, customers=3)
    said = command("pseudonym", "001", "--workspace", shop)
    assert (said.code, "there are pseudonyms only with hash_ids = true" in said.err) == (2, True)
    monkeypatch.setenv("FORESELL_PRIVACY__HASH_IDS", "true")
    monkeypatch.setenv("FORESELL_PRIVACY__KEY", KEY.decode())
    assert command("pseudonym", "001", "顾客", "--workspace", shop).out.split() == [
        pseudonym("001", KEY),
        pseudonym("顾客", KEY),
    ]
    monkeypatch.setenv("FORESELL_PRIVACY__KEY", "too short to be a secret")
    said = command("pseudonym", "001", "--workspace", shop)
    assert said.code == 2
    assert "hash_ids needs a key of 32 characters or more, it has 24: set FORESELL_PRIVACY__KEY" in said.err
    assert "too short" not in said.err
