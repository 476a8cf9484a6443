"""What intake would reject of the sampled rows if it read them as the file says."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from models import columns as col
from models.contracts import RuleLimits
from models.errors import ForesellError
from models.settings import IntakeSettings
from models.source_settings import SourceSettings
from training.casting import candidate
from training.initialise.entries import Entry, TableGuess
from training.initialise.sample import Sample
from training.judging import FATE, Fate, judged
from training.quarantine import described
from training.sources.mapping import mapped
from training.sources.raw import RawTable

_MANY = 0.05  # share of the rows
_TYPES = {"number": "float64", "time": "timestamp", "boolean": "boolean", "text": "string"}


def rejections(content: str, guess: TableGuess, bench: Backend, latest: date) -> list[Entry]:
    """Ask about each rule that would reject many of the sampled order lines.

    Parameters
    ----------
    content : str
        The file.
    guess : TableGuess
        What it says of the order lines.
    bench : Backend
        DuckDB.
    latest : date
        The latest plausible day of an order.
    """
    if guess.sample is None:
        return []
    counts = _counts(content, guess.sample, bench, latest)
    rows = len(guess.sample.rows)
    columns = {entry.key: entry.value for entry in guess.columns}
    entries = []
    for rule, count in counts.items():
        if count <= _MANY * rows:
            continue
        ours = next((key for key in sorted(columns, key=len, reverse=True) if key in rule), None)
        where = f" ({ours} = {columns[ours]})" if ours else ""
        entries.append(
            Entry(
                rule,
                None,
                question=f"intake would reject {count / rows:.0%} of the sampled rows: "
                f"{described(col.ORDER_LINES, rule)}{where}. Is it another column, or is it written otherwise?",
            )
        )
    return entries


def _counts(content: str, sample: Sample, bench: Backend, latest: date) -> dict[str, int]:
    limits = RuleLimits(IntakeSettings().earliest, latest)
    try:
        settings = SourceSettings.model_validate(tomllib.loads(content)["source"])
        raw = RawTable(
            mapped(_typed(sample, bench), col.ORDER_LINES, settings, sample.where),
            notation=settings.tables[col.ORDER_LINES],
        )
        rows = judged(candidate(raw, col.ORDER_LINES, timezone="UTC", attributes=()), col.ORDER_LINES, limits, order=())
        counts = rows.filter(rows[FATE] == Fate.REJECTED.value).group_by(col.RULE).agg(rows=ibis._.count())
        found = bench.to_pyarrow(counts).to_pylist()
    except (ForesellError, ValueError):
        return {}  # what cannot be read at all is said elsewhere
    return {str(row[col.RULE]): int(row["rows"]) for row in found}


def _typed(sample: Sample, bench: Backend) -> ir.Table:
    texts = pa.table({name: pa.array(sample.rows[name], pa.string(), from_pandas=True) for name in sample.rows})
    rows = bench.create_table("trial", texts, temp=True, overwrite=True)
    return rows.mutate(**{name: rows[name].try_cast(_TYPES[kind]) for name, kind in sample.kinds.items()})


def with_questions(guess: TableGuess, questions: Sequence[Entry]) -> TableGuess:
    """Return what the file says of a table, with questions above its columns."""
    return replace(guess, settings=[*guess.settings, *questions])
