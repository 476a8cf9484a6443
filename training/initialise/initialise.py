"""From a path, a database or a built-in source's name to a ``foresell.toml`` that loads."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, get_args

import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend

from models import columns as col
from models.contracts import REQUIRED
from models.errors import ConfigError, ContractError, ForesellError, SourceError
from models.settings import CONFIG_FILE, Settings, load_settings
from models.source_settings import Builtin, SourceSettings
from training.initialise.database import database_samples, is_url
from training.initialise.document import builtin_document, document
from training.initialise.entries import Entry, TableGuess
from training.initialise.horizons import fitting_sections, span_of
from training.initialise.join import with_joins
from training.initialise.notation_guess import time_column
from training.initialise.places import samples_at, shown_path
from training.initialise.profile import Profile, profile_of
from training.initialise.sample import Sample
from training.initialise.tables import tables_of
from training.initialise.trial import rejections, with_questions
from training.progress import Progress, silent
from training.sources.mapping import mapped

BUILTIN: tuple[str, ...] = get_args(Builtin)


@dataclass(frozen=True)
class Initialised:
    """What was written.

    Parameters
    ----------
    path : Path
        The file.
    guesses : list of dict
        One an entry: table, key, value, reason, question, alternatives.
    questions : list of str
        What the user should settle, in the order of the file.
    unanswered : str or None
        What must be answered before anything can be read, in one line; None = nothing.
    """

    path: Path
    guesses: list[dict[str, Any]]
    questions: list[str]
    unanswered: str | None

    @property
    def summary(self) -> dict[str, Any]:
        """For machines."""
        return {
            "path": str(self.path),
            "guesses": self.guesses,
            "questions": self.questions,
            "unanswered": self.unanswered,
        }

    @property
    def sentences(self) -> str:
        """For a person: the guesses, the questions and what comes next."""
        lines = [
            f"{guess['table']}.{guess['key']} = {guess['value']}"
            for guess in self.guesses
            if guess["value"] is not None
        ]
        lines += [f"QUESTION: {question}" for question in self.questions]
        count = len(self.questions)
        asked = f"; settle the {count} QUESTION{'s' * (count != 1)} in it" if count else ""
        after = "" if self.unanswered else ". Next: foresell check"
        return "\n".join([*lines, f"{self.path} is written{asked}{after}"])


def initialise(
    target: str, workspace: Path, *, today: date = date.max, force: bool = False, progress: Progress = silent
) -> Initialised:
    """Write a ``foresell.toml`` from what a sample of the data looks like.

    Parameters
    ----------
    target : str
        A file, a folder, the URL of a database, or the name of a built-in source.
    workspace : Path
        The folder that gets the file; it is made where it is absent.
    today : date
        The latest plausible day of an order.
    force : bool
        Whether a file that is there is replaced.
    progress : Progress
        Told what happens.

    Raises
    ------
    ConfigError
        There is a ``foresell.toml``, or the guesses make none that loads.
    SourceError
        There is nothing to read, or it cannot be read.
    ContractError
        A table has two columns of one name, or no row.
    """
    path = workspace / CONFIG_FILE
    if path.exists() and not force:
        raise ConfigError(f"{path} exists and was left as it is; --force replaces it")
    if target in BUILTIN and not Path(target).exists():
        return _written(path, builtin_document(target), [], [])
    bench = ibis.duckdb.connect()
    progress(f"looking at {'the database' if is_url(target) else target}")
    if is_url(target):
        source, samples = database_samples(target, workspace)
        # nothing that a message or the file shows may hold the password
        shown = str(source.url)
    else:
        source, samples, shown = None, samples_at(_existing(target, workspace), bench), target
    profiles = []
    for sample in samples:
        progress(f"looking at the columns of {sample.name}")
        profiles.append(profile_of(sample, bench))
    profiles = with_joins(profiles, source, workspace, bench)
    guesses, unused = tables_of(profiles)
    _refuse_strangers(guesses[0], shown)
    text = partial(
        document,
        unused=[profile.sample for profile in unused],
        target=shown,
        workspace=workspace,
        url=source.url if source else None,
        with_password=bool(source and source.password),
        zoned=_zoned(guesses, profiles),
    )
    doubts = rejections(text(guesses), guesses[0], bench, today)
    guesses[0] = with_questions(guesses[0], doubts)
    content = text(guesses) + _short_horizons(guesses[0], profiles, bench)
    questions = [
        f"{guess.table}: {entry.key}: {entry.question}"
        for guess in guesses
        for entry in guess.entries
        if entry.question
    ]
    questions += [
        note.removeprefix("QUESTION: ")
        for g in guesses
        if g.sample
        for note in g.sample.notes
        if note.startswith("QUESTION: ")
    ]
    return _written(
        path, content, guesses, [*questions, "features: timezone: in which time zone does the shop count its days?"]
    )


def _short_horizons(lines: TableGuess, profiles: Sequence[Profile], bench: Backend) -> str:
    """Return sections with horizons that the sampled times have room for; empty where the defaults do."""
    profile = next(each for each in profiles if each.sample is lines.sample)
    at = next((entry for entry in lines.columns if entry.key == col.ORDERED_AT), None)
    column = time_column(profile, at, lines.table) if at else None
    if column is None or column.times is None:
        return ""
    span = span_of(column.values.dropna(), column.times.formats, bench)
    sections = fitting_sections(*span) if span else ""
    return f"\n{sections}" if sections else ""


def _existing(target: str, workspace: Path) -> Path:
    path = Path(target).expanduser()
    if not path.exists():
        raise SourceError(
            f"{target} does not exist; name a file, a folder, the URL of a database (postgresql://user@host/shop), or "
            f"a built-in source: {', '.join(BUILTIN)}"
        )
    if path.suffix.lower() in (".db", ".sqlite", ".sqlite3"):
        raise SourceError(f"{target} is a database: foresell init sqlite:///{shown_path(path, workspace)}")
    return path


def _refuse_strangers(lines: TableGuess, target: str) -> None:
    """Refuse a table that no answer makes one of order lines."""
    sample, known = lines.sample, [entry for entry in lines.columns if entry.key in REQUIRED[lines.table]]
    columns = list(sample.rows.columns) if sample else []
    if len(columns) < 2 or all(entry.value is None for entry in known):
        raise ContractError(
            f"{target} has no table of orders: neither a customer nor a time beside one was recognised in "
            f"{', '.join(map(repr, columns[:8]))}; name a file, a folder or a database that has them"
        )


def _zoned(guesses: Sequence[TableGuess], profiles: Sequence[Any]) -> bool:
    lines = guesses[0]
    profile = next(each for each in profiles if each.sample is lines.sample)
    at = next((entry.value for entry in lines.columns if entry.key == col.ORDERED_AT), None)
    column = profile.columns.get(at)
    return bool(column and column.times and column.times.with_offset)


def _written(path: Path, content: str, guesses: list[TableGuess], questions: list[str]) -> Initialised:
    """Write the file, read it again as every command does, and say what it holds."""
    tomllib.loads(content)
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_bytes() if path.exists() else None
    path.write_text(content, encoding="utf-8")
    missing = _missing(guesses)
    try:
        settings = load_settings(path.parent)
        if missing is None:
            _check_mapping(settings, guesses)
    except ForesellError:
        # a file that no command can use is worse than none
        path.unlink() if before is None else path.write_bytes(before)
        raise
    entries = [
        _guess(guess.table, section, entry) for guess in guesses for section, part in guess.sections for entry in part
    ]
    return Initialised(path, entries, questions, missing)


def _guess(table: str, section: str, entry: Entry) -> dict[str, Any]:
    return {
        "table": table,
        "key": f"{section}.{entry.key}" if section else entry.key,
        "value": entry.value,
        "reason": entry.reason,
        "question": entry.question,
        "alternatives": list(entry.alternatives),
    }


def _missing(guesses: Sequence[TableGuess]) -> str | None:
    for guess in guesses:
        if guess.sample is not None and guess.sample.unanswered:
            return guess.sample.unanswered
        for entry in guess.columns:
            if entry.value is None and entry.key in REQUIRED[guess.table]:
                likely = f"; it may be {', '.join(map(repr, entry.alternatives))}" if entry.alternatives else ""
                return (
                    f"{entry.key} was not recognised{likely}: set it under [source.{guess.table}.columns] in "
                    f"{CONFIG_FILE}"
                )
    return None


def _check_mapping(settings: Settings, guesses: Sequence[TableGuess]) -> None:
    for guess in guesses:
        if guess.sample is not None:
            mapped(_rows(guess.sample), guess.table, _source(settings), guess.sample.where)


def _source(settings: Settings) -> SourceSettings:
    return settings.source


def _rows(sample: Sample) -> ibis.expr.types.Table:
    types = {"number": pa.float64(), "time": pa.timestamp("us"), "boolean": pa.bool_(), "text": pa.string()}
    schema = pa.schema([(name, types[kind]) for name, kind in sample.kinds.items()])
    return ibis.memtable(schema.empty_table())
