import gzip
import shutil
import zipfile
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models import columns as col
from models.errors import ContractError, SourceError
from models.settings import Settings
from training.engine_errors import reason
from training.sources import Files, Workbench, excel, open_source
from training.sources.raw import RawTable

LINES = "customer_id,ordered_at\n007,2024-01-01\n"
PEOPLE = pa.table({"Kunde": [7], "Tag": ["2024-01-01"], "rest": [1]})


def files(workspace: Path, **tables: Any) -> Files:
    source = open_source(Settings(workspace=workspace, source=tables))
    assert isinstance(source, Files)
    return source


def raw(workspace: Path, **tables: Any) -> RawTable:
    """Return the raw order lines; what they need meanwhile lies in the workspace."""
    return files(workspace, **tables).tables(Workbench(ibis.duckdb.connect(), workspace))[col.ORDER_LINES]


def rows(workspace: Path, path: str, **more: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = raw(workspace, order_lines={"path": path, **more}).rows.to_pyarrow().to_pylist()
    return found


def refusal(workspace: Path, path: str, **more: Any) -> str:
    with pytest.raises((SourceError, ContractError)) as caught:
        rows(workspace, path, **more)
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_text_is_read_as_text_when_it_has_any_usual_separator(tmp_path: Path, separator: str) -> None:
    text = '\ufeffcustomer_id,ordered_at,amount\n007,2024-01-01,"1.50"\n#7,2024-01-02,\n'
    (tmp_path / "a[1].csv").write_text(text.replace(",", separator), encoding="utf-8")
    assert rows(tmp_path, "a[1].csv") == [
        {"customer_id": "007", "ordered_at": "2024-01-01", "amount": "1.50"},
        {"customer_id": "#7", "ordered_at": "2024-01-02", "amount": ""},
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text_is_read_when_its_values_hold_separators_quotes_and_line_ends(tmp_path: Path, end: str) -> None:
    lines = ["customer_id,ordered_at,", '"a, ""b""",x,', '"c\nd",y,z']
    (tmp_path / "a.csv").write_text(end.join(lines), newline="")
    assert rows(tmp_path, "a.csv", columns={"channel": "column_3"}) == [
        {"customer_id": 'a, "b"', "ordered_at": "x", "channel": ""},
        {"customer_id": "c\nd", "ordered_at": "y", "channel": "z"},
    ]


def packed(folder: Path, name: str) -> None:
    data = LINES.encode()
    if name.endswith(".zip"):
        with zipfile.ZipFile(folder / name, "w") as archive:
            archive.writestr("inner.csv", data)
            archive.writestr("more.csv", data)
    else:
        (folder / name).write_bytes(gzip.compress(data) if name.lower().endswith(".gz") else data)


@pytest.mark.parametrize("name", ["a.csv", "a.TSV", "a.tab", "a.dat", "a.txt.gz", "a.DAT.GZ", "a.zip"])
def test_text_is_read_when_its_name_has_any_known_ending(tmp_path: Path, name: str) -> None:
    packed(tmp_path, name)
    expected = [{"customer_id": "007", "ordered_at": "2024-01-01"}]
    assert rows(tmp_path, name) == expected * (2 if name == "a.zip" else 1)


def test_malformed_lines_are_in_a_file_when_the_rows_have_been_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{LINES}8\n9,2024-01-02\n")
    table = raw(tmp_path, order_lines={"path": "a.csv"})
    assert table.malformed is not None
    assert pq.read_table(table.malformed).num_rows == 0
    assert table.rows.count().to_pyarrow().as_py() == 2
    assert pq.read_table(table.malformed).to_pylist() == [
        {"rule": "malformed_line", "file": "a.csv", "line": 3, "text": "8"}
    ]


def test_malformed_lines_have_a_file_when_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(LINES)
    table = raw(tmp_path, order_lines={"path": "a.csv"})
    table.rows.to_pyarrow()
    assert table.malformed is not None
    assert pq.read_table(table.malformed).to_pydict() == {"rule": [], "file": [], "line": [], "text": []}


def test_the_notation_is_the_configured_one_when_a_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(LINES)
    table = raw(tmp_path, order_lines={"path": "a.csv", "decimal": ",", "times": ["%d.%m.%Y"]})
    assert (table.notation.decimal, table.notation.times) == (",", ("%d.%m.%Y",))


def test_progress_names_the_table_when_it_is_read(tmp_path: Path) -> None:
    told: list[tuple[str, float | None]] = []
    (tmp_path / "a.csv").write_text(LINES)
    bench = Workbench(ibis.duckdb.connect(), tmp_path, lambda text, share=None: told.append((text, share)))
    source = files(tmp_path, order_lines={"path": "a.csv"})
    source.tables(bench)[col.ORDER_LINES].rows.to_pyarrow()
    assert told == [("reading order lines", 1.0)]


def test_columns_are_whole_when_few_of_them_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("customer_id,ordered_at,amount\n1,x,3\n4,y,6\n")
    table = raw(tmp_path, order_lines={"path": "a.csv"}).rows
    assert table.filter(table.amount == "6").select("ordered_at").to_pyarrow().to_pylist() == [{"ordered_at": "y"}]


def test_parquet_keeps_its_types_when_columns_are_mapped(tmp_path: Path) -> None:
    pq.write_table(PEOPLE, tmp_path / "a[1].parquet")
    # what the name would mean as a pattern
    pq.write_table(pa.table({"Kunde": [8], "Tag": ["x"], "rest": [1]}), tmp_path / "a1.parquet")
    mapping = {"customer_id": "Kunde", "ordered_at": "Tag", "order_id": "Tag"}
    expected = {"customer_id": 7, "ordered_at": "2024-01-01", "order_id": "2024-01-01"}
    assert rows(tmp_path, "a[1].parquet", columns=mapping) == [expected]


def test_parquet_files_are_one_table_when_they_lie_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "lines").mkdir()
    pq.write_table(pa.table({"customer_id": ["1"], "ordered_at": ["x"]}), tmp_path / "lines" / "1.parquet")
    pq.write_table(pa.table({"ordered_at": ["y"], "amount": ["3"], "customer_id": ["2"]}), tmp_path / "lines" / "2.pq")
    assert sorted(rows(tmp_path, "lines"), key=lambda row: str(row["customer_id"])) == [
        {"customer_id": "1", "ordered_at": "x", "amount": None},
        {"customer_id": "2", "ordered_at": "y", "amount": "3"},
    ]


def test_parquet_is_refused_when_two_columns_have_one_name(tmp_path: Path) -> None:
    pq.write_table(pa.table({"customer_id": [1], "Customer_ID": [2]}), tmp_path / "a.parquet")
    assert "a.parquet has two columns named 'Customer_ID'; rename one of them" in refusal(tmp_path, "a.parquet")


def test_text_files_are_one_table_when_they_lie_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "lines" / "old").mkdir(parents=True)
    (tmp_path / "lines" / "old" / "0.csv").write_text("x\n")
    (tmp_path / "lines" / ".hidden.csv").write_text("x\n")
    (tmp_path / "lines" / "_SUCCESS").write_text("")
    (tmp_path / "lines" / "2.csv").write_text("ordered_at;customer_id\ny;2\n3\n")
    (tmp_path / "lines" / "1.csv.gz").write_bytes(gzip.compress(LINES.encode()))
    table = raw(tmp_path, order_lines={"path": "lines"})
    assert table.rows.to_pyarrow().to_pylist() == [
        {"customer_id": "007", "ordered_at": "2024-01-01"},
        {"customer_id": "2", "ordered_at": "y"},
    ]
    assert table.malformed is not None
    assert pq.read_table(table.malformed).select(["file", "line", "text"]).to_pylist() == [
        {"file": "2.csv", "line": 3, "text": "3"}
    ]


def test_workbook_is_read_with_its_sheets_when_the_path_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def read(path: Path, sheets: tuple[str, ...], bench: Workbench, table: str, decimal: str) -> Any:
        asked.append((path, sheets, table, decimal))
        return bench.connection.create_table("book", pa.table({"customer_id": ["1"], "ordered_at": ["x"]}))

    monkeypatch.setattr(excel, "read", read)
    (tmp_path / "a.XLSX").write_text("x")
    entry = {"path": "a.XLSX", "sheets": ["2023", "2024"], "decimal": ","}
    table = raw(tmp_path, order_lines=entry)
    assert (table.rows.count().to_pyarrow().as_py(), table.malformed) == (1, None)
    assert asked == [(tmp_path / "a.XLSX", ("2023", "2024"), "order_lines", ",")]


GZIP = gzip.compress(LINES.encode())


@pytest.mark.parametrize(
    ("path", "content", "told"),
    [
        ("gone.csv", {}, "gone.csv does not exist (relative paths start at the workspace); correct the path"),
        ("empty.csv", {"empty.csv": b""}, "empty.csv is empty; export it again, or correct the path"),
        ("empty.csv.gz", {"empty.csv.gz": gzip.compress(b"")}, "empty.csv.gz is empty; export it again"),
        ("a.pdf", {"a.pdf": b"x"}, "a.pdf is of no known kind (.csv, .tsv, "),
        ("a.parquet", {"a.parquet": b"x"}, "a.parquet cannot be read: "),
        ("a.csv.gz", {"a.csv.gz": LINES.encode()}, "a.csv.gz is not compressed as its name says; rename it, or"),
        ("a.zip", {"a.zip": GZIP}, "a.zip is not compressed as its name says; rename it, or export it again"),
        ("a.csv", {"a.csv": GZIP}, "a.csv is gzip and not text as its name says; rename it"),
        ("a.csv", {"a.csv": b"PK\x03\x04"}, "a.csv is a zip archive or an Excel file and not text as its name says"),
        ("in", {"in/old/a.csv": b"x"}, "in is a folder without files (folders in it are not read); correct the path"),
        ("in", {"in/a.csv": b"x", "in/b.parquet": b"x"}, "in holds 'a.csv' (text) and 'b.parquet' (Parquet); files of"),
        ("in", {"in/a.csv": b"x", "in/b.pdf": b"x"}, "b.pdf is of no known kind"),
        ("in", {"in/a.csv": LINES.encode(), "in/b.csv": b""}, "b.csv is empty; export it again"),
        ("in", {"in/a.xlsx": b"x", "in/b.xlsx": b"x"}, "in is a folder of Excel files; name one of them"),
        ("in", {"in/a.csv": b"a,b", "in/b.csv": b"a,c"}, "have different columns: the former 'b', the latter 'c'"),
        ("a.csv", {"a.csv": b"a,A\n"}, "a.csv has two columns named 'A'; rename one of them"),
    ],
)
def test_source_is_refused_when_its_path_is_of_no_use(
    tmp_path: Path, path: str, content: dict[str, bytes], told: str
) -> None:
    for name, data in content.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    message = refusal(tmp_path, path)
    assert message.startswith("order_lines: ")
    assert told in message
    assert message.endswith("; see [source.order_lines] in foresell.toml")


@pytest.mark.parametrize(("path", "asked"), [("a.csv", "open"), ("in", "iterdir")])
def test_source_is_refused_when_it_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, asked: str
) -> None:
    (tmp_path / "a.csv").write_text(LINES)
    (tmp_path / "in").mkdir()

    def denied(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, asked, denied)
    told = rf"order_lines: .*/{path} cannot be read: Permission denied; check its permissions"
    with pytest.raises(SourceError, match=told):
        files(tmp_path, order_lines={"path": path}).state()


def test_source_is_refused_when_a_file_of_text_is_damaged_in_the_middle(tmp_path: Path) -> None:
    lines = "customer_id,ordered_at\n" + "".join(f"{place},{place * 7919 % 10_007}\n" for place in range(300_000))
    data = gzip.compress(lines.encode())
    (tmp_path / "a.csv.gz").write_bytes(data[: len(data) // 2])
    table = raw(tmp_path, order_lines={"path": "a.csv.gz"})
    with pytest.raises(Exception, match=r"a.csv.gz cannot be read to its end") as caught:
        table.rows.to_pyarrow()
    assert reason(caught.value) == (
        f"{tmp_path / 'a.csv.gz'} cannot be read to its end: Compressed file ended before the end-of-stream marker was "
        f"reached; export it again"
    )


def test_state_changes_when_any_file_of_a_folder_does(tmp_path: Path) -> None:
    (tmp_path / "lines").mkdir()
    for name in ("1.csv", "2.csv"):
        (tmp_path / "lines" / name).write_text(LINES)
    source = files(tmp_path, order_lines={"path": "lines"})
    states = [source.state()]
    assert states == [source.state()]
    (tmp_path / "lines" / "2.csv").write_text(LINES * 2)
    states.append(source.state())
    shutil.copy(tmp_path / "lines" / "1.csv", tmp_path / "lines" / "3.csv")
    states.append(source.state())
    (tmp_path / "lines" / "1.csv").unlink()
    states.append(source.state())
    assert len(set(states)) == 4


def test_source_is_refused_when_a_column_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("CustomerID,ordered_at\n1,2\n")
    assert "a.csv (did you mean 'CustomerID'?); it has: 'CustomerID', 'ordered_at'" in refusal(tmp_path, "a.csv")


@pytest.mark.parametrize(
    ("one", "other", "kinds"),
    [
        (pa.array([1]), pa.array([1.0]), ("whole numbers", "floating numbers")),
        (pa.array(["7"]), pa.array([7]), ("text", "whole numbers")),
        (
            pa.array([0], pa.timestamp("us")),
            pa.array([0], pa.timestamp("us", "UTC")),
            ("times without a zone", "times with a zone"),
        ),
    ],
)
def test_folder_is_refused_when_a_column_has_two_types(
    tmp_path: Path, one: pa.Array, other: pa.Array, kinds: tuple[str, str]
) -> None:
    (tmp_path / "parts").mkdir()
    for name, values in (("a", one), ("b", other)):
        pq.write_table(
            pa.table({"customer_id": values, "ordered_at": ["2024-01-01"]}), tmp_path / "parts" / f"{name}.parquet"
        )
    told = refusal(tmp_path, "parts")
    assert f"column 'customer_id' is {kinds[0]} in" in told
    assert f"and {kinds[1]} in" in told


def test_folder_is_read_when_types_differ_in_width_or_a_column_is_empty(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    parts = (pa.array([1], pa.int32()), pa.array([2**40]), pa.nulls(1))
    for number, values in enumerate(parts):
        table = pa.table({"customer_id": values, "ordered_at": ["2024-01-01"]})
        pq.write_table(table, tmp_path / "parts" / f"{number}.parquet")
    assert [row["customer_id"] for row in rows(tmp_path, "parts")] == [1, 2**40, None]
