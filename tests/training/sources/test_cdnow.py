from datetime import date
from pathlib import Path

import ibis
import pytest

from models import columns as col
from models.errors import MissingDependencyError
from training.sources import Cdnow, Workbench, packages


def test_cdnow_fills_order_lines_alone_when_it_is_installed(tmp_path: Path) -> None:
    tables = Cdnow().tables(Workbench(ibis.duckdb.connect(), tmp_path))
    assert list(tables) == [col.ORDER_LINES]
    lines = tables[col.ORDER_LINES].rows
    assert lines.columns == (col.CUSTOMER_ID, col.ORDERED_AT, col.QUANTITY, col.AMOUNT)
    told = lines.agg(
        lines=lines.count(),
        people=lines.customer_id.nunique(),
        discs=lines.quantity.cast("int64").sum(),
        first=lines.ordered_at.min(),
        last=lines.ordered_at.max(),
        whole=(lines.amount.cast("decimal(18, 4)").notnull()).sum(),
    )
    assert told.to_pyarrow().to_pylist() == [
        {
            "lines": 69_659,
            "people": 23_570,
            "discs": 167_881,
            "first": date(1997, 1, 1),
            "last": date(1998, 6, 30),
            "whole": 69_659,
        }
    ]


def test_cdnow_keeps_ids_and_amounts_as_written(tmp_path: Path) -> None:
    lines = Cdnow().tables(Workbench(ibis.duckdb.connect(), tmp_path))[col.ORDER_LINES].rows
    second = lines.filter(lines.customer_id == "00002").order_by(col.AMOUNT).to_pyarrow().to_pylist()
    assert second == [
        {"customer_id": "00002", "ordered_at": date(1997, 1, 12), "quantity": "1", "amount": "12.00"},
        {"customer_id": "00002", "ordered_at": date(1997, 1, 12), "quantity": "5", "amount": "77.00"},
    ]


def test_cdnow_says_how_to_install_it_when_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    with pytest.raises(
        MissingDependencyError,
        match=r"^source 'cdnow' needs the package lifetimes; install it: pip install --no-deps lifetimes$",
    ):
        Cdnow().state()
