"""What holds a person beside the tables, or did: sources, stores, bentos, scored files, logs and training runs.

Nothing here is changed: each finding comes with what to do about it.
"""

import os
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from models import columns as col
from models.errors import CorruptPartError, ForesellError
from models.parts import verify
from models.release import Releases
from models.settings import Settings
from models.store import UNKNOWN, open_store
from training.wording import counted, place_of

_STORE = "store.json"
_SHOWN = 10  # hours of the prediction log that are named at most
_COMPRESSED = (".gz", ".zip", ".zst", ".bz2", ".xz")


@dataclass(frozen=True)
class Holder:
    """One place that holds a person.

    Parameters
    ----------
    kind : str
        source, release, service, bento, file, prediction log, log or training runs.
    path : str
        Where, relative to the workspace where it is in there.
    holds : str
        What it holds of the person.
    next_step : str
        What to do about it.
    """

    kind: str
    path: str
    holds: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.kind} {self.path}: {self.holds}; {self.next_step}"


def holders(settings: Settings, ids: Collection[str], *, bentos: Path) -> tuple[Holder, ...]:
    """Find what holds any of the ids; the source and the training runs are always named.

    Parameters
    ----------
    settings : Settings
        The workspace's configuration.
    ids : collection of str
        All that the people are known by.
    bentos : Path
        BentoML's home.
    """
    return (
        *_sources(settings),
        *_releases(settings, ids),
        *_bentos(settings, ids, bentos),
        *_files(settings, ids, bentos),
        *_prediction_log(settings, ids),
        *_logs(settings, ids, bentos),
        _runs(settings),
    )


def _sources(settings: Settings) -> Iterator[Holder]:
    source = settings.source
    step = "it is read and never written: remove them there; intake leaves them out meanwhile"
    if source.builtin:
        yield Holder("source", source.builtin, "what the package ships", "intake leaves them out")
    for name, entry in source.tables.items():
        if entry.path:
            yield Holder("source", str(entry.path), f"the {name} that they are read from", step)
        elif entry.table or entry.query:
            yield Holder("source", entry.table or "a query", f"the {name}, in the database of [source] url", step)


def _releases(settings: Settings, ids: Collection[str]) -> Iterator[Holder]:
    releases = Releases(settings.releases)
    names = _names_by_store(releases)
    holding = False
    for part in sorted(path.parent for path in releases.parts.glob(f"*/{_STORE}")):
        found = _in_store(part, ids)
        if found is None:
            continue
        holding = True
        named = names.get(part.name, [])
        path = f"{place_of(part, settings)} ({', '.join(named) or 'of no release'})"
        keep = settings.publishing.keep_releases
        step = (
            f"foresell publish writes a release without them and keeps the newest {keep}: lower "
            "publishing.keep_releases, or publish until this one is swept"
            if named
            else "the next foresell publish removes it"
        )
        yield Holder("release", path, found, step)
    if holding:
        yield Holder(
            "service",
            "that runs",
            "the release that it has open",
            "foresell publish: it changes over within seconds; one that serves a bento's store must be restarted",
        )


def _names_by_store(releases: Releases) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name in releases.names():
        with suppress(ForesellError):
            names.setdefault(releases.manifest(name).store, []).append(name)
    return names


def _in_store(part: Path, ids: Collection[str]) -> str | None:
    """Say what a store holds of the ids; None = nothing."""
    try:
        verify(part, part.name)
    except CorruptPartError:
        return "a store that is damaged or unfinished and may hold them"
    rows = open_store(part).rows_of(sorted(ids))
    return "their features and purchases" if (rows != UNKNOWN).any() else None


def _bentos(settings: Settings, ids: Collection[str], home: Path) -> Iterator[Holder]:
    for part in sorted(path.parent for path in home.glob(f"*/*/*/parts/*/{_STORE}")):
        found = _in_store(part, ids)
        if found is not None:
            model = part.parent.parent
            tag = f"{model.parent.name}:{model.name}"
            built = ", ".join(_built_with(home, tag)) or "no bento"
            step = (
                f"bentoml delete each and bentoml models delete {tag} (BENTOML_HOME={home}), and their copies elsewhere"
            )
            yield Holder("bento", place_of(model, settings), f"{found} ({built} has it)", step)


def _built_with(home: Path, model: str) -> list[str]:
    return [
        f"{path.parent.parent.name}:{path.parent.name}"
        for path in sorted(home.glob("bentos/*/*/bento.yaml"))
        if not path.parent.is_symlink() and model in path.read_text(encoding="utf-8", errors="replace")
    ]


def _files(settings: Settings, ids: Collection[str], bentos: Path) -> Iterator[Holder]:
    wanted = pa.array(sorted(ids), pa.string())
    for path in _walk(settings, bentos):
        if path.suffix not in (".parquet", ".csv"):
            continue
        try:
            rows = sum(_count(column, wanted) for column in _customers(path))
        except (pa.ArrowException, OSError, UnicodeDecodeError):
            yield Holder(
                "file", place_of(path, settings), "a table that cannot be read to its end", "look at it yourself"
            )
            continue
        if rows:
            step = "score again after foresell publish, or delete it, and whatever was copied from it"
            yield Holder("file", place_of(path, settings), counted(rows, "row", "rows"), step)


def _prediction_log(settings: Settings, ids: Collection[str]) -> Iterator[Holder]:
    folder = settings.prediction_log
    if folder is None:
        return
    wanted = pa.array(sorted(ids), pa.string())
    rows = 0
    hours: dict[str, None] = {}
    for path in sorted(folder.glob("hour=*/*.parquet")):
        try:
            found = sum(_count(column, wanted) for column in _customers(path))
        except FileNotFoundError:
            # the service keeps the log small
            continue
        except (pa.ArrowException, OSError):
            found = 0
            hours[path.parent.name] = None
        if found:
            rows += found
            hours[path.parent.name] = None
    if hours:
        more = f" and {len(hours) - _SHOWN:,} more" if len(hours) > _SHOWN else ""
        yield Holder(
            "prediction log",
            place_of(folder, settings),
            counted(rows, "row", "rows"),
            f"delete them, or the hours: {', '.join([*hours][:_SHOWN])}{more}; a service that runs writes what it "
            "still has of them within a minute",
        )


def _walk(settings: Settings, bentos: Path) -> Iterator[Path]:
    """Give every file of the workspace that is neither a source nor kept by a command."""
    workspace = settings.workspace
    own = {settings.tables.parent, settings.releases, workspace / "mlruns", bentos, settings.prediction_log}
    sources = {workspace / entry.path for entry in settings.source.tables.values() if entry.path} - {workspace}
    for folder, names, files in os.walk(workspace):
        here = Path(folder)
        names[:] = sorted(name for name in names if not name.startswith(".") and here / name not in own | sources)
        yield from (here / name for name in sorted(files) if here / name not in sources)


def _customers(path: Path) -> Iterator[pa.Array]:
    """Give the column of customer ids batch by batch; nothing where there is none."""
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            if col.CUSTOMER_ID in file.schema_arrow.names:
                for batch in file.iter_batches(columns=[col.CUSTOMER_ID]):
                    yield batch.column(0)
        return
    with path.open(encoding="utf-8", errors="replace") as text:
        if col.CUSTOMER_ID not in text.readline():
            return
    skip = pacsv.ParseOptions(invalid_row_handler=lambda _: "skip", newlines_in_values=True)
    as_text = pacsv.ConvertOptions(column_types={col.CUSTOMER_ID: pa.string()}, include_columns=[col.CUSTOMER_ID])
    with suppress(KeyError), pacsv.open_csv(path, parse_options=skip, convert_options=as_text) as reader:
        for batch in reader:
            yield batch.column(0)


def _count(values: pa.Array, wanted: pa.Array) -> int:
    return int(pc.sum(pc.is_in(values.cast(pa.string()), value_set=wanted)).as_py() or 0)


def _logs(settings: Settings, ids: Collection[str], bentos: Path) -> Iterator[Holder]:
    alternatives = "|".join(re.escape(each) for each in sorted(ids, key=len, reverse=True))
    mention = re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)")
    logs = settings.workspace / "logs"
    tables = (".parquet", ".csv")  # those are looked at as scored files
    found = [path for path in logs.rglob("*") if path.is_file() and path.suffix not in tables]
    for path in sorted([*found, *bentos.glob("*.log")]):
        if path.suffix in _COMPRESSED:
            yield Holder("log", place_of(path, settings), "compressed, not searched", "search it yourself")
            continue
        with path.open(encoding="utf-8", errors="replace") as lines:
            count = sum(mention.search(line) is not None for line in lines)
        if count:
            yield Holder(
                "log",
                place_of(path, settings),
                f"{counted(count, 'line', 'lines')} with an id of theirs",
                "delete it or the lines",
            )


def _runs(settings: Settings) -> Holder:
    place = "on the configured server" if settings.tracking.uri else "mlruns"
    return Holder(
        "training runs",
        place,
        "no ids: counts, fingerprints, losses without names, synthetic examples, models; sums of each day, which on a "
        "day with one customer are that customer's; a lookalike model holds a sample of nameless rows, maybe theirs",
        "foresell train and foresell promote fit models without them; delete older runs in MLflow",
    )
