"""Row 20 of what is promised: data that break the contract fail the run, or go to quarantine with the rule's name.

Each rule by itself, with its edges, is in ``tests/models/test_contracts.py``; here whole files are broken.
"""

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from models import columns as col
from models.contracts import ANONYMOUS
from tests.commands import Command
from tests.models.test_contracts import BROKEN, LIMITS, SOUND
from tests.shop import CONFIG, open_shop

TABLES = (col.ORDER_LINES, col.PRODUCTS, col.CUSTOMERS, col.CONTACTS, col.EVENTS)
# what the kind of file cannot hold: texts that were read in another encoding come as bytes
CAN_BE_WRITTEN = [
    (table, change, rule) for table, change, rule in BROKEN if table in TABLES and rule != "wrong_encoding"
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return open_shop(tmp_path_factory.mktemp("shop"), customers=60)


def rewrite(shop: Path, tmp_path: Path, change: Callable[[list[str]], list[str]]) -> Path:
    """Copy a shop and change the header of its order lines."""
    header, *lines = (shop / "orders.csv").read_text().splitlines()
    changed = ",".join(change(header.split(",")))
    assert changed != header
    (tmp_path / "orders.csv").write_text("\n".join([changed, *lines]) + "\n")
    (tmp_path / "foresell.toml").write_text(CONFIG)
    return tmp_path


@pytest.mark.parametrize("required", ["customer_id", "ordered_at"])
def test_a_renamed_column_fails_the_run_with_table_column_and_what_there_is(
    command: Command, shop: Path, tmp_path: Path, required: str
) -> None:
    renamed = rewrite(shop, tmp_path, lambda names: [f"{name}_x" if name == required else name for name in names])
    said = command("check", "--workspace", renamed)
    assert said.code == 2
    assert f"order_lines: no column '{required}' in " in said.err
    assert f"{required}_x" in said.err
    assert not (renamed / "data" / "tables").exists()


@pytest.mark.parametrize(
    ("column", "kind", "told"),
    [
        ("ordered_at", "struct(a integer)", "column 'ordered_at' is struct<a: int32>; a timestamp, a date or text"),
        ("amount", "boolean", "column 'amount' is boolean; a number or text is needed"),
        ("customer_id", "integer[]", "column 'customer_id' is array<int32>"),
    ],
)
def test_a_retyped_column_fails_the_run_with_table_column_and_type(
    command: Command, shop: Path, tmp_path: Path, column: str, kind: str, told: str
) -> None:
    names = ("customer_id", "ordered_at", "order_id", "product_id", "quantity", "amount")
    selected = ", ".join(f"NULL::{kind} AS {name}" if name == column else name for name in names)
    duckdb.sql(f"COPY (SELECT {selected} FROM '{shop}/orders.csv') TO '{tmp_path}/orders.parquet'")
    (tmp_path / "foresell.toml").write_text(CONFIG.replace("orders.csv", "orders.parquet"))
    said = command("check", "--workspace", tmp_path)
    assert said.code == 2
    assert f"order_lines: {told}" in said.err


@pytest.fixture
def broken(shop: Path, tmp_path: Path) -> Path:
    """A shop with a file for each table and one row in them for each way in which a row can be broken."""
    config = CONFIG
    for table in TABLES:
        rows = [SOUND[table] | change for each, change, _ in CAN_BE_WRITTEN if each == table]
        sound = [SOUND[table] | {"customer_id": f"{number}"} for number in range(3)] if table != col.PRODUCTS else []
        names = list(dict.fromkeys(name for row in rows for name in row))
        with (tmp_path / f"{table}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows([*rows, *sound])
        if table == col.ORDER_LINES:
            config = config.replace("orders.csv", "order_lines.csv")
        else:
            config += f'\n[source.{table}]\npath = "{table}.csv"\n'
    limits = f'earliest = "{LIMITS.earliest}"\nlatest = "{LIMITS.latest}"\nmax_rejected_share = 1.0\n'
    (tmp_path / "foresell.toml").write_text(f"{config}\n[intake]\n{limits}")
    return tmp_path


def test_each_broken_row_is_in_quarantine_with_its_rule_and_too_many_fail_the_run(
    command: Command, broken: Path
) -> None:
    said = command("check", "--workspace", broken)
    assert said.code == 0, said.err
    for table in TABLES:
        expected = Counter(rule for each, _, rule in CAN_BE_WRITTEN if each == table and rule != ANONYMOUS)
        rows = pq.read_table(broken / "data" / "quarantine" / f"{table}.parquet").to_pylist()
        assert Counter(row[col.RULE] for row in rows) == expected, table
        for rule, count in expected.items():
            assert rule in said.out, (table, count)
    # what was kept is kept when the next run fails
    before = {path: path.read_bytes() for path in (broken / "data" / "tables").iterdir()}
    config = broken / "foresell.toml"
    config.write_text(config.read_text().replace("max_rejected_share = 1.0", "max_rejected_share = 0.5"))
    said = command("check", "--workspace", broken)
    assert said.code == 2
    assert "too many rejected rows, at most 50.0% are allowed: order_lines: " in said.err
    for table in TABLES:
        count = sum(each == table and rule != ANONYMOUS for each, _, rule in CAN_BE_WRITTEN)
        assert f"{table}: {count} of " in said.err
    assert {path: path.read_bytes() for path in (broken / "data" / "tables").iterdir()} == before
