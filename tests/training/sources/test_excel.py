import struct
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import ibis
import openpyxl
import pyarrow as pa
import pytest
from openpyxl.workbook import Workbook

from models import columns as col
from models.errors import ContractError, SourceError
from models.settings import Settings
from training.sources import Workbench, open_source
from training.sources.excel import read


def book(path: Path, **sheets: list[list[Any]]) -> Path:
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


def table(path: Path, *sheets: str, decimal: str = ".") -> pa.Table:
    bench = Workbench(ibis.duckdb.connect(), path.parent)
    return read(path, sheets, bench, col.ORDER_LINES, decimal=decimal).to_pyarrow()


def column(folder: Path, *values: Any, decimal: str = ".") -> tuple[str, list[Any]]:
    path = book(folder / "a.xlsx", One=[["of a kind", "row"], *([value, "x"] for value in values)])
    found = table(path, decimal=decimal)["of a kind"]
    return str(found.type), found.to_pylist()


@pytest.mark.parametrize(
    ("values", "kind", "read_as"),
    [
        ([17850, None, 13047.0, -7], "int64", [17850, None, 13047, -7]),
        ([0.1, 3, 1e-7, 1234567.89], "string", ["0.1", "3", "0.0000001", "1234567.89"]),
        ([1e20, 1], "string", ["100000000000000000000", "1"]),
        ([17850, "C536379", 1.5], "string", ["17850", "C536379", "1.5"]),
        (["007", "7", None], "string", ["007", "7", None]),
        ([True, None, False], "bool", [True, None, False]),
        ([True, "yes", 1], "string", ["true", "yes", "1"]),
        (
            [datetime(2024, 2, 29, 10, 30, 1), date(2024, 3, 1)],  # noqa: DTZ001
            "timestamp[us]",
            [datetime(2024, 2, 29, 10, 30, 1), datetime(2024, 3, 1)],  # noqa: DTZ001
        ),
        (
            [datetime(2024, 2, 29, 10, 30), "01.03.2024", date(2024, 3, 1), time(8, 5)],  # noqa: DTZ001
            "string",
            ["2024-02-29 10:30:00", "01.03.2024", "2024-03-01", "08:05:00"],
        ),
        ([None, None], "string", [None, None]),
        (["#N/A", 2], "int64", [None, 2]),
    ],
)
def test_column_has_one_type_when_its_cells_have_several(
    tmp_path: Path, values: list[Any], kind: str, read_as: list[Any]
) -> None:
    assert column(tmp_path, *values) == (kind, read_as)


def test_numbers_follow_the_notation_when_it_has_a_comma(tmp_path: Path) -> None:
    assert column(tmp_path, 12.5, "1.234,50", decimal=",") == ("string", ["12,5", "1.234,50"])


def test_header_is_the_first_row_with_a_value_when_the_sheet_begins_empty(tmp_path: Path) -> None:
    rows = [
        [],
        [],
        [None, "id", None, 2024, None],
        [],
        [None, "a", "b", 1, None],
        [None, None, None, None],
        [None, "c"],
    ]
    path = book(tmp_path / "a.xlsx", One=rows)
    assert table(path).to_pylist() == [
        {"id": "a", "column_3": "b", "2024": 1},
        {"id": "c", "column_3": None, "2024": None},
    ]


def test_table_has_no_rows_when_the_sheet_is_only_a_header(tmp_path: Path) -> None:
    found = table(book(tmp_path / "a.xlsx", One=[["id", "when"]]))
    assert (found.num_rows, found.column_names) == (0, ["id", "when"])


def test_first_shown_sheet_is_read_when_none_is_named(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", Notes=[["hidden"], [1]], Sales=[["id"], [2]], Other=[["id"], [3]])
    workbook = openpyxl.load_workbook(path)
    workbook["Notes"].sheet_state = "hidden"
    workbook.save(path)
    assert table(path).to_pylist() == [{"id": 2}]
    assert table(path, "Notes").to_pylist() == [{"hidden": 1}]


def test_sheets_are_stacked_by_name_when_several_are_named(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", y2010=[["id", "n"], [1, 2], [3, 4]], y2011=[["n", "id"], [5, "C1"]], rest=[["x"]])
    assert table(path, "y2010", "y2011").to_pylist() == [
        {"id": "1", "n": 2},
        {"id": "3", "n": 4},
        {"id": "C1", "n": 5},
    ]


def test_sheets_are_refused_when_their_columns_differ(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", y2010=[["id", "n"]], y2011=[["id", "m"]])
    message = r"order_lines: sheets 'y2010' and 'y2011' of .*a.xlsx have not the same columns: .* has 'm', 'n'; give"
    with pytest.raises(ContractError, match=message):
        table(path, "y2010", "y2011")


def test_sheet_is_refused_when_two_columns_have_one_name(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"order_lines: sheet 'One' of .*a.xlsx has two columns named 'ID'"):
        table(book(tmp_path / "a.xlsx", One=[["id", "ID"], [1, 2]]))


def test_source_is_refused_when_the_sheet_is_missing_or_empty(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", One=[], Two=[["id"]])
    with pytest.raises(SourceError, match=r"order_lines: .*a.xlsx has no sheet 'one'; it has: 'One', 'Two'; correct"):
        table(path, "one")
    with pytest.raises(
        SourceError, match=r"order_lines: sheet 'One' of .*a.xlsx is empty; the others are: 'Two'; name"
    ):
        table(path)


@pytest.mark.parametrize("name", ["a.xlsx", "a.xls", "a.ods", "a.xlsb"])
@pytest.mark.parametrize("content", [b"id,when\n1,2\n" * 9, b"PK\x03\x04 cut in the middle"])
def test_source_is_refused_when_the_file_is_no_workbook(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=r"order_lines: .*a\.\w+ is no workbook that can be read: .+; save") as caught:
        table(tmp_path / name)
    assert "\n" not in caught.value.message


def test_source_is_refused_when_the_workbook_needs_a_password(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(encrypted_book())
    with pytest.raises(SourceError, match=r"order_lines: .*a.xlsx is protected by a password; save it without one"):
        table(tmp_path / "a.xlsx")


def encrypted_book() -> bytes:
    """Return the shell that Excel puts around an encrypted workbook: a compound file with one stream of that name."""
    free, end, nothing = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF
    head = struct.pack("<8s16xHHHHH6xIIIIIIIII", bytes.fromhex("d0cf11e0a1b11ae1"), 62, 3, 0xFFFE, 9, 6, 0, 1, 1, 0,
                       4096, end, 0, end, 0)  # fmt: skip
    header = head + struct.pack("<109I", 0, *[free] * 108)
    sectors = struct.pack("<128I", 0xFFFFFFFD, end, *[free] * 126)

    def entry(name: str, kind: int, child: int) -> bytes:
        title = name.encode("utf-16-le") + b"\0\0"
        start = end if kind == 5 else 0
        return struct.pack("<64sHBBIII36xIQ", title, len(title), kind, 1, nothing, nothing, child, start, 0)

    folder = entry("Root Entry", 5, 1) + entry("EncryptedPackage", 2, nothing) + bytes(256)
    return header + sectors + folder


def test_workbook_is_a_source_when_the_configuration_names_it(tmp_path: Path) -> None:
    book(tmp_path / "a.xlsx", One=[["Customer", "Price"], [17850, 2.55]], Two=[["Customer", "Price"], ["C1", 3]])
    entry = {
        "path": "a.xlsx",
        "sheets": ["One", "Two"],
        "columns": {"customer_id": "Customer", "amount": "Price", "ordered_at": "Price"},
    }
    source = open_source(Settings(workspace=tmp_path, source={"order_lines": entry}))
    found = source.tables(Workbench(ibis.duckdb.connect(), tmp_path))[col.ORDER_LINES].rows.to_pyarrow()
    assert found.select(["customer_id", "amount"]).to_pylist() == [
        {"customer_id": "17850", "amount": "2.55"},
        {"customer_id": "C1", "amount": "3"},
    ]
