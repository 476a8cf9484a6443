import sqlite3
import sys
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from models import columns as col
from models.errors import MissingDependencyError, SourceError
from models.settings import Settings
from training.sources import Workbench, open_source


def raw(workspace: Path, url: str, **lines: Any) -> pa.Table:
    shop = Settings(workspace=workspace, source={"url": url, "order_lines": lines})
    return open_source(shop).tables(Workbench(ibis.duckdb.connect(), workspace))[col.ORDER_LINES].rows.to_pyarrow()


def test_text_is_the_value_when_the_database_is_sqlite(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a?b.db") as connection:
        connection.execute("create table lines (customer_id integer, ordered_at text, amount real, channel text)")
        connection.executemany(
            "insert into lines values (?, ?, ?, ?)",
            [(7, "2024-01-01", 0.1, "é"), ("007", None, 3.0, b"caf\xe9"), (2**60, "x", 1e-7, None)],
        )
        connection.execute("update lines set channel = cast(x'ff' as text) where rowid = 1")
    connection.close()
    assert raw(tmp_path, "sqlite:///a%3Fb.db", table="lines").to_pylist() == [
        {"customer_id": "7", "ordered_at": "2024-01-01", "amount": "0.1", "channel": "\ufffd"},
        {"customer_id": "7", "ordered_at": None, "amount": "3", "channel": "caf\ufffd"},
        {"customer_id": str(2**60), "ordered_at": "x", "amount": "0.0000001", "channel": None},
    ]
    with pytest.raises(SourceError, match=r"refuses: .*readonly"):
        raw(tmp_path, "sqlite:///a%3Fb.db", query="delete from lines")


def test_no_file_is_made_when_the_sqlite_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"the SQLite file .*gone.db does not exist .*; correct \[source\] url"):
        raw(tmp_path, "sqlite:///gone.db", table="lines")
    assert not (tmp_path / "gone.db").exists()


def test_source_is_refused_when_the_sqlite_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("customer_id,ordered_at\n" * 100)
    with pytest.raises(SourceError, match=r"the SQLite file .*a.db .*file is not a database"):
        raw(tmp_path, "sqlite:///a.db", table="lines")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("shop", r"\[source\] url is no address of a database; an example is postgresql://me@host/shop"),
        ("oracel://me@host/shop", r"\[source\] url: no kind of database is called 'oracel'; an example is"),
    ],
)
def test_source_is_refused_when_the_url_is_none(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        raw(tmp_path, url, table="a")


def test_install_command_is_said_when_the_driver_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(
        MissingDependencyError, match=r"database 'shop' on host needs .* pip install 'psycopg\[binary\]'"
    ):
        raw(tmp_path, "postgresql://me@host/shop", table="a")
