"""Intake: from a source to the kept tables, with every row accounted for.

Tables stream through DuckDB from file to file and are never held in this process. They are written in the order of
their columns, so that the same data gives the same bytes, into a folder beside the old ones that takes their place
when it is complete.
"""

import hashlib
import json
from datetime import date, timedelta
from pathlib import Path

from models import columns as col
from models import contracts
from models.contracts import SCHEMAS, RuleLimits
from models.errors import ContractError, NotEnoughDataError, SourceError
from models.settings import Settings
from training.casting import attribute_columns
from training.intake_report import IntakeReport, TableIntake, absence_notes, load_report, save_report
from training.intake_tables import Intake, connect, take_in
from training.last_day import last_complete_day
from training.progress import Progress, silent
from training.sources import Source, Workbench, open_source
from training.swap import put_in_place, workshop

__all__ = ["IntakeReport", "ensure_tables", "ingest", "load_report"]


def ingest(settings: Settings, *, today: date, progress: Progress = silent) -> IntakeReport:
    """Read the configured source and replace the kept tables and the quarantine.

    Parameters
    ----------
    settings : Settings
        The workspace's configuration.
    today : date
        The day of the run in the configured zone: the latest plausible day, unless the configuration names one.
    progress : callable, optional
        Told what happens now, e.g. "reading order lines".

    Returns
    -------
    IntakeReport
        Also written as ``intake.json`` beside the tables.

    Raises
    ------
    SourceError
        The source is missing or cannot be read.
    ContractError
        A column is missing or of the wrong type, or too many rows break a rule; in the latter case the quarantine is
        replaced so that they can be looked at, and the kept tables stay as they were.
    NotEnoughDataError
        No order line is usable.
    ConcurrentChangeError
        Another intake is at work in this workspace.
    """
    source = open_source(settings)
    key = _key(settings, source)  # before reading: a file that changes meanwhile is read again by the next run
    with workshop(settings.tables.parent, (settings.tables, settings.quarantine)) as folder:
        connection = connect(folder)
        try:
            raw = source.tables(Workbench(connection, folder, progress))
            names = tuple(attribute.name for attribute in settings.features.attributes)
            attributes = attribute_columns(raw[col.CUSTOMERS].rows if col.CUSTOMERS in raw else None, names)
            limits = RuleLimits(settings.intake.earliest, settings.intake.latest or today)
            intake = Intake(connection, folder, settings.features.timezone, attributes, limits, progress)
            counts = {table: take_in(intake, table, raw[table].rows if table in raw else None) for table in SCHEMAS}
            # before any refusal: a refused run still shows the rows that it rejected
            put_in_place(intake.quarantine, settings.quarantine)
            _refuse_the_unusable(counts, settings)
            report = _report(intake, counts, source=source.name, key=key, today=today, present=frozenset(raw))
        finally:
            connection.disconnect()
        save_report(report, intake.tables)
        put_in_place(intake.tables, settings.tables)
    return report


def ensure_tables(settings: Settings, *, today: date, progress: Progress = silent) -> IntakeReport:
    """Return the report of the kept tables, after an intake where the source, the settings or the contract changed.

    Parameters, errors and result are those of ``ingest``.
    """
    key = _key(settings, open_source(settings))
    try:
        report = load_report(settings)
    except SourceError:
        return ingest(settings, today=today, progress=progress)
    still_holds = report.today == today or not _hangs_on_today(report, settings)
    if report.key == key and still_holds and _whole(report, settings):
        return report
    return ingest(settings, today=today, progress=progress)


def _key(settings: Settings, source: Source) -> str:
    decides = {
        "contract": [contracts.VERSION, {table: dict(columns) for table, columns in SCHEMAS.items()}],
        "rules": {table: contracts.rule_descriptions(table) for table in SCHEMAS},
        "source": settings.source.model_dump(mode="json"),
        "intake": settings.intake.model_dump(mode="json", exclude={"max_rejected_share"}),
        "timezone": settings.features.timezone,
        "attributes": sorted(attribute.name for attribute in settings.features.attributes),
        "state": source.state(),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def _hangs_on_today(report: IntakeReport, settings: Settings) -> bool:
    unfinished = (report.tables[col.ORDER_LINES].last_day or date.min) >= report.today
    late = any(rule.endswith("_out_of_range") for table in report.tables.values() for rule in table.rejected)
    return unfinished or (late and settings.intake.latest is None)


def _whole(report: IntakeReport, settings: Settings) -> bool:
    files = {settings.tables / f"{table}.parquet": counted.bytes for table, counted in report.tables.items()}
    within = all(table.rejected_share <= settings.intake.max_rejected_share for table in report.tables.values())
    return within and all(file.is_file() and file.stat().st_size == size for file, size in files.items())


def _refuse_the_unusable(counts: dict[str, TableIntake], settings: Settings) -> None:
    limit = settings.intake.max_rejected_share
    over = [
        f"{table}: {counted.rejected_rows:,} of {counted.read - counted.anonymous:,} rows "
        f"({counted.rejected_share:.1%}) broke a rule ({_by_rule(counted)})"
        for table, counted in counts.items()
        if counted.rejected_share > limit
    ]
    if over:
        raise ContractError(
            f"too many rejected rows, at most {limit:.1%} are allowed: {'; '.join(over)}; they are in "
            f"{settings.quarantine}; correct the source or raise max_rejected_share under [intake]"
        )
    lines = counts[col.ORDER_LINES]
    if not lines.kept:
        raise NotEnoughDataError(
            f"order_lines: no usable row ({lines.read:,} read, {lines.rejected_rows:,} rejected, {lines.anonymous:,} "
            f"without a customer); at least one is needed; check path and columns under [source.order_lines]"
        )


def _by_rule(counted: TableIntake) -> str:
    most_first = sorted(counted.rejected.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{rule} {rows:,}" for rule, rows in most_first)


def _report(
    intake: Intake, counts: dict[str, TableIntake], *, source: str, key: str, today: date, present: frozenset[str]
) -> IntakeReport:
    intake.progress("closing the books")
    lines = intake.connection.read_parquet(intake.tables / f"{col.ORDER_LINES}.parquet")
    day, note = last_complete_day(lines, today=today)
    return IntakeReport(
        source=source,
        key=key,
        fingerprint=_fingerprint(intake.tables),
        today=today,
        last_complete_day=day,
        as_of=day + timedelta(days=1),
        tables=counts,
        notes=(*absence_notes(counts, present), *([note] if note else [])),
    )


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for table in SCHEMAS:
        with (folder / f"{table}.parquet").open("rb") as file:
            digest.update(f"{table} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
