"""How a text file is written: its encoding, its separator, its quotes, and whether its first line names the columns."""

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from charset_normalizer import from_bytes

from models.errors import SourceError
from models.source_settings import WHITESPACE
from training.initialise.vocabulary import normal

_SEPARATORS = (",", ";", "\t", "|", "^", "~", ":")
_OTHERS = ("gb18030", "shift_jis", "big5", "euc_kr", "cp1252", "cp1251")
_LINES = 300  # that decide on the separator
_MOSTLY_UTF8 = 0.9
_TEXT_START = 64_000  # bytes that decide on the encoding when it is not UTF-8
_VALUE = re.compile(r"[-+]?[\d.,:/\\ -]*\d[\d.,:/\\ -]*%?")  # a number, a date or a time of day


@dataclass(frozen=True)
class Dialect:
    """How a text file is written.

    Parameters
    ----------
    encoding : str
        As Python names it.
    separator : str
        One character or 'whitespace'.
    quote, escape : str
        Empty = there is none; a quote inside quotes is then written twice.
    columns : tuple of str
        The columns' names.
    named : bool
        Whether the first line of the file has them; otherwise they are made up.
    note : str
        What a person should know of the encoding; empty = nothing.
    """

    encoding: str
    separator: str
    quote: str
    escape: str
    columns: tuple[str, ...]
    named: bool
    note: str = ""


def encoding_of(head: bytes, slices: Sequence[bytes], where: str) -> tuple[str, str]:
    """Return the encoding of a file, and a note on it.

    Parameters
    ----------
    head : bytes
        The file's beginning.
    slices : sequence of bytes
        Parts of the file, cut anywhere.
    where : str
        What messages call the file.

    Raises
    ------
    SourceError
        The file holds no text.
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", ""
    if b"\x00" in head[:4096]:
        encoding = _without_mark(head)
        if encoding is None:
            raise SourceError(
                f"{where} is no text file and of no kind that is read; export it as CSV, Excel or Parquet"
            )
        return encoding, ""
    data = b"\n".join(slices)
    text = data.decode("utf-8", errors="replace")
    # a slice may begin and end in the middle of a character
    broken = max(text.count("\ufffd") - 4 * len(slices), 0)
    if not broken and (head.decode("utf-8", errors="ignore").encode() in (head, head[:-1], head[:-2], head[:-3])):
        return "utf-8", ""
    beyond = sum(character > "\x7f" for character in text)
    if beyond and 1 - text.count("\ufffd") / beyond >= _MOSTLY_UTF8:
        return "utf-8", "a few bytes of the sample are not UTF-8: such rows will be rejected as wrong_encoding"
    return _guessed(data), _mixed(data)


def _mixed(data: bytes) -> str:
    """Return a question where some lines are UTF-8 although the file as a whole is not; empty = none is."""
    lines = [line for line in data.splitlines() if not line.isascii()]
    sound = sum(_is_utf8(line) for line in lines)
    if not sound:
        return ""
    return (
        f"QUESTION: encoding: {sound} of {len(lines)} lines with letters beyond ASCII are UTF-8, the others are not: "
        "read with one encoding, letters of the rest come out wrong; export the file again with one"
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _without_mark(head: bytes) -> str | None:
    """Tell UTF-16 without a byte order mark by its zero bytes; None = a binary file."""
    start = head[:4096]
    odd, even = start[1::2].count(0), start[0::2].count(0)
    half = len(start) / 2
    if odd > half / 2 and even < half / 20:
        return "utf-16-le"
    return "utf-16-be" if even > half / 2 and odd < half / 20 else None


def _guessed(data: bytes) -> str:
    lines = [line for line in data.splitlines() if not line.isascii()]
    start = b"\n".join(lines)[:_TEXT_START]
    best = from_bytes(start, cp_isolation=list(_OTHERS)).best()
    return best.encoding if best is not None else "cp1252"


def dialect_of(text: str, encoding: str, note: str, where: str) -> Dialect:
    """Return how the beginning of a text file is written.

    Raises
    ------
    SourceError
        There is no line, or only one that names columns.
    """
    lines = [line for line in text.lstrip("\ufeff").splitlines()[: _LINES + 1] if line.strip()][:_LINES]
    if not lines:
        raise SourceError(f"{where} is empty; export it again")
    separator = _separator(lines)
    quote = _quote(lines, separator)
    escape = "\\" if quote and any(f"\\{quote}" in line for line in lines) else ""
    rows = split(lines[:100], separator, quote, escape)
    named = _is_header(rows)
    if named and len(rows) < 2:
        raise SourceError(f"{where} has a line with names and no rows; export it again")
    first = rows[0]
    columns = tuple((value.strip() if named else "") or f"column_{place}" for place, value in enumerate(first, start=1))
    return Dialect(encoding, separator, quote, escape, columns, named, note)


def split(lines: Sequence[str], separator: str, quote: str, escape: str) -> list[list[str]]:
    """Return the values of each line."""
    if separator == WHITESPACE:
        return [line.split() for line in lines]
    reader = csv.reader(
        lines,
        delimiter=separator,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        escapechar=escape or None,
        doublequote=not escape,
    )
    rows: list[list[str]] = []
    try:
        rows.extend(row for row in reader if row)
    except csv.Error:
        return rows or [[line] for line in lines]
    return rows


def _separator(lines: Sequence[str]) -> str:
    ranked = sorted(_SEPARATORS, key=lambda separator: _evenness(lines, separator), reverse=True)
    best = _evenness(lines, ranked[0])
    if best[0] and best[1] > 1:
        return ranked[0]
    widths = Counter(len(line.split()) for line in lines)
    width, often = widths.most_common(1)[0]
    # one column of text with blanks is no table of words: the columns must hold values
    values = [word for line in lines[1:] for word in line.split()]
    are_values = sum(bool(_VALUE.fullmatch(word)) for word in values) > len(values) / 2
    return WHITESPACE if width > 1 and often > 0.9 * len(lines) and are_values else ","


def _evenness(lines: Sequence[str], separator: str) -> tuple[bool, int, float]:
    """Return whether the first line has as many values as most others, how many they are, and in which share."""
    widths = [len(row) for row in split(lines, separator, '"', "")]
    width, often = Counter(widths).most_common(1)[0]
    return widths[0] == width and often > 0.6 * len(widths), width, often / len(widths)


def _quote(lines: Sequence[str], separator: str) -> str:
    if separator == WHITESPACE:
        return ""
    cells = [cell.strip() for line in lines for cell in line.split(separator)]
    single = [cell for cell in cells if len(cell) > 1 and cell[0] == cell[-1] == "'"]
    if len(single) > len(cells) / 3:
        return "'"
    opens = any(cell.startswith('"') for cell in cells)
    # a lone 5" of a pipe begins no quotes
    return "" if not opens and any('"' in cell for cell in cells) else '"'


def _is_header(rows: Sequence[Sequence[str]]) -> bool:
    first = [value.strip() for value in rows[0]]
    if any(_VALUE.fullmatch(value) for value in first):
        return False
    if len(rows) == 1:
        return True
    below = rows[1:]
    typed = any(
        sum(bool(_VALUE.fullmatch(row[place].strip())) for row in below if place < len(row)) > len(below) / 2
        for place in range(len(first))
    )
    repeated = any(
        value and normal(value) and sum(row[place].strip() == value for row in below if place < len(row)) > 1
        for place, value in enumerate(first)
    )
    return typed or not repeated
