"""Intake: from a source to the kept tables, with every row accounted for.

Tables stream through DuckDB from file to file and are never held in this process. They are written in the order of
their columns, so that the same data gives the same bytes, into a folder beside the old ones that takes their place
when it is complete.
"""

import hashlib
import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from models import columns as col
from models import contracts
from models.contracts import INTAKE_SCHEMAS, SCHEMAS, RuleLimits
from models.errors import ContractError, NotEnoughDataError, SourceError
from models.settings import Settings
from training.casting import attribute_columns
from training.forgotten import Register, register_path
from training.intake_identities import Joined, stage_identities
from training.intake_report import IntakeReport, TableIntake, absence_notes, load_report, save_report
from training.intake_tables import Intake, connect, stage, write_nothing, write_out
from training.kept_tables import ANONYMOUS_SALES
from training.last_day import last_complete_day
from training.line_details import products_of, write_anonymous_sales
from training.people import People
from training.progress import Progress, silent
from training.pseudonyms import hash_key, key_state
from training.sources import RawTable, Source, Workbench, open_source
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
    register = Register.load(register_path(settings))
    key = _key(settings, source, register)  # before reading: what changes meanwhile is read again by the next run
    with workshop(settings.tables.parent, (settings.tables, settings.quarantine)) as folder:
        connection = connect(folder)
        try:
            raw = dict(source.tables(Workbench(connection, folder, progress)))
            names = tuple(attribute.name for attribute in settings.features.attributes)
            intake = Intake(
                connection,
                folder,
                timezone=settings.features.timezone,
                attributes=attribute_columns(raw[col.CUSTOMERS].rows if col.CUSTOMERS in raw else None, names),
                limits=RuleLimits(settings.intake.earliest, settings.intake.latest or today),
                people=People(register, hash_key(settings)),
                drop_exact_duplicates=settings.intake.drop_exact_duplicates,
                progress=progress,
            )
            joined = stage_identities(intake, raw[col.IDENTITIES]) if col.IDENTITIES in raw else None
            counts = _take_in(replace(intake, people=joined.people) if joined else intake, raw, settings)
            counts[col.IDENTITIES] = (
                write_out(intake, joined.staged) if joined else write_nothing(intake, col.IDENTITIES)
            )
            # before any refusal: a refused run still shows the rows that it rejected
            put_in_place(intake.quarantine, settings.quarantine)
            _refuse_the_unusable(counts, settings)
            report = _report(intake, counts, joined, source=source.name, key=key, today=today, present=frozenset(raw))
        finally:
            connection.disconnect()
        save_report(report, intake.tables)
        put_in_place(intake.tables, settings.tables)
    return report


def _take_in(intake: Intake, raw: dict[str, RawTable], settings: Settings) -> dict[str, TableIntake]:
    """Take in every table but the identities; the order lines first, which may say what the products are."""
    staged = stage(intake, col.ORDER_LINES, raw[col.ORDER_LINES])
    lines, products = settings.source.order_lines, settings.source.products
    counted = bool(lines and lines.count_anonymous)
    write_anonymous_sales(intake, staged, intake.tables / ANONYMOUS_SALES, counted=counted)
    waiting = {col.ORDER_LINES: staged}
    if lines and products and products.from_order_lines:
        raw[col.PRODUCTS] = products_of(intake, staged, lines)
        waiting[col.PRODUCTS] = stage(intake, col.PRODUCTS, raw[col.PRODUCTS])
    counts: dict[str, TableIntake] = {}
    for table in SCHEMAS:
        if table in raw:
            counts[table] = write_out(intake, waiting.get(table) or stage(intake, table, raw[table]))
        else:
            counts[table] = write_nothing(intake, table)
    return counts


def ensure_tables(settings: Settings, *, today: date, progress: Progress = silent, anew: bool = False) -> IntakeReport:
    """Return the report of the kept tables, after an intake where the source, the settings or the contract changed.

    Other parameters, errors and result are those of ``ingest``.

    Parameters
    ----------
    anew : bool
        Read a source again that cannot tell whether it changed, such as a database.
    """
    source = open_source(settings)
    key = _key(settings, source, Register.load(register_path(settings)))
    try:
        report = load_report(settings)
    except SourceError:
        return ingest(settings, today=today, progress=progress)
    still_holds = report.today == today or not _hangs_on_today(report, settings)
    unsure = anew and source.state() is None
    if report.key == key and still_holds and not unsure and _whole(report, settings):
        return report
    return ingest(settings, today=today, progress=progress)


def _key(settings: Settings, source: Source, register: Register) -> str:
    decides = {
        "contract": [contracts.VERSION, {table: dict(columns) for table, columns in INTAKE_SCHEMAS.items()}],
        "rules": {table: contracts.rule_descriptions(table) for table in INTAKE_SCHEMAS},
        "source": settings.source.model_dump(mode="json"),
        "intake": settings.intake.model_dump(mode="json", exclude={"max_rejected_share"}),
        "timezone": settings.features.timezone,
        "attributes": sorted(attribute.name for attribute in settings.features.attributes),
        "state": source.state(),
        "forgotten": register.state(),
        "pseudonyms": key_state(hash_key(settings)),
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
        f"{table}: {counted.rejected_rows:,} of {counted.kept + counted.rejected_rows:,} rows "
        f"({counted.rejected_share:.1%}) broke a rule ({_most_first(counted.rejected)})"
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
        reasons = _most_first(lines.rejected | lines.set_aside)
        raise NotEnoughDataError(
            f"order_lines: no usable row ({lines.read:,} read, {lines.rejected_rows:,} rejected, "
            f"{lines.set_aside_rows:,} set aside{': ' * bool(reasons)}{reasons}); at least one is needed; they are in "
            f"{settings.quarantine}; check path, columns, times and decimal under [source.order_lines]"
        )


def _most_first(counts: dict[str, int]) -> str:
    most_first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{rule} {rows:,}" for rule, rows in most_first)


def _report(
    intake: Intake,
    counts: dict[str, TableIntake],
    joined: Joined | None,
    *,
    source: str,
    key: str,
    today: date,
    present: frozenset[str],
) -> IntakeReport:
    intake.progress("closing the books")
    lines = intake.connection.read_parquet(intake.tables / f"{col.ORDER_LINES}.parquet")
    day, ends = last_complete_day(lines, today=today)
    return IntakeReport(
        source=source,
        key=key,
        fingerprint=fingerprint_of(intake.tables),
        today=today,
        last_complete_day=day,
        as_of=day + timedelta(days=1),
        tables=counts,
        joined_ids=joined.ids if joined else 0,
        joined_people=joined.count if joined else 0,
        notes=(*absence_notes(counts, present), *ends),
    )


def fingerprint_of(folder: Path) -> str:
    """Return the fingerprint of kept tables: sha256 over what their files hold."""
    digest = hashlib.sha256()
    for name in (*(f"{table}.parquet" for table in INTAKE_SCHEMAS), ANONYMOUS_SALES):
        with (folder / name).open("rb") as file:
            digest.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
