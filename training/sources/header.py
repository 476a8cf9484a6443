"""The first lines of a text: its separator, and what its columns are called."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from models.errors import ContractError, SourceError
from models.source_settings import WHITESPACE, TableSource
from training.sources.text import FIELD_END

LONGEST = 1_000_000  # characters of a text in which its header must end
_SEPARATORS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Header:
    """What the beginning of a text says of the rest.

    Parameters
    ----------
    names : tuple of str
        The columns; one without a name is called by its place.
    separator : str
        What stands between two columns, one ASCII character.
    lines : int
        Lines before the first row.
    text : str
        These lines.
    """

    names: tuple[str, ...]
    separator: str
    lines: int
    text: str


def header_of(start: str, entry: TableSource, where: str) -> Header:
    """Read the header.

    Parameters
    ----------
    start : str
        The first ``LONGEST`` characters of the text, as ``text.utf8`` gives it.
    entry : TableSource
        How the text is written; its ``names`` are the columns of a text without a header line.
    where : str
        What messages call the text.

    Raises
    ------
    SourceError
        There is nothing but blanks, the header never ends, or ``names`` does not fit the first row.
    ContractError
        Two columns have one name; capitals make no difference.
    """
    lines = list(io.StringIO(start, newline="\n"))
    blank = len(list(takewhile(lambda line: not line.strip(), lines)))
    if blank == len(lines):
        raise SourceError(f"{where} is empty; export it again, or correct the path")
    separator = _separator(lines[blank], entry)
    row, taken = _record(lines[blank:], separator, entry, where)
    if entry.names and len(entry.names) != len(row):
        raise SourceError(
            f"{where} has {len(row)} columns in its first line and names lists {len(entry.names)}; "
            f"correct names, or separator ({separator!r} is used)"
        )
    before = blank if entry.names else blank + taken
    names = _named(entry.names or [name.strip() for name in row], where)
    return Header(names, separator, before, "".join(lines[:before]))


def _separator(line: str, entry: TableSource) -> str:
    if entry.separator == WHITESPACE:
        return " "
    if entry.separator is not None:
        return entry.separator if entry.separator.isascii() else FIELD_END
    unquoted = "".join(line.split(entry.quote)[::2]) if entry.quote else line
    return max(_SEPARATORS, key=unquoted.count)  # the first of equals: a single column is read with commas


def _record(lines: Sequence[str], separator: str, entry: TableSource, where: str) -> tuple[list[str], int]:
    """Return the first record and how many lines it takes."""
    reader = csv.reader(
        lines,
        delimiter=separator,
        quotechar=entry.quote or None,
        quoting=csv.QUOTE_MINIMAL if entry.quote else csv.QUOTE_NONE,
        escapechar=entry.escape if entry.escape != entry.quote else None,
    )
    try:
        row = next(reader)
    except csv.Error as error:
        raise SourceError(f"{where}: its first line cannot be read: {error}; correct separator and quote") from error
    to_the_end, record = reader.line_num == len(lines), "".join(lines[: reader.line_num])
    if to_the_end and entry.quote and not entry.escape and record.count(entry.quote) % 2:
        raise SourceError(f'{where}: a quote in its first line is never closed; set quote = "", or mend the line')
    if to_the_end and len(record) >= LONGEST:
        raise SourceError(f"{where}: its first line is longer than {LONGEST:,} characters; export it again")
    return row, reader.line_num


def refuse_equal_names(names: Sequence[str], where: str) -> None:
    """Raise where two columns have one name; capitals make no difference.

    Raises
    ------
    ContractError
        They do.
    """
    for place, name in enumerate(names):
        if name.lower() in (other.lower() for other in names[:place]):
            raise ContractError(f"{where} has two columns named {name!r}; rename one of them")


def _named(row: Sequence[str], where: str) -> tuple[str, ...]:
    names = tuple(name or f"column_{place}" for place, name in enumerate(row, start=1))
    refuse_equal_names(names, where)
    return names
