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
from random import Random
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
from training.forgotten import Register, register_path
from training.ingest import ingest
from training.intake_report import TableIntake
from training.quarantine import malformed_file, rejected_file, set_aside_file

TODAY = date(2024, 6, 30)
HEADER = ("customer_id", "ordered_at", "product_id", "order_id", "quantity", "amount", "discount")
# sound in every notation and encoding
GOOD = ("007", "2024-06-01 10:00:00", "p1", "o1", "2", "3", "0")
TEST_SALE, FORGOTTEN = "test sale", "7"
BLANKS = " \t\r\n\v\f"

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
    """Write every é in a second encoding."""
    (folder / "lines.csv").write_bytes(Text({}).content(rows, broken).replace("é".encode(), "é".encode("cp1252")))
    return {"path": "lines.csv"}


def parquet(folder: Path, rows: list[Row], broken: list[str]) -> dict[str, Any]:
    columns = dict(zip(HEADER, zip(*rows, strict=True), strict=True))
    pq.write_table(
        pa.table({name: [value or None for value in values] for name, values in columns.items()}),
        folder / "lines.parquet",
    )
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
KINDS: dict[str, Writer] = {**TEXTS, "parquet": parquet, "excel": excel, "database": database}

# what ends a value or a line somewhere, and what is no id, time or number somewhere
IDS = (
    "007",
    "7",
    "",
    " ",
    "x" * 300,
    "🙂",
    "é",
    ",",
    ";",
    "|",
    "\t",
    '"',
    '""',
    "\\",
    "a\nb",
    "a\r\nb",
    "'",
    "#",
    " padded ",
)
TIMES = (
    "2024-06-01",
    "2024-06-01T10:00:00+05:00",
    "",
    "2099-01-01",
    "1900-01-01",
    "01.06.2024",
    "??",
    "6/1/2024\n10:00",
)
NUMBERS = ("", "1", "-2", "2.5", "1e18", "NaN", "inf", "1,234.50", "1.234,50", "free", "0.00001", '"', "\\")
WORDS = st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=6), max_size=10)
# too few fields or too many
BROKEN = ("8", "8|2024", "8|2024-06-01|p|o|1|5", "8|2024-06-01|p|o|1|5|0|?", "8" + "|" * 9)


@dataclass(frozen=True)
class Dirt:
    """Rows, lines that are none, and whether exact duplicates are set aside."""

    rows: list[Row]
    broken: list[str]
    drop: bool


@st.composite
def dirt(draw: st.DrawFn) -> Dirt:
    """Draw further words; each example has all the known dirt, in many rows: an intake costs more than a row."""
    ids, times, numbers = (*IDS, *draw(WORDS)), (*TIMES, *draw(WORDS)), (*NUMBERS, *draw(WORDS))
    rng = Random(draw(st.integers(0, 2**32)))
    values = (ids, times, (*ids, TEST_SALE), ids, numbers, numbers, numbers)
    rows = [GOOD, *(tuple(rng.choice(known) for known in values) for _ in range(250))]
    return Dirt(rows, rng.choices(BROKEN, k=draw(st.integers(0, 6))), draw(st.booleans()))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=2, deadline=None)
@given(dirt=dirt())
def test_no_row_is_lost_when_the_source_is_dirty(kind: str, dirt: Dirt) -> None:
    write = KINDS[kind]
    # only lines of text can be no row, and a line of a sheet without a value is none either
    assert_nothing_is_lost(write, dirt if kind in TEXTS else Dirt(dirt.rows, [], dirt.drop))


def assert_nothing_is_lost(write: Writer, dirt: Dirt) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        config = configured(folder, write(folder, dirt.rows, dirt.broken), dirt.drop)
        counted = ingest(config, today=TODAY).tables[col.ORDER_LINES]
        assert counted.read == len(dirt.rows) + len(dirt.broken)
        out = counted.rejected_rows + counted.set_aside_rows + counted.forgotten
        assert counted.read == counted.kept + out
        assert counted.kept == in_file(config.tables / f"{col.ORDER_LINES}.parquet")
        malformed = in_file(config.quarantine / malformed_file(col.ORDER_LINES))
        assert malformed == counted.rejected.get(MALFORMED, 0) == len(dirt.broken)
        assert counted.rejected_rows == malformed + in_file(config.quarantine / rejected_file(col.ORDER_LINES))
        assert counted.set_aside_rows == in_file(config.quarantine / set_aside_file(col.ORDER_LINES))
        assert outcomes(counted) == expected(dirt.rows)


def configured(folder: Path, lines: dict[str, Any], drop: bool) -> Settings:
    source: dict[str, Any] = {"order_lines": lines | {"set_aside": {"test_sale": f"product_id = '{TEST_SALE}'"}}}
    if "table" in lines:
        source["url"] = f"sqlite:///{folder}/shop.db"
    intake = {"max_rejected_share": 1, "drop_exact_duplicates": drop}
    config = Settings(workspace=folder, source=source, intake=intake)
    Register.load(register_path(config)).add([FORGOTTEN]).save(register_path(config))
    return config


def outcomes(counted: TableIntake) -> dict[str, int]:
    return {name: counted.set_aside.get(name, 0) for name in ("test_sale", ANONYMOUS)} | {
        "forgotten": counted.forgotten
    }


def expected(rows: list[Row]) -> dict[str, int]:
    """Count what each row's own words decide, whatever the rules say."""
    forgotten = [row for row in rows if row[0] == FORGOTTEN]
    others = [row for row in rows if row[0] != FORGOTTEN]
    tests = [row for row in others if row[2] == TEST_SALE]
    nobodys = [row for row in others if row[2] != TEST_SALE and not row[0].strip(BLANKS)]
    return {"test_sale": len(tests), ANONYMOUS: len(nobodys), "forgotten": len(forgotten)}


def in_file(path: Path) -> int:
    return pq.read_metadata(path).num_rows if path.exists() else 0
