"""What the file says of how a table's values are written: the decimal sign, the times, ids that went through floats."""

import math
import re
from collections.abc import Sequence

from models import columns as col
from models.contracts import INTAKE_SCHEMAS
from training.initialise.entries import Entry
from training.initialise.profile import Column, Profile
from training.initialise.recognise import quoted

_DATE_FORMS = {"iso": "%Y-%m-%d"}


def notation_entries(
    profile: Profile, entries: Sequence[Entry], clock: str = "", table: str = col.ORDER_LINES
) -> list[Entry]:
    """Return the keys that say how the values of the chosen columns are written.

    Parameters
    ----------
    profile : Profile
        All columns.
    entries : sequence of Entry
        The chosen columns.
    clock : str
        The format of times of day in a column of their own; empty = there is none.
    table : str
        The contract's name of the table.
    """
    return [*_decimal(profile), *_times(profile, entries, clock, table), *_float_ids(profile, entries)]


def _decimal(profile: Profile) -> list[Entry]:
    if profile.decimal_asked:
        return [
            Entry(
                "decimal", ".", question=f"is '.' or ',' the decimal sign? {profile.decimal_note}", alternatives=(",",)
            )
        ]
    return [Entry("decimal", ",", profile.decimal_note)] if profile.decimal == "," else []


def _times(profile: Profile, entries: Sequence[Entry], clock: str, table: str) -> list[Entry]:
    columns = [column for entry in entries if (column := time_column(profile, entry, table))]
    read = [(column, column.times) for column in columns if column.times is not None and column.kind != "time"]
    formats = tuple(dict.fromkeys(_with_clock(written, clock) for _, times in read for written in times.formats))
    if not read or formats == ("iso",):
        return []
    asked = next(((column, times) for column, times in read if times.instead), None)
    notes = [
        f"{quoted(column.name)}: {times.note or 'as in ' + quoted(column.values.dropna().iloc[0])}"
        for column, times in read
    ]
    if asked is None:
        return [Entry("times", list(formats), "; ".join(notes))]
    column, times = asked
    instead = [_with_clock(written, clock) for written in times.instead]
    example = quoted(column.values.dropna().iloc[0])
    question = f"does the day or the month stand first in {quoted(column.name)}, as in {example}? {times.note}"
    return [Entry("times", list(formats), question=question, alternatives=(instead,))]


def time_column(profile: Profile, entry: Entry, table: str) -> Column | None:
    """Return the column that a time is read from; None = the entry is no time, or none that is known."""
    if INTAKE_SCHEMAS[table].get(entry.key) != "timestamp" or entry.value is None:
        return None
    if entry.value in profile.columns:
        return profile.columns[entry.value]
    # a date and a time of day joined
    return next((c for c in profile.columns.values() if c.times is not None and c.name in str(entry.value)), None)


def _with_clock(written: str, clock: str) -> str:
    if not clock or (written == "iso" and "%I" not in clock):
        return written
    return f"{_DATE_FORMS.get(written, written)} {clock}"


def _float_ids(profile: Profile, entries: Sequence[Entry]) -> list[Entry]:
    ids = [
        entry
        for entry in entries
        if entry.key.endswith("_id")
        and entry.value in profile.columns
        and profile.columns[entry.value].kind == "text"
        and profile.columns[entry.value].through_floats
    ]
    if not ids:
        return []
    column = profile.columns[ids[0].value]
    example = next(value for value in column.values.dropna() if re.fullmatch(r"\d+\.0+", value))
    share = (
        "every id" if column.through_floats == 1 else f"{math.floor(1000 * column.through_floats) / 10} % of the ids"
    )
    reason = f"{share} is a whole number with a fraction, as {example}; others stay as they are"
    return [Entry("float_ids", [entry.key for entry in ids], reason)]
