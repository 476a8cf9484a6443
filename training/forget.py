"""Forgetting people: out of the tables and the quarantine now, and out of every later intake and release.

The register is written first: whoever is killed afterwards leaves tables that the next command reads again without
the people, and the same command run again finishes the work.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from models import columns as col
from models.contracts import INTAKE_SCHEMAS
from models.errors import InvalidRequestError, SourceError
from models.settings import Settings
from training.forgotten import Register, register_path, without_fraction
from training.holders import Holder, holders
from training.intake_report import load_report, save_report
from training.intake_tables import connect
from training.progress import Progress, silent
from training.pseudonyms import hash_key, pseudonym
from training.quarantine import malformed_file
from training.recount import recounted
from training.removal import ID, Removal, ids_in, mentioned, remove_lines, remove_rows
from training.swap import put_in_place, workshop
from training.wording import counted

_SHOWN = 10  # ids that a message lists at most


@dataclass(frozen=True)
class Forgotten:
    """What ``forget`` did.

    Parameters
    ----------
    ids : tuple of str
        What was asked, and all else that the tables and the quarantine had for the same people: the ids joined to
        it, pseudonyms, ids read without the fraction of a float; sorted.
    removed : mapping of str to int
        File below ``data/`` -> rows removed; files without any are left out.
    pages : tuple of str
        Reports with examples of rows that were removed; foresell check writes them anew.
    holders : tuple of Holder
        What still holds the people, or did.
    """

    ids: tuple[str, ...]
    removed: Mapping[str, int]
    pages: tuple[str, ...]
    holders: tuple[Holder, ...]

    @property
    def json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)

    @property
    def sentences(self) -> str:
        """For people: a line a fact."""
        removed = [f"  {name}: {counted(rows, 'row', 'rows')}" for name, rows in self.removed.items()]
        removed += [f"  {name}: a page with examples of rows; foresell check writes it anew" for name in self.pages]
        holding = [f"  {holder}" for holder in self.holders]
        return "\n".join(
            [
                f"Forgotten, and left out of every later intake: {', '.join(self.ids)}",
                *(["Removed:", *removed] if removed else ["No row was left to remove."]),
                "What still holds them, or did:",
                *holding,
            ]
        )


def forget(
    settings: Settings, ids: Sequence[str], *, bentos: Path, anyway: bool = False, progress: Progress = silent
) -> Forgotten:
    """Remove people from the tables and the quarantine, and keep them out.

    Parameters
    ----------
    settings : Settings
        The workspace's configuration.
    ids : sequence of str
        Any of a person's ids, as the source has them; where ids are hashed, pseudonyms too. All other ids that the
        kept identities join to them are forgotten with them.
    bentos : Path
        BentoML's home, which is searched for stores.
    anyway : bool
        Leave ids out of later intakes even if they are in no table.
    progress : callable, optional
        Told what happens now.

    Raises
    ------
    InvalidRequestError
        An id is blank or no text, or is in none of the files; nothing was changed.
    ConcurrentChangeError
        An intake is at work.
    SourceError
        The register is damaged.
    """
    asked = _asked(ids, settings)
    path = register_path(settings)
    with workshop(settings.tables.parent, (settings.tables, settings.quarantine)) as folder:
        progress("looking for every id")
        register = Register.load(path)
        connection = connect(folder)
        try:
            connection.raw_sql("SET preserve_insertion_order = true")
            everything = _joined(connection, settings, {form for forms in asked.values() for form in forms})
            gone = _table(connection, everything)
            found = _found(connection, settings, everything, gone)
            if not anyway:
                _refuse_unknown(asked, found, register)
            register = register.add(everything)
            register.save(path)
            progress("removing rows")
            lost = _remove(connection, settings, folder, gone, register)
        finally:
            connection.disconnect()
        _put(settings, folder, lost)
        pages = _without_pages(settings.tables.parent)
    progress("looking for what else holds them")
    return Forgotten(
        tuple(sorted(asked.keys() | found)),
        {f"{path.parent.name}/{path.name}": each.rows for path, each in lost.items() if each.rows},
        pages,
        holders(settings, everything, bentos=bentos),
    )


def _asked(ids: Sequence[str], settings: Settings) -> dict[str, set[str]]:
    """Return each id with what the tables may call it."""
    for each in ids:
        if not each.strip():
            raise InvalidRequestError("an id is blank: nobody has that id; give the customer's id")
        if any("\ud800" <= letter <= "\udfff" for letter in each):
            raise InvalidRequestError(f"id {each!r} is no Unicode text; write it in the terminal's own encoding")
    key, through_float = hash_key(settings), _through_float(settings)
    forms = {each: {each, without_fraction(each)} if through_float else {each} for each in ids}
    return {each: own if key is None else own | {pseudonym(form, key) for form in own} for each, own in forms.items()}


def _through_float(settings: Settings) -> bool:
    """Tell whether intake reads 17850.0 as 17850 in some table's ids of customers."""
    people = {col.CUSTOMER_ID, col.SOURCE_ID}
    return any(people & set(source.float_ids) for source in settings.source.tables.values())


def _joined(connection: Backend, settings: Settings, ids: set[str]) -> set[str]:
    """Return the ids and all others of the same people."""
    path = settings.tables / f"{col.IDENTITIES}.parquet"
    if not path.exists():
        return ids
    rows = connection.read_parquet(path)
    while True:
        known = _table(connection, ids)[ID]
        theirs = rows.filter(rows[col.SOURCE_ID].isin(known) | rows[col.CUSTOMER_ID].isin(known)).to_pyarrow()
        more = ids | set(theirs[col.SOURCE_ID].to_pylist()) | set(theirs[col.CUSTOMER_ID].to_pylist())
        if more == ids:
            return ids
        ids = more


def _table(connection: Backend, ids: set[str]) -> ir.Table:
    rows = ibis.memtable({ID: sorted(ids)}, schema={ID: "string"})
    return connection.create_table(ibis.util.gen_name("ids"), rows, temp=True)


def _found(connection: Backend, settings: Settings, ids: set[str], gone: ir.Table) -> set[str]:
    """Return which of the ids are in the tables or the quarantine."""
    found: set[str] = set()
    for path in _files(settings.tables) + _files(settings.quarantine):
        found |= mentioned(path, ids - found) if _is_malformed(path) else ids_in(connection, path, gone)
    return found


def _refuse_unknown(asked: Mapping[str, set[str]], found: set[str], register: Register) -> None:
    unknown = [each for each, forms in asked.items() if not forms & found and not any(map(register.has, forms))]
    if unknown:
        more = f" and {len(unknown) - _SHOWN:,} more" if len(unknown) > _SHOWN else ""
        raise InvalidRequestError(
            f"{', '.join(unknown[:_SHOWN])}{more}: in none of the tables and nowhere in the quarantine; nothing was "
            "changed; correct the id, or have it left out of later intakes all the same with --anyway"
        )


def _remove(
    connection: Backend, settings: Settings, folder: Path, gone: ir.Table, register: Register
) -> dict[Path, Removal]:
    """Write both folders without the people, and return what each of their files lost."""
    lost: dict[Path, Removal] = {}
    for old in (settings.tables, settings.quarantine):
        new = folder / old.name
        new.mkdir()
        for path in _files(old):
            lost[path] = (
                remove_lines(path, new / path.name, register)
                if _is_malformed(path)
                else remove_rows(connection, path, new / path.name, gone)
            )
    return lost


def _put(settings: Settings, folder: Path, lost: Mapping[Path, Removal]) -> None:
    """Put the new folders in place; the tables last, whose identities a run after a kill needs once more."""
    if not any(each.rows for each in lost.values()):
        return
    with suppress(SourceError):  # what the next command reads again needs no report
        save_report(
            recounted(load_report(settings), folder / settings.tables.name, lost), folder / settings.tables.name
        )
    for target in (settings.quarantine, settings.tables):
        if target.exists():
            put_in_place(folder / target.name, target)


def _without_pages(data: Path) -> tuple[str, ...]:
    pages = sorted(data.glob("*.html"))
    for page in pages:
        page.unlink()
    return tuple(page.name for page in pages)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))


def _is_malformed(path: Path) -> bool:
    return path.name in {malformed_file(table) for table in INTAKE_SCHEMAS}
