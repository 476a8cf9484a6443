"""What an intake read, kept and rejected: ``intake.json`` beside the kept tables."""

from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models import columns as col
from models.errors import SourceError
from models.settings import Settings

REPORT_FILE = "intake.json"


class TableIntake(BaseModel):
    """One table's rows, counted: read = kept + rejected + set aside + forgotten."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: int = Field(ge=0, description="Rows in the source.")
    kept: int = Field(ge=0, description="Rows in the kept table.")
    rejected: dict[str, int] = Field(
        description="Rule -> rows in quarantine that it names; rules nobody broke are left out."
    )
    set_aside: dict[str, int] = Field(
        default_factory=dict,
        description="Why -> rows set aside, never against the limit: anonymous, a configured condition, a duplicate.",
    )
    forgotten: int = Field(default=0, ge=0, description="Rows of people who are to be forgotten: kept nowhere.")
    duplicates: int = Field(ge=0, description="Kept rows that repeat another kept row exactly.")
    first_day: date | None = Field(description="First local day of the kept rows; null where the table has no time.")
    last_day: date | None = Field(description="Last local day of the kept rows.")
    absent: tuple[str, ...] = Field(description="Columns of the contract that the source does not have.")
    bytes: int = Field(ge=0, description="Size of the kept file.")

    @property
    def rejected_rows(self) -> int:
        """Rows in quarantine."""
        return sum(self.rejected.values())

    @property
    def set_aside_rows(self) -> int:
        """Rows that are set aside."""
        return sum(self.set_aside.values())

    @property
    def rejected_share(self) -> float:
        """Rejected among the rejected and the kept, 0..1; 0 where there are none."""
        judged = self.kept + self.rejected_rows
        return self.rejected_rows / judged if judged else 0.0


class IntakeReport(BaseModel):
    """What became of every row of the source, and where the data ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(description="complete-journey, or files.")
    key: str = Field(description="Hash of what decides the kept tables: files, settings, contract.")
    fingerprint: str = Field(description="The data's fingerprint: sha256 over the kept files' bytes.")
    today: date = Field(description="The day of the run.")
    last_complete_day: date = Field(description="Last local day whose order lines are all there.")
    as_of: date = Field(description="The midnight after it: the default dividing line between past and future.")
    tables: dict[str, TableIntake] = Field(description="Table -> its counts; every table of the contract is there.")
    joined_ids: int = Field(default=0, description="Ids that the identities table joins to somebody's other id.")
    joined_people: int = Field(default=0, description="People who have such ids.")
    notes: tuple[str, ...] = Field(description="What is absent and what that switches off; each said once.")


def load_report(settings: Settings) -> IntakeReport:
    """Read the report of the kept tables.

    Raises
    ------
    SourceError
        There are no kept tables yet, or their report is damaged.
    """
    path = settings.tables / REPORT_FILE
    try:
        return IntakeReport.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise SourceError(f"no tables in {settings.tables} yet; run `foresell check`") from error
    except (ValidationError, OSError) as error:
        raise SourceError(f"{path} is damaged; remove {settings.tables} and run `foresell check`") from error


def save_report(report: IntakeReport, folder: Path) -> None:
    """Write the report beside the tables that it describes."""
    (folder / REPORT_FILE).write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")


_ABSENT_TABLES = {
    col.PRODUCTS: "No products table: features by category and product names are off.",
    col.CUSTOMERS: "No customers table: attributes are off and tenure starts with the first order.",
    col.CONTACTS: "No contacts table: features of campaigns and answers are off.",
    col.EVENTS: "No events table: features of views, clicks and carts are off.",
}
_ABSENT_COLUMNS = {
    (col.ORDER_LINES, col.PRODUCT_ID): "No product_id in order_lines: product features and next-best-product are off.",
    (col.ORDER_LINES, col.ORDER_ID): "No order_id in order_lines: all of a customer's lines of one day are one order.",
    (col.ORDER_LINES, col.QUANTITY): "No quantity in order_lines: every line counts as one unit.",
    (col.ORDER_LINES, col.AMOUNT): "No amount in order_lines: spend features are off.",
    (col.ORDER_LINES, col.DISCOUNT): "No discount in order_lines: discount features are off.",
    (col.CONTACTS, col.RESPONDED_AT): "No responded_at in contacts: features of answers are off.",
}


def absence_notes(tables: dict[str, TableIntake], present: frozenset[str]) -> tuple[str, ...]:
    """Say once what the source lacks and what that switches off.

    Parameters
    ----------
    tables : dict of str to TableIntake
        The counts of every table.
    present : frozenset of str
        The tables that the source has.
    """
    missing = [note for table, note in _ABSENT_TABLES.items() if table not in present]
    empty = [
        f"The {table} table has no usable rows."
        for table in _ABSENT_TABLES
        if table in present and not tables[table].kept
    ]
    columns = [
        note for (table, column), note in _ABSENT_COLUMNS.items() if table in present and column in tables[table].absent
    ]
    return (*columns, *missing, *empty)
