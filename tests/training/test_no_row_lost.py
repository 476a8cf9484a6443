"""Rows in = kept + rejected + set aside + forgotten, whatever the file and the dirt in it."""

import csv
import gzip
import io
import sqlite3
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import columns as col
from models.contracts import ANONYMOUS, MALFORMED
from models.settings import Settings
from training.ingest import ingest
from training.quarantine import malformed_file, rejected_file, set_aside_file

TODAY = date(2024, 6, 30)
HEADER = ("customer_id", "ordered_at", "product_id", "order_id", "quantity", "amount", "discount")
GOOD = ("007", "2024-06-01 10:00:00", "p1", "o1", "2", "0.1", "0.05")
TEST_SALE = "test sale"

Row = tuple[str, ...]
Writer = Callable[[Path, list[Row], list[str]], dict[str, Any]]


@dataclass(frozen=True)
class Text:
    """A dialect of text files.

    Parameters
    ----------
    settings : dict
        What ``[source.order_lines]`` says of it, beside the path.
    file : str
        The file's name, or its ending in a folder.
    """

    settings: dict[str, Any]
    file: str = "lines.csv"

    def __call__(self, folder: Path, rows: list[Row], broken: list[str]) -> dict[str, Any]:
        (folder / self.file).write_bytes(self.content(rows, broken))
        return {"path": self.file, **self.settings}

    def content(self, rows: list[Row], broken: list[str]) -> bytes:
        """Return the file's bytes; a broken line after each of the first rows."""
        separator, encoding = self.settings.get("separator", ","), self.settings.get("encoding", "utf-8")
        lines: list[str] = []
        for place, row in enumerate(rows if "names" in self.settings else [HEADER, *rows]):
            text = io.StringIO(newline="")
            self._writer(text, separator).writerow(row)
            lines.append(text.getvalue())
            if 0 < place <= len(broken):
                lines.append(broken[place - 1].replace("|", separator) + "\r\n")
        return "".join(lines).encode(encoding, "replace")

    def _writer(self, text: io.StringIO, separator: str) -> Any:
        escape = self.settings.get("escape")
        return csv.writer(text, delimiter=separator, escapechar=escape, doublequote=escape is None)


def zipped(folder: Path, rows: list[Row], broken: list[str]) -> dict[str, Any]:
    with zipfile.ZipFile(folder / "lines.zip", "w") as archive:
        archive.writestr("lines.csv", Text({}).content(rows, broken))
    return {"path": "lines.zip"}


def gzipped(folder: Path, rows: list[Row], broken: list[str]) -> dict[str, Any]:
    (folder / "lines.csv.gz").write_bytes(gzip.compress(Text({}).content(rows, broken)))
    return {"path": "lines.csv.gz"}


def folder_of_texts(folder: Path, rows: list[Row], broken: list[str]) -> dict[str, Any]:
    (folder / "lines").mkdir()
    half = len(rows) // 2
    (folder / "lines" / "1.csv").write_bytes(Text({}).content(rows[:half], broken[:half]))
    (folder / "lines" / "2.csv").write_bytes(Text({}).content(rows[half:], broken[half:]))
    return {"path": "lines"}


def mixed_encodings(folder: Path, rows: list[Row], broken: list[str]) -> dict[str, Any]:
    """Write every other row's product in a second encoding."""
    content = Text({}).content([(*row[:2], f"é{row[2]}", *row[3:]) for row in rows], broken)
    parts = content.split("é".encode())
    (folder / "lines.csv").write_bytes(parts[0] + b"".join(b"\xe9" + part for part in parts[1:]))
    return {"path": "lines.csv"}


def parquet(folder: Path, rows: list[Row], broken: list[str]) -> dict[str, Any]:
    columns = dict(zip(HEADER, zip(*rows, strict=True), strict=True))
    pq.write_table(pa.table({name: [value or None for value in values] for name, values in columns.items()}), folder / "lines.parquet")
    return {"path": "lines.parquet"}


def excel(folder: Path, rows: list[Row], broken: list[str]) -> dict[str, Any]:
    book = openpyxl.Workbook()
    for row in (HEADER, *rows):
        book.active.append(row)
    book.save(folder / "lines.xlsx")
    return {"path": "lines.xlsx"}


def database(folder: Path, rows: list[Row], broken: list[str]) -> dict[str, Any]:
    with sqlite3.connect(folder / "shop.db") as connection:
        connection.execute(f"CREATE TABLE lines ({', '.join(f'{name} TEXT' for name in HEADER)})")
        connection.executemany(f"INSERT INTO lines VALUES ({', '.join('?' * len(HEADER))})", rows)
    connection.close()
    return {"table": "lines"}


TEXTS: dict[str, Writer] = {
    "comma": Text({}),
    "semicolon and decimal comma": Text({"separator": ";", "decimal": ","}),
    "tab": Text({"separator": "\t"}, "lines.tsv"),
    "bar and backslash": Text({"separator": "|", "escape": "\\"}),
    "no header": Text({"names": HEADER}),
    "cp1252": Text({"encoding": "cp1252"}),
    "gb18030": Text({"encoding": "gb18030"}, "lines.txt"),
    "gzip": gzipped,
    "zip": zipped,
    "folder": folder_of_texts,
    "mixed encodings": mixed_encodings,
}
OTHERS: dict[str, Writer] = {"parquet": parquet, "excel": excel, "database": database}

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=6)
# a value may hold what ends values and lines elsewhere
TRICKY = st.sampled_from([",", ";", "|", "\t", '"', '""', "\\", "a\nb", "a\r\nb", "'", "#", " padded "])
IDS = st.sampled_from(["007", "7", "", " ", "x" * 300, "🙂"]) | WORDS | TRICKY
TIMES = st.sampled_from(["", "2024-06-01", "2024-06-01T10:00:00+05:00", "2099-01-01", "01.06.2024"]) | WORDS
NUMBERS = st.sampled_from(["", "1", "-2.5", "1e18", "NaN", "inf", "1,234.50", "1.234,50", "free", "0.00001"]) | WORDS
ROWS = st.lists(st.tuples(IDS, TIMES, IDS | st.just(TEST_SALE), IDS, NUMBERS, NUMBERS, NUMBERS), min_size=5, max_size=150)
# too few fields or too many
BROKEN = st.lists(st.sampled_from(["8", "8|2024", "8|2024-06-01|p|o|1|5", "8|2024-06-01|p|o|1|5|0|?", "8" + "|" * 9]), max_size=5)


@pytest.mark.parametrize("kind", TEXTS)
@settings(max_examples=4, deadline=None)
@given(rows=ROWS, broken=BROKEN, drop=st.booleans())
def test_no_row_is_lost_when_the_text_is_dirty(kind: str, rows: list[Row], broken: list[str], drop: bool) -> None:
    assert_nothing_is_lost(TEXTS[kind], rows, broken, drop)


@pytest.mark.parametrize("kind", OTHERS)
@settings(max_examples=4, deadline=None)
@given(rows=ROWS, drop=st.booleans())
def test_no_row_is_lost_when_the_table_is_dirty(kind: str, rows: list[Row], drop: bool) -> None:
    # a line of a sheet without a value is no row
    assert_nothing_is_lost(OTHERS[kind], [row for row in rows if any(row)], [], drop)


def assert_nothing_is_lost(write: Writer, rows: list[Row], broken: list[str], drop: bool) -> None:
    rows = [GOOD, *rows]
    with TemporaryDirectory() as name:
        folder = Path(name)
        lines = write(folder, rows, broken)
        source: dict[str, Any] = {"order_lines": lines | {"set_aside": {"test_sale": f"product_id = '{TEST_SALE}'"}}}
        if "table" in lines:
            source["url"] = f"sqlite:///{folder}/shop.db"
        intake = {"max_rejected_share": 1, "drop_exact_duplicates": drop}
        config = Settings(workspace=folder, source=source, intake=intake)
        counted = ingest(config, today=TODAY).tables[col.ORDER_LINES]
        tables, quarantine = config.tables, config.quarantine
        assert counted.read == len(rows) + len(broken)
        out = counted.rejected_rows + counted.set_aside_rows + counted.forgotten
        assert counted.read == counted.kept + out
        assert counted.kept == in_file(tables / "order_lines.parquet")
        malformed = in_file(quarantine / malformed_file(col.ORDER_LINES))
        assert malformed == counted.rejected.get(MALFORMED, 0) == len(broken)
        assert counted.rejected_rows == malformed + in_file(quarantine / rejected_file(col.ORDER_LINES))
        assert counted.set_aside_rows == in_file(quarantine / set_aside_file(col.ORDER_LINES))
        tests = sum(row[2] == TEST_SALE for row in rows)
        assert counted.set_aside.get("test_sale", 0) == tests
        nobodys = sum(not row[0].strip(" \t\r\n") and row[2] != TEST_SALE for row in rows)
        assert counted.set_aside.get(ANONYMOUS, 0) == nobodys


def in_file(path: Path) -> int:
    return pq.read_metadata(path).num_rows if path.exists() else 0
