"""The intake's report made true again after rows were removed from its files."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from training.ingest import fingerprint_of
from training.intake_report import IntakeReport, TableIntake
from training.kept_days import days_of
from training.quarantine import malformed_file, rejected_file, set_aside_file
from training.removal import Removal

_NOTHING = Removal({})


def recounted(report: IntakeReport, tables: Path, lost: Mapping[Path, Removal]) -> IntakeReport:
    """Return the report of tables that some people were removed from.

    What it says of the source stays, and so does its key: with the new register the next command reads the source
    again.

    Parameters
    ----------
    report : IntakeReport
        Of the tables before.
    tables : Path
        The folder of the tables as they are now.
    lost : mapping of Path to Removal
        What each file of the tables and of the quarantine lost.
    """
    counts = {
        table: _counted(table, counted, tables / f"{table}.parquet", lost) for table, counted in report.tables.items()
    }
    return report.model_copy(update={"tables": counts, "fingerprint": fingerprint_of(tables)})


def _counted(table: str, counted: TableIntake, kept: Path, lost: Mapping[Path, Removal]) -> TableIntake:
    of = {f"{path.parent.name}/{path.name}": removal for path, removal in lost.items()}
    from_kept = of.get(f"tables/{kept.name}", _NOTHING)
    from_rejected = {
        **of.get(f"quarantine/{rejected_file(table)}", _NOTHING).rules,
        **of.get(f"quarantine/{malformed_file(table)}", _NOTHING).rules,
    }
    rejected = _without(counted.rejected, from_rejected)
    set_aside = _without(counted.set_aside, of.get(f"quarantine/{set_aside_file(table)}", _NOTHING).rules)
    rows = pq.read_metadata(kept).num_rows
    first, last = days_of(table, kept)
    return counted.model_copy(
        update={
            "kept": rows,
            "rejected": rejected,
            "set_aside": set_aside,
            "forgotten": counted.read - rows - sum(rejected.values()) - sum(set_aside.values()),
            "duplicates": counted.duplicates - from_kept.repeats,
            "first_day": first,
            "last_day": last,
            "bytes": kept.stat().st_size,
        }
    )


def _without(counts: Mapping[str, int], gone: Mapping[str, int]) -> dict[str, int]:
    # a refused intake leaves a quarantine that the report says nothing of: no count falls below zero
    left = {rule: max(0, rows - gone.get(rule, 0)) for rule, rows in counts.items()}
    return {rule: rows for rule, rows in left.items() if rows}
