"""One table's way through intake: cast and judged once into a staged file, then written out by each row's fate."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from models import columns as col
from models.contracts import INTAKE_SCHEMAS, MALFORMED, RuleLimits, written
from models.engines import NO_BAR
from models.errors import SourceError
from training.casting import LINE_DETAILS, candidate, schema_of
from training.engine_errors import reason
from training.intake_report import TableIntake
from training.judging import FATE, Fate, judged
from training.kept_days import days_of
from training.people import People
from training.progress import Progress
from training.quarantine import malformed_file, rejected_file, set_aside_file
from training.repeats import repeats
from training.sources.raw import RawTable, product_detail

_MEMORY = "2GB"  # beyond it DuckDB spills into the working folder


@dataclass(frozen=True)
class Intake:
    """What the tables of one intake share.

    Parameters
    ----------
    connection : Backend
        DuckDB, from ``connect``.
    folder : Path
        Working folder, on the file system of the workspace.
    timezone : str
        IANA zone of the kept wall-clock times.
    attributes : tuple of str
        Columns of ``customers`` that are kept beside the contract's.
    limits : RuleLimits
        The numbers behind the row rules.
    people : People
        Whose ids are joined, forgotten and kept as pseudonyms.
    drop_exact_duplicates : bool
        Whether rows that repeat another one exactly are set aside.
    progress : Progress
        Told what happens now.
    """

    connection: Backend
    folder: Path
    timezone: str
    attributes: tuple[str, ...]
    limits: RuleLimits
    people: People
    drop_exact_duplicates: bool
    progress: Progress

    @property
    def tables(self) -> Path:
        """The folder of the kept tables to be."""
        return self.folder / "tables"

    @property
    def quarantine(self) -> Path:
        """The folder of the rejected and set-aside rows to be."""
        return self.folder / "quarantine"


@dataclass(frozen=True)
class Staged:
    """One table, cast and judged, each row with its fate.

    Parameters
    ----------
    table : str
        Its name in the contract.
    path : Path
        Parquet file: the contract's columns, ``rule``, ``fate``, what the source had of the rows that are not kept,
        and for order lines what they say of their products.
    columns : tuple of str
        The columns of the source that the contract knows.
    malformed : Path or None
        Parquet file of the lines that are no row.
    """

    table: str
    path: Path
    columns: tuple[str, ...]
    malformed: Path | None


def connect(folder: Path) -> Backend:
    """Open a DuckDB that spills into ``folder`` and knows no time zone but UTC."""
    connection = ibis.duckdb.connect(temp_directory=str(folder / "spill"), memory_limit=_MEMORY)
    connection.raw_sql("SET TimeZone = 'UTC'")
    # what is staged is sorted when it is written out
    connection.raw_sql("SET preserve_insertion_order = false")
    connection.raw_sql(NO_BAR)
    return connection


def write_nothing(intake: Intake, table: str) -> TableIntake:
    """Write an empty table that the source does not have, and its empty quarantine."""
    schema = ibis.schema(schema_of(table, intake.attributes))
    texts = {name: "string" for name, kind in schema.items() if INTAKE_SCHEMAS[table].get(name) != "date"}
    out = ibis.schema({col.RULE: "string", **texts})
    path = intake.tables / f"{table}.parquet"
    files = {path: schema, **{intake.quarantine / name(table): out for name in (rejected_file, set_aside_file)}}
    for file, columns in files.items():
        file.parent.mkdir(exist_ok=True)
        pq.write_table(columns.to_pyarrow().empty_table(), file, compression="zstd")
    absent = tuple(name for name, kind in INTAKE_SCHEMAS[table].items() if kind != "date")
    return TableIntake(
        read=0,
        kept=0,
        rejected={},
        duplicates=0,
        first_day=None,
        last_day=None,
        absent=absent,
        bytes=path.stat().st_size,
    )


def stage(intake: Intake, table: str, raw: RawTable) -> Staged:
    """Read one table, the only time: cast it and judge every row.

    Parameters
    ----------
    intake : Intake
        What the tables share.
    table : str
        The table's name in the contract.
    raw : RawTable
        The source's table.

    Raises
    ------
    ContractError
        A column has a type that its contract cannot be read from.
    SourceError
        The source cannot be read to its end, or the disk is full.
    """
    path = intake.folder / f"{table}.parquet"
    intake.progress(f"reading {_title(table)}")
    try:
        intake.connection.to_parquet(_judged(intake, table, raw), path, compression="snappy")
    except (duckdb.Error, pa.ArrowException) as error:
        raise _stopped(table, error) from error
    return Staged(table, path, tuple(raw.rows.columns), raw.malformed)


def write_out(intake: Intake, staged: Staged) -> TableIntake:
    """Write the kept, rejected and set-aside rows of a staged table, count them, and remove the staged file.

    Raises
    ------
    SourceError
        The disk is full.
    """
    table = staged.table
    intake.progress(f"writing {_title(table)}")
    columns = tuple(schema_of(table, intake.attributes))
    rows = intake.connection.read_parquet(staged.path)
    schema = ibis.schema(schema_of(table, intake.attributes))
    texts = {name: written(name) for name in columns if INTAKE_SCHEMAS[table].get(name) != "date"}
    try:
        kept = rows.filter(rows[FATE] == Fate.KEPT.value).select(*columns).cast(schema)
        _write(intake, kept.order_by(list(columns)), intake.tables / f"{table}.parquet")
        for fate, file in ((Fate.REJECTED, rejected_file(table)), (Fate.SET_ASIDE, set_aside_file(table))):
            out = rows.filter(rows[FATE] == fate.value).select(col.RULE, **texts)
            _write(intake, out.order_by([col.RULE, *texts]), intake.quarantine / file)
    except duckdb.Error as error:
        raise _stopped(table, error) from error
    counted = _counted(intake, staged, malformed=_keep_malformed(intake, staged))
    staged.path.unlink()
    return counted


def _stopped(table: str, error: Exception) -> BaseException:
    told = reason(error)
    if told == "KeyboardInterrupt":  # while DuckDB read a stream of ours
        return KeyboardInterrupt()
    step = "correct the source and run it again"
    if "No space left" in told:
        step = "make room on the disk and run it again"
    step = "" if ";" in told else f"; {step}"  # a source says itself what to do
    return SourceError(f"{table}: intake stopped: {told}{step}")


def _title(table: str) -> str:
    return table.replace("_", " ")


def _judged(intake: Intake, table: str, raw: RawTable) -> ir.Table:
    columns = tuple(schema_of(table, intake.attributes))
    cast = intake.people.joined(candidate(raw, table, timezone=intake.timezone, attributes=intake.attributes))
    rows = judged(
        cast,
        table,
        intake.limits,
        order=columns,
        forgotten=intake.people.forgotten(cast),
        drop_exact_duplicates=intake.drop_exact_duplicates,
    )
    # the source's own values are of use for rows that are not kept alone
    nothing = ibis.null("string")
    kept = rows[FATE] == Fate.KEPT.value
    texts = {
        written(name): ibis.ifelse(kept, nothing, rows[written(name)].cast("string"))
        for name in columns
        if written(name) in rows.columns
    }
    ids = {name: intake.people.known_as(rows[name]) for name in (col.SOURCE_ID, col.CUSTOMER_ID) if name in columns}
    if intake.people.key is not None:
        texts |= {written(name): ibis.ifelse(kept, nothing, value) for name, value in ids.items()}
    details = [name for name in map(product_detail, LINE_DETAILS) if name in rows.columns]
    return rows.mutate(**ids, **texts).select(*columns, col.RULE, FATE, *texts, *details)


def _write(intake: Intake, rows: ir.Table, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    intake.connection.to_parquet(rows, path, compression="zstd")


def _keep_malformed(intake: Intake, staged: Staged) -> int:
    """Keep the lines that are no row but those of forgotten people, and return how many there were in all."""
    if staged.malformed is None or not _rows(staged.malformed):
        return 0
    lines = pq.read_table(staged.malformed)
    # a line that is no row may hold an id anywhere
    register, texts = intake.people.register, lines["text"].to_pylist()
    kept = lines if register.empty else lines.filter(pa.array([not register.mentioned_in(text) for text in texts]))
    if intake.people.key is not None:
        kept = kept.set_column(kept.column_names.index("text"), "text", pa.nulls(kept.num_rows, pa.string()))
    pq.write_table(kept, intake.quarantine / malformed_file(staged.table), compression="zstd")
    return int(lines.num_rows)


def _counted(intake: Intake, staged: Staged, *, malformed: int) -> TableIntake:
    connection, table = intake.connection, staged.table
    path = intake.tables / f"{table}.parquet"
    lines = intake.quarantine / malformed_file(table)
    lost = {MALFORMED: _rows(lines)} if lines.exists() and _rows(lines) else {}
    every = connection.read_parquet(staged.path)
    fates = every.group_by(FATE, col.RULE).agg(rows=every.count()).order_by(col.RULE).to_pyarrow().to_pylist()
    by_fate = {fate: {each[col.RULE]: each["rows"] for each in fates if each[FATE] == fate.value} for fate in Fate}
    first_day, last_day = days_of(table, path)
    counted = TableIntake(
        read=_rows(staged.path) + malformed,
        kept=_rows(path),
        rejected={**lost, **by_fate[Fate.REJECTED]},
        set_aside=by_fate[Fate.SET_ASIDE],
        forgotten=sum(by_fate[Fate.FORGOTTEN].values()) + malformed - sum(lost.values()),
        duplicates=repeats(path),
        first_day=first_day,
        last_day=last_day,
        absent=tuple(
            name for name, kind in INTAKE_SCHEMAS[table].items() if kind != "date" and name not in staged.columns
        ),
        bytes=path.stat().st_size,
    )
    out = counted.rejected_rows + counted.set_aside_rows + counted.forgotten
    assert counted.read == counted.kept + out, f"{table}: rows were lost"
    return counted


def _rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)
