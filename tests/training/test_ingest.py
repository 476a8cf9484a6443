import csv
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import columns as col
from models.contracts import SCHEMAS
from models.errors import ContractError, NotEnoughDataError, SourceError
from models.settings import Settings
from training.ingest import ensure_tables, ingest, load_report
from training.intake_report import IntakeReport

TODAY = date(2024, 6, 30)

Rows = list[tuple[str, ...]]
HEADER = ("customer_id", "ordered_at", "product_id", "order_id", "quantity", "amount", "discount")
GOOD: Rows = [
    ("007", "2024-06-01 10:00:00", "p1", "o1", "2", "0.1", "0.05"),
    ("7", "2024-06-01 11:00:00", "p1", "o2", "", "-3.20", ""),
    ("顾客", "2024-06-02 09:30:00", "", "", "0", "0", "0"),
]


def write(path: Path, rows: Rows, header: tuple[str, ...] = HEADER) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def workspace(folder: Path, rows: Rows, header: tuple[str, ...] = HEADER, **sections: Any) -> Settings:
    write(folder / "lines.csv", rows, header)
    tables = sections.pop("tables", {})
    return Settings(workspace=folder, source={"order_lines": {"path": "lines.csv"}, **tables}, **sections)


def kept(config: Settings, table: str = col.ORDER_LINES) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(config.tables / f"{table}.parquet").to_pylist()
    return rows


def quarantined(config: Settings, table: str = col.ORDER_LINES) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(config.quarantine / f"{table}.parquet").to_pylist()
    return rows


def test_rows_are_cast_exactly_when_nothing_is_broken(tmp_path: Path) -> None:
    config = workspace(tmp_path, GOOD)
    report = ingest(config, today=TODAY)
    rows = kept(config)
    assert [row["customer_id"] for row in rows] == ["007", "7", "顾客"]
    assert [row["amount"] for row in rows] == [Decimal("0.1000"), Decimal("-3.2000"), Decimal("0.0000")]
    assert [row["quantity"] for row in rows] == [Decimal("2.0000"), Decimal("1.0000"), Decimal("0.0000")]
    assert [row["discount"] for row in rows] == [Decimal("0.0500"), None, Decimal("0.0000")]
    assert [row["order_day"] for row in rows] == [date(2024, 6, 1), date(2024, 6, 1), date(2024, 6, 2)]
    assert rows[2]["product_id"] is None
    assert report.tables[col.ORDER_LINES].model_dump(exclude={"bytes"}) == {
        "read": 3,
        "kept": 3,
        "rejected": {},
        "set_aside": {},
        "forgotten": 0,
        "duplicates": 0,
        "first_day": date(2024, 6, 1),
        "last_day": date(2024, 6, 2),
        "absent": ("channel", "store_id"),
    }
    assert (report.last_complete_day, report.as_of) == (date(2024, 6, 2), date(2024, 6, 3))


def test_every_table_of_the_contract_is_kept_when_the_source_has_one(tmp_path: Path) -> None:
    config = workspace(tmp_path, GOOD)
    ingest(config, today=TODAY)
    connection = duckdb.connect()
    for table, columns in SCHEMAS.items():
        described = connection.execute(f"DESCRIBE FROM '{config.tables}/{table}.parquet'").fetchall()
        types = {"string": "VARCHAR", "timestamp": "TIMESTAMP", "date": "DATE", "boolean": "BOOLEAN"}
        assert [(row[0], row[1]) for row in described] == [
            (name, types.get(kind, "DECIMAL(18,4)")) for name, kind in columns.items()
        ]


def test_rejected_rows_keep_their_text_when_they_go_to_quarantine(tmp_path: Path) -> None:
    broken = [("8", "yesterday", "p", "o", "1", "5", "0"), ("9", "2024-06-01", "p", "o", "1", "free", "0")]
    config = workspace(tmp_path, GOOD + broken, intake={"max_rejected_share": 0.5})
    report = ingest(config, today=TODAY)
    assert report.tables[col.ORDER_LINES].rejected == {"amount_not_a_number": 1, "unreadable_ordered_at": 1}
    rows = quarantined(config)
    assert [(row["rule"], row["customer_id"], row["ordered_at"], row["amount"]) for row in rows] == [
        ("amount_not_a_number", "9", "2024-06-01", "free"),
        ("unreadable_ordered_at", "8", "yesterday", "5"),
    ]


def test_anonymous_lines_are_set_aside_when_they_are_most(tmp_path: Path) -> None:
    nobodys = [("", "2024-06-01", "p", "o", "1", "5", "0")] * 10
    config = workspace(tmp_path, GOOD + nobodys)
    counted = ingest(config, today=TODAY).tables[col.ORDER_LINES]
    assert (counted.kept, counted.set_aside, counted.rejected) == (3, {"anonymous": 10}, {})
    assert len(quarantined(config, "set_aside_order_lines")) == 10
    assert quarantined(config) == []


def test_exact_duplicates_are_kept_and_counted_when_lines_repeat(tmp_path: Path) -> None:
    counted = ingest(workspace(tmp_path, GOOD + GOOD[:1] + GOOD[:1]), today=TODAY).tables[col.ORDER_LINES]
    assert (counted.kept, counted.duplicates) == (5, 2)


@pytest.mark.parametrize("expression", ["nullif(cid, 'NULL')", "case when cid <> 'NULL' then cid end"])
def test_customer_is_nobody_when_the_mapping_says_so(tmp_path: Path, expression: str) -> None:
    rows: Rows = [("a", "2024-06-01", "1"), ("NULL", "2024-06-01", "1")]
    config = workspace(tmp_path, rows, ("cid", "ordered_at", "amount"))
    entry = {"path": "lines.csv", "columns": {"customer_id": expression}}
    config = Settings(workspace=tmp_path, source={"order_lines": entry})
    counted = ingest(config, today=TODAY).tables[col.ORDER_LINES]
    assert (counted.kept, counted.set_aside, counted.rejected) == (1, {"anonymous": 1}, {})


def test_amount_is_absent_when_the_mapping_empties_it_and_broken_when_it_is_no_number(tmp_path: Path) -> None:
    rows: Rows = [("a", "2024-06-01", "3"), ("b", "2024-06-01", "0"), ("c", "2024-06-01", "free")]
    write(tmp_path / "lines.csv", rows, ("customer_id", "ordered_at", "paid"))
    entry = {"path": "lines.csv", "columns": {"amount": "nullif(paid, 0)"}}
    config = Settings(workspace=tmp_path, source={"order_lines": entry}, intake={"max_rejected_share": 0.5})
    assert ingest(config, today=TODAY).tables[col.ORDER_LINES].rejected == {"amount_not_a_number": 1}
    assert [row["amount"] for row in kept(config)] == [3, None]


def test_amount_is_too_large_when_a_factor_is(tmp_path: Path) -> None:
    rows: Rows = [("a", "2024-06-01", "3", "2.5"), ("b", "2024-06-01", "3", "1e18"), ("c", "2024-06-01", "3", "free")]
    write(tmp_path / "lines.csv", rows, ("customer_id", "ordered_at", "quantity", "price"))
    entry = {"path": "lines.csv", "columns": {"amount": "quantity * price"}}
    config = Settings(workspace=tmp_path, source={"order_lines": entry}, intake={"max_rejected_share": 1})
    rejected = ingest(config, today=TODAY).tables[col.ORDER_LINES].rejected
    assert rejected == {"amount_too_large": 1, "amount_not_a_number": 1}


def test_run_fails_with_the_counts_when_too_many_rows_are_rejected(tmp_path: Path) -> None:
    config = workspace(tmp_path, GOOD)
    before = ingest(config, today=TODAY)
    write(tmp_path / "lines.csv", [*GOOD, ("8", "?", "", "", "", "", ""), ("8", "2099-01-01", "", "", "", "", "")])
    message = (
        r"too many rejected rows, at most 5.0% are allowed: order_lines: 2 of 5 rows \(40.0%\) broke a rule "
        r"\(ordered_at_out_of_range 1, unreadable_ordered_at 1\); they are in .*quarantine; correct the source or raise"
    )
    with pytest.raises(ContractError, match=message):
        ingest(config, today=TODAY)
    assert len(quarantined(config)) == 2
    assert load_report(config) == before
    assert len(kept(config)) == 3


@pytest.mark.parametrize("rows", [[], [("", "2024-06-01", "", "", "", "", "")]])
def test_run_is_refused_when_no_line_is_usable(tmp_path: Path, rows: Rows) -> None:
    with pytest.raises(
        NotEnoughDataError, match=rf"order_lines: no usable row \({len(rows)} read, 0 rejected, .*; they are"
    ):
        ingest(workspace(tmp_path, rows), today=TODAY)


def test_lines_that_are_no_row_are_rejected_when_the_file_is_cut_or_broken(tmp_path: Path) -> None:
    config = workspace(tmp_path, GOOD, intake={"max_rejected_share": 0.5})
    with (tmp_path / "lines.csv").open("a") as file:
        file.write("8,2024-06-01,p,o,1,5,0,too,many\n8,2024-06")
    counted = ingest(config, today=TODAY).tables[col.ORDER_LINES]
    assert (counted.read, counted.kept, counted.rejected) == (5, 3, {"malformed_line": 2})
    assert [(row["line"], row["text"]) for row in quarantined(config, "malformed_order_lines")] == [
        (5, "8,2024-06-01,p,o,1,5,0,too,many"),
        (6, "8,2024-06"),
    ]


def test_rows_are_rejected_when_their_text_is_not_utf8(tmp_path: Path) -> None:
    config = workspace(tmp_path, GOOD, intake={"max_rejected_share": 0.5})
    with (tmp_path / "lines.csv").open("ab") as file:
        file.write("M\u00fcller,2024-06-01,,,,,\n".encode("latin-1"))
    assert ingest(config, today=TODAY).tables[col.ORDER_LINES].rejected == {"wrong_encoding": 1}
    assert quarantined(config)[0]["customer_id"] == "M\ufffdller"


def test_absent_columns_and_tables_are_said_once_when_only_customer_and_day_are_there(tmp_path: Path) -> None:
    config = workspace(tmp_path, [("c", "2024-06-01"), ("c", "2024-06-05")], ("customer_id", "ordered_at"))
    notes = ingest(config, today=TODAY).notes
    assert len(notes) == len(set(notes)) == 9
    assert "No amount in order_lines: spend features are off." in notes
    assert "No events table: features of views, clicks and carts are off." in notes
    assert [row["quantity"] for row in kept(config)] == [1, 1]


def test_attributes_are_kept_when_they_are_named_and_others_dropped(tmp_path: Path) -> None:
    write(tmp_path / "people.csv", [("007", "40", "secret"), ("7", "", "x")], ("customer_id", "age", "note"))
    age = {"name": "age", "kind": "numeric"}
    tables = {"customers": {"path": "people.csv"}}
    config = workspace(tmp_path, GOOD, tables=tables, features={"attributes": [age]})
    ingest(config, today=TODAY)
    assert [(row["customer_id"], row["age"]) for row in kept(config, col.CUSTOMERS)] == [("007", "40"), ("7", None)]
    assert "note" not in kept(config, col.CUSTOMERS)[0]


def test_fingerprint_is_the_same_when_the_rows_come_in_another_order(tmp_path: Path) -> None:
    config = workspace(tmp_path, GOOD)
    first = ingest(config, today=TODAY)
    write(tmp_path / "lines.csv", GOOD[::-1])
    second = ingest(config, today=TODAY)
    assert first.fingerprint == second.fingerprint
    write(tmp_path / "lines.csv", GOOD[:2])
    assert ingest(config, today=TODAY).fingerprint != first.fingerprint


def test_old_tables_stay_when_the_intake_dies_at_the_swap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = workspace(tmp_path, GOOD)
    before = ingest(config, today=TODAY)
    write(tmp_path / "lines.csv", GOOD[:1])

    def dies(new: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("training.ingest.put_in_place", dies)
        with pytest.raises(KeyboardInterrupt):
            ingest(config, today=TODAY)
    assert load_report(config) == before
    assert len(kept(config)) == 3
    assert not list(config.tables.parent.glob(".intake-*/"))
    assert len(kept(config)) == 3
    ingest(config, today=TODAY)
    assert len(kept(config)) == 1


def reads(config: Settings, today: date = TODAY) -> bool:
    said: list[str] = []
    ensure_tables(config, today=today, progress=lambda text, share=None: said.append(text))
    return bool(said)


def test_tables_are_read_again_when_the_source_the_settings_or_the_kept_files_changed(tmp_path: Path) -> None:
    config = workspace(tmp_path, GOOD)
    assert reads(config)
    assert not reads(config)
    assert not reads(config, today=date(2024, 12, 1))
    write(tmp_path / "lines.csv", GOOD[:2])
    assert reads(config)
    (config.tables / "events.parquet").unlink()
    assert reads(config)
    (config.tables / "intake.json").write_text("{")
    assert reads(config)
    assert reads(config.model_copy(update={"features": config.features.model_copy(update={"timezone": "Asia/Tokyo"})}))


def test_tables_are_read_again_on_another_day_when_rows_lay_in_the_future(tmp_path: Path) -> None:
    config = workspace(tmp_path, [*GOOD, ("7", "2024-07-01", "", "", "", "", "")], intake={"max_rejected_share": 1})
    assert reads(config)
    assert not reads(config)
    assert reads(config, today=date(2024, 7, 2))
    assert load_report(config).tables[col.ORDER_LINES].kept == 4


def test_progress_is_told_when_a_table_begins(tmp_path: Path) -> None:
    said: list[str] = []
    ingest(workspace(tmp_path, GOOD), today=TODAY, progress=lambda text, share=None: said.append(text))
    told = [text for text in said if "order" in text]
    assert list(dict.fromkeys(told)) == ["reading order lines", "writing order lines"]


def test_report_is_refused_when_there_is_none_or_it_is_damaged(tmp_path: Path) -> None:
    config = workspace(tmp_path, GOOD)
    with pytest.raises(SourceError, match=r"no tables in .* yet; run `foresell check`"):
        load_report(config)
    config.tables.mkdir(parents=True)
    (config.tables / "intake.json").write_text("{}")
    with pytest.raises(SourceError, match=r"is damaged; remove .* and run `foresell check`"):
        load_report(config)


def test_report_is_the_same_when_it_went_through_json(tmp_path: Path) -> None:
    config = workspace(tmp_path, GOOD)
    report = ingest(config, today=TODAY)
    assert load_report(config) == report
    assert IntakeReport.model_validate_json(report.model_dump_json()) == report


# no quotes, separators or line ends: those are the CSV writer's, not the contract's
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=6)
IDS = st.sampled_from(["007", "7", "", " ", "x" * 300, "🙂"]) | WORDS
TIMES = st.sampled_from(["", "2024-06-01", "2024-06-01T10:00:00+05:00", "2099-01-01", "01.06.2024"]) | WORDS
NUMBERS = st.sampled_from(["", "1", "-2.5", "1e18", "NaN", "inf", "1,234.50", "free", "0.00001"]) | WORDS
DIRTY = st.lists(st.tuples(IDS, TIMES, IDS, IDS, NUMBERS, NUMBERS, NUMBERS), max_size=60)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=DIRTY)
def test_no_row_is_lost_when_the_file_is_dirty(tmp_path: Path, rows: Rows) -> None:
    config = workspace(tmp_path, GOOD + rows, intake={"max_rejected_share": 1})
    counted = ingest(config, today=TODAY).tables[col.ORDER_LINES]
    assert counted.read == len(GOOD) + len(rows)
    assert counted.kept == len(kept(config))
    assert counted.rejected_rows == len(quarantined(config))
    assert counted.set_aside_rows == len(quarantined(config, "set_aside_order_lines"))
    assert counted.read == counted.kept + counted.rejected_rows + counted.set_aside_rows
    assert {"007", "7"} <= {row["customer_id"] for row in kept(config)}


def test_complete_journey_is_kept_whole_when_it_is_the_source(tmp_path: Path) -> None:
    names = ("age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count")
    attributes = [{"name": name, "kind": "categorical", "levels": ["x"]} for name in names]
    config = Settings(workspace=tmp_path, source={"builtin": "complete-journey"}, features={"attributes": attributes})
    report = ingest(config, today=date(2026, 11, 1))
    assert {table: (counted.read, counted.kept) for table, counted in report.tables.items()} == {
        col.ORDER_LINES: (1_469_307, 1_469_307),
        col.PRODUCTS: (92_331, 92_331),
        col.CUSTOMERS: (801, 801),
        col.CONTACTS: (6_589, 6_589),
        col.EVENTS: (0, 0),
        col.IDENTITIES: (0, 0),
    }
    assert (report.last_complete_day, report.as_of) == (date(2017, 12, 31), date(2018, 1, 1))
    assert set(names) <= set(kept(config, col.CUSTOMERS)[0])
    lines = f"'{config.tables}/order_lines.parquet'"
    zeros = f"count(*) FILTER (quantity = 0), count(*) FILTER (amount = 0), count(DISTINCT customer_id) FROM {lines}"
    assert duckdb.sql(f"SELECT {zeros}").fetchone() == (8_869, 11_246, 2_469)  # 20 amounts of 1e-15 are zero, too
