import gzip
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models import columns as col
from models.errors import ContractError, SourceError
from models.settings import Settings
from training.sources import Files, Workbench, open_source

LINES = "customer_id,ordered_at\n007,2024-01-01\n"


def files(workspace: Path, **tables: Any) -> Files:
    source = open_source(Settings(workspace=workspace, source=tables))
    assert isinstance(source, Files)
    return source


def rows(source: Files, table: str = col.ORDER_LINES) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        source.tables(Workbench(ibis.duckdb.connect(), Path()))[table].rows.to_pyarrow().to_pylist()
    )
    return found


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_csv_is_read_as_text_when_it_has_any_usual_separator(tmp_path: Path, separator: str) -> None:
    text = '\ufeffcustomer_id,ordered_at,amount\n007,2024-01-01,"1.50"\n#7,2024-01-02,\n'
    (tmp_path / "a[1].csv").write_text(text.replace(",", separator), encoding="utf-8")
    assert rows(files(tmp_path, order_lines={"path": "a[1].csv"})) == [
        {"customer_id": "007", "ordered_at": "2024-01-01", "amount": "1.50"},
        {"customer_id": "#7", "ordered_at": "2024-01-02", "amount": None},
    ]


def test_csv_is_read_when_it_is_compressed(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(LINES.encode()))
    assert rows(files(tmp_path, order_lines={"path": "a.csv.gz"})) == [
        {"customer_id": "007", "ordered_at": "2024-01-01"}
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_is_read_when_its_values_hold_separators_quotes_and_line_ends(tmp_path: Path, end: str) -> None:
    lines = ["customer_id,ordered_at,", '"a, ""b""",x,', '"c\nd",y,z']
    (tmp_path / "a.csv").write_text(end.join(lines), newline="")
    assert rows(files(tmp_path, order_lines={"path": "a.csv", "columns": {"channel": "column_3"}})) == [
        {"customer_id": 'a, "b"', "ordered_at": "x", "channel": None},
        {"customer_id": "c\nd", "ordered_at": "y", "channel": "z"},
    ]


def test_source_is_refused_when_two_columns_have_one_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("customer_id,ordered_at,Customer_ID\n")
    with pytest.raises(ContractError, match=r"a.csv has two columns named 'Customer_ID'; rename one of them"):
        rows(files(tmp_path, order_lines={"path": "a.csv"}))


def test_parquet_keeps_its_types_when_columns_are_mapped(tmp_path: Path) -> None:
    pq.write_table(pa.table({"Kunde": [7], "Tag": ["2024-01-01"], "rest": [1]}), tmp_path / "a.parquet")
    mapping = {"customer_id": "Kunde", "ordered_at": "Tag", "order_id": "Tag"}
    source = files(tmp_path, order_lines={"path": "a.parquet", "columns": mapping})
    assert rows(source) == [{"customer_id": 7, "ordered_at": "2024-01-01", "order_id": "2024-01-01"}]


def test_customers_keep_further_columns_when_they_may_be_attributes(tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_text(LINES)
    (tmp_path / "people.csv").write_text("id,Age\n007,40\n")
    people = {"path": "people.csv", "columns": {"customer_id": "id", "age": "Age"}}
    source = files(tmp_path, order_lines={"path": "lines.csv"}, customers=people)
    assert rows(source, col.CUSTOMERS) == [{"id": "007", "Age": "40", "customer_id": "007", "age": "40"}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.csv", None, r"order_lines: .*gone.csv does not exist .*; correct path under \[source.order_lines\]"),
        ("empty.csv", "", r"order_lines: .*empty.csv is empty; export it again"),
        ("book.xlsx", "x", r"order_lines: .*book.xlsx is of no known kind \(.parquet, .pq, .csv"),
        ("bad.parquet", "x", r"order_lines: .*bad.parquet cannot be read: "),
    ],
)
def test_source_is_refused_when_its_file_is_of_no_use(
    tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(SourceError, match=message) as caught:
        rows(files(tmp_path, order_lines={"path": name}))
    assert "\n" not in caught.value.message


def test_source_is_refused_when_its_path_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(SourceError, match=r"a.csv is a folder, a CSV or Parquet file is needed"):
        files(tmp_path, order_lines={"path": "a.csv"}).files()


def test_source_is_refused_when_it_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text(LINES)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(SourceError, match=r"a.csv cannot be read: Permission denied; check its permissions"):
        files(tmp_path, order_lines={"path": "a.csv"}).files()


@pytest.mark.parametrize(
    ("header", "mapping", "message"),
    [
        (
            "CustomerID,ordered_at",
            {},
            r"order_lines: no column 'customer_id' in .*a.csv \(did you mean 'CustomerID'\?\); it has: 'CustomerID', "
            r"'ordered_at'; name the one that holds it: \[source.order_lines.columns\] customer_id = ",
        ),
        (
            "customer_id,when",
            {"ordered_at": "wehn"},
            r"order_lines: column 'wehn' \(for ordered_at\) is not in .*a.csv \(did you mean 'when'\?\); it has: "
            r"'customer_id', 'when'; correct it under \[source.order_lines.columns\]",
        ),
        (
            "customer_id,ordered_at",
            {"amuont": "ordered_at"},
            r"order_lines: 'amuont' under \[source.order_lines.columns\] is no column of ours "
            r"\(did you mean 'amount'\?\); the columns are: customer_id, ordered_at",
        ),
    ],
)
def test_source_is_refused_when_a_column_is_missing(
    tmp_path: Path, header: str, mapping: dict[str, str], message: str
) -> None:
    (tmp_path / "a.csv").write_text(f"{header}\n1,2\n")
    with pytest.raises(ContractError, match=message):
        rows(files(tmp_path, order_lines={"path": "a.csv", "columns": mapping}))
