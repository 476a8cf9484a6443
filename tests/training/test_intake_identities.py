from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from models import columns as col
from models.settings import Settings
from training.forgotten import Register, register_path
from training.ingest import ingest
from training.pseudonyms import pseudonym

KEY = "0123456789abcdef0123456789abcdef"
LINES = (
    "customer_id,ordered_at\ncard,2024-01-01\nphone,2024-01-02\nmember,2024-01-03\nother,2024-01-04\ntwo,2024-01-05\n"
)
IDENTITIES = "source_id,customer_id\ncard,phone\nphone,member\nother,other\nround,again\nagain,round\ntwo,x\ntwo,y\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "lines.csv").write_text(LINES)
    (tmp_path / "identities.csv").write_text(IDENTITIES)
    return tmp_path


def settings(shop: Path, **sections: Any) -> Settings:
    source = {"order_lines": {"path": "lines.csv"}, "identities": {"path": "identities.csv"}}
    return Settings(workspace=shop, source=source, intake={"max_rejected_share": 1}, **sections)


def rows(path: Path) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in pq.read_table(path).to_pylist()]


def customers(config: Settings) -> list[str]:
    found: list[str] = pq.read_table(config.tables / "order_lines.parquet")[col.CUSTOMER_ID].to_pylist()
    return found


def test_lines_of_one_person_are_joined_when_a_chain_of_ids_leads_to_them(shop: Path) -> None:
    config = settings(shop)
    report = ingest(config, today=date(2024, 6, 1))
    assert customers(config) == ["member", "member", "member", "other", "two"]
    assert (report.joined_ids, report.joined_people) == (2, 1)
    assert rows(config.tables / "identities.parquet") == [("card", "member"), ("other", "other"), ("phone", "member")]


def test_loops_and_conflicts_are_rejected_with_their_rule_when_identities_contradict(shop: Path) -> None:
    config = settings(shop)
    counted = ingest(config, today=date(2024, 6, 1)).tables[col.IDENTITIES]
    assert (counted.read, counted.kept) == (7, 3)
    assert counted.rejected == {"identity_conflict": 2, "identity_loop": 2}
    assert rows(config.quarantine / "identities.parquet") == [
        ("identity_conflict", "two", "x"),
        ("identity_conflict", "two", "y"),
        ("identity_loop", "again", "round"),
        ("identity_loop", "round", "again"),
    ]


def test_rows_of_one_person_are_set_aside_when_joining_made_them_repeat(shop: Path) -> None:
    (shop / "people.csv").write_text("customer_id,joined_at\nmember,2023-01-01\nphone,2023-02-01\nother,\nother,\n")
    config = settings(shop)
    tables = {**config.source.model_dump(exclude_none=True, exclude_defaults=True), "customers": {"path": "people.csv"}}
    config = Settings(workspace=shop, source=tables, intake={"max_rejected_share": 1})
    counted = ingest(config, today=date(2024, 6, 1)).tables[col.CUSTOMERS]
    assert (counted.kept, counted.set_aside) == (2, {"joined_customer": 1})
    assert counted.rejected == {"customer_listed_twice": 1}


def test_ids_are_pseudonyms_everywhere_when_they_are_hashed(shop: Path) -> None:
    with (shop / "lines.csv").open("a") as file:
        file.write("secret,never\n")
    config = settings(shop, privacy={"hash_ids": True, "key": KEY})
    report = ingest(config, today=date(2024, 6, 1))
    member, secret = pseudonym("member", KEY.encode()), pseudonym("secret", KEY.encode())
    assert sorted(customers(config)).count(member) == 3
    assert (report.joined_ids, report.joined_people) == (2, 1)
    assert ("unreadable_ordered_at", secret, "never") == rows(config.quarantine / "order_lines.parquet")[0][:3]
    written = b"".join(path.read_bytes() for path in config.tables.parent.rglob("*.parquet"))
    assert not any(word in written for word in (b"member", b"secret", b"phone", b"again"))


def test_forgotten_person_is_left_out_by_every_id_when_the_source_still_has_them(shop: Path) -> None:
    config = settings(shop)
    with (shop / "lines.csv").open("a") as file:
        file.write("member,2024-01-01,too,many\nother,2024-01-01,too,many\n")
    register_path(config).parent.mkdir()
    Register("5a17" * 8).add(["member"]).save(register_path(config))
    report = ingest(config, today=date(2024, 6, 1))
    assert customers(config) == ["other", "two"]
    lines, identities = report.tables[col.ORDER_LINES], report.tables[col.IDENTITIES]
    assert (lines.read, lines.kept, lines.forgotten, lines.rejected) == (7, 2, 4, {"malformed_line": 1})
    assert (identities.read, identities.kept, identities.forgotten) == (7, 1, 2)
    assert ingest(config, today=date(2024, 6, 1)).key == report.key
    Register("5a17" * 8).save(register_path(config))
    assert ingest(config, today=date(2024, 6, 1)).key != report.key
