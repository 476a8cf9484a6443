"""One table's way through intake: cast and judge once, then write what is kept, rejected and anonymous."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from models import columns as col
from models.contracts import ANONYMOUS, ANONYMOUS_TABLES, DAY_OF, REQUIRED, SCHEMAS, RuleLimits, written
from models.engines import NO_BAR
from models.errors import SourceError
from training.casting import candidate, judged, schema_of
from training.engine_errors import reason
from training.intake_report import TableIntake
from training.progress import Progress

_MEMORY = "3GB"  # beyond it DuckDB spills into the working folder


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
    progress : Progress
        Told what happens now.
    """

    connection: Backend
    folder: Path
    timezone: str
    attributes: tuple[str, ...]
    limits: RuleLimits
    progress: Progress

    @property
    def tables(self) -> Path:
        """The folder of the kept tables to be."""
        return self.folder / "tables"

    @property
    def quarantine(self) -> Path:
        """The folder of the rejected and anonymous rows to be."""
        return self.folder / "quarantine"


def connect(folder: Path) -> Backend:
    """Open a DuckDB that spills into ``folder`` and knows no time zone but UTC."""
    connection = ibis.duckdb.connect(temp_directory=str(folder / "spill"), memory_limit=_MEMORY)
    connection.raw_sql("SET TimeZone = 'UTC'")
    connection.raw_sql(NO_BAR)
    return connection


def take_in(intake: Intake, table: str, raw: ir.Table | None) -> TableIntake:
    """Write the kept, rejected and anonymous rows of one table, and count them.

    Parameters
    ----------
    intake : Intake
        What the tables share.
    table : str
        The table's name in the contract.
    raw : ir.Table or None
        The source's table; None = the source has none, and an empty one is kept.

    Raises
    ------
    ContractError
        A column has a type that its contract cannot be read from.
    SourceError
        The source cannot be read to its end, or the disk is full.
    """
    connection, title = intake.connection, table.replace("_", " ")
    source = raw if raw is not None else connection.create_table(f"no_{table}", schema=_bare(table), temp=True)
    staged = intake.folder / f"{table}.parquet"
    columns = tuple(schema_of(table, intake.attributes))
    try:
        intake.progress(f"reading {title}")
        connection.to_parquet(_staged(intake, table, source, columns), staged, compression="snappy")
        intake.progress(f"writing {title}")
        _write_parts(intake, table, connection.read_parquet(staged), columns)
    except duckdb.Error as error:
        raise SourceError(f"{table}: intake stopped: {reason(error)}; correct the source and run it again") from error
    counted = _counted(intake, table, staged, source.columns)
    staged.unlink()
    return counted


def _bare(table: str) -> ibis.Schema:
    return ibis.schema(dict.fromkeys(REQUIRED[table], "string"))


def _staged(intake: Intake, table: str, raw: ir.Table, columns: tuple[str, ...]) -> ir.Table:
    cast = candidate(raw, table, timezone=intake.timezone, attributes=intake.attributes)
    rows = judged(cast, table, intake.limits, order=columns)
    # the source's own values are of use for rejected rows alone
    nothing = ibis.null("string")
    texts = {
        written(name): ibis.ifelse(rows[col.RULE].isnull(), nothing, rows[written(name)].cast("string"))
        for name in columns
        if written(name) in rows.columns
    }
    return rows.select(*columns, col.RULE, **texts)


def _write_parts(intake: Intake, table: str, staged: ir.Table, columns: tuple[str, ...]) -> None:
    schema = ibis.schema(schema_of(table, intake.attributes))
    rule = staged[col.RULE]
    kept = staged.filter(rule.isnull()).select(*columns).cast(schema).order_by(list(columns))
    _write(intake, kept, intake.tables / f"{table}.parquet")
    texts = {name: written(name) for name in columns if SCHEMAS[table].get(name) != "date"}
    order = [col.RULE, *texts]
    rejected = staged.filter(rule.notnull() & (rule != ANONYMOUS)).select(col.RULE, **texts)
    _write(intake, rejected.order_by(order), intake.quarantine / f"{table}.parquet")
    if table in ANONYMOUS_TABLES:
        nobodys = staged.filter(rule == ANONYMOUS).select(col.RULE, **texts)
        _write(intake, nobodys.order_by(order), intake.quarantine / f"{ANONYMOUS}_{table}.parquet")


def _write(intake: Intake, rows: ir.Table, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    intake.connection.to_parquet(rows, path, compression="zstd")


def _counted(intake: Intake, table: str, staged: Path, theirs: tuple[str, ...]) -> TableIntake:
    connection, path = intake.connection, intake.tables / f"{table}.parquet"
    kept, rejected = connection.read_parquet(path), connection.read_parquet(intake.quarantine / path.name)
    rules = rejected.group_by(col.RULE).agg(rows=rejected.count()).order_by(col.RULE).to_pyarrow().to_pylist()
    nobodys = _rows(intake.quarantine / f"{ANONYMOUS}_{table}.parquet") if table in ANONYMOUS_TABLES else 0
    day = next((DAY_OF[name] for name in REQUIRED[table] if name in DAY_OF), None)
    span = kept.agg(first=kept[day].min(), last=kept[day].max()).to_pyarrow().to_pylist()[0] if day else {}
    counted = TableIntake(
        read=_rows(staged),
        kept=_rows(path),
        rejected={row[col.RULE]: row["rows"] for row in rules},
        anonymous=nobodys,
        duplicates=_rows(path) - kept.distinct().count().to_pyarrow().as_py(),
        first_day=span.get("first"),
        last_day=span.get("last"),
        absent=tuple(name for name, kind in SCHEMAS[table].items() if kind != "date" and name not in theirs),
        bytes=path.stat().st_size,
    )
    assert counted.read == counted.kept + counted.rejected_rows + counted.anonymous, f"{table}: rows were lost"
    return counted


def _rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)
