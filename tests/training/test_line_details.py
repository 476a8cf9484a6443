from datetime import date
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models import columns as col
from models.contracts import RuleLimits
from models.source_settings import Notation
from training.forgotten import Register
from training.intake_tables import Intake, Staged, connect, stage
from training.line_details import products_of, write_anonymous_sales
from training.people import People
from training.progress import silent
from training.sources.raw import RawTable, product_detail

NAME = product_detail(col.NAME)
LINES: list[dict[str, str]] = [
    {"customer_id": "a", "product_id": "p", NAME: "Lamp", "ordered_at": "2024-01-01"},
    {"customer_id": "b", "product_id": "p", NAME: "Lamp ", "ordered_at": "2024-01-01"},
    {"customer_id": "", "product_id": "p", NAME: "lamp?", "ordered_at": "2024-01-02"},
    {"customer_id": "c", "product_id": "q", NAME: "B", "ordered_at": "2024-01-03"},
    {"customer_id": "d", "product_id": "q", NAME: "A", "ordered_at": "2024-01-03"},
    {"customer_id": "d", "product_id": "broken", NAME: "never seen", "ordered_at": "no day"},
    {"customer_id": "", "product_id": "r", NAME: "", "ordered_at": "2024-01-02", "quantity": "2"},
    {"customer_id": "", "product_id": "r", NAME: "", "ordered_at": "2024-01-02", "quantity": "-1"},
    {"customer_id": "", "product_id": "r", NAME: "", "ordered_at": "1900-01-02"},
]


@pytest.fixture
def intake(tmp_path: Path) -> Intake:
    limits = RuleLimits(date(2000, 1, 1), date(2024, 6, 30))
    return Intake(connect(tmp_path), tmp_path, "UTC", (), limits, People(Register("5a17" * 8)), False, silent)


def staged(intake: Intake) -> Staged:
    names = ("customer_id", "product_id", NAME, "ordered_at", "quantity")
    rows = pa.Table.from_pylist([{name: line.get(name, "") for name in names} for line in LINES])
    return stage(intake, col.ORDER_LINES, RawTable(ibis.memtable(rows)))


def test_product_has_the_most_frequent_name_of_its_lines_when_they_differ(intake: Intake) -> None:
    products = products_of(intake, staged(intake), Notation()).rows
    found = intake.connection.to_pyarrow(products.order_by(col.PRODUCT_ID)).to_pylist()
    assert found == [
        {"product_id": "p", "name": "Lamp"},
        {"product_id": "q", "name": "A"},
        {"product_id": "r", "name": None},
    ]


@pytest.mark.parametrize(("counted", "sales"), [(True, [("p", 1), ("r", 1)]), (False, [])])
def test_anonymous_sales_are_counted_when_the_configuration_says_so(
    intake: Intake, counted: bool, sales: list[Any]
) -> None:
    path = intake.folder / "sales.parquet"
    write_anonymous_sales(intake, staged(intake), path, counted=counted)
    rows = pq.read_table(path).to_pylist()
    assert [(row["product_id"], row["lines"]) for row in rows] == sales
    assert all(row["order_day"] == date(2024, 1, 2) for row in rows)
