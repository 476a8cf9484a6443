"""What the file will say: keys with their values, the reasons, and the questions."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from training.initialise.sample import Sample

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SQL_WORDS = frozenset(
    [
        "all",
        "and",
        "any",
        "as",
        "asc",
        "between",
        "by",
        "case",
        "cast",
        "check",
        "collate",
        "column",
        "current_date",
        "current_time",
        "current_timestamp",
        "date",
        "default",
        "desc",
        "distinct",
        "else",
        "end",
        "exists",
        "false",
        "from",
        "full",
        "group",
        "having",
        "in",
        "index",
        "inner",
        "interval",
        "into",
        "is",
        "join",
        "key",
        "left",
        "like",
        "limit",
        "not",
        "null",
        "on",
        "or",
        "order",
        "outer",
        "primary",
        "range",
        "right",
        "row",
        "rows",
        "select",
        "set",
        "table",
        "then",
        "time",
        "timestamp",
        "to",
        "true",
        "union",
        "unique",
        "user",
        "using",
        "values",
        "when",
        "where",
        "with",
    ]
)


@dataclass(frozen=True)
class Entry:
    """One key of the file.

    Parameters
    ----------
    key : str
        Its name.
    value : str, list, bool or None
        What it says; None = it is left out, only the question stands there.
    reason : str
        Why, for the comment above.
    question : str
        What the user must settle; empty = nothing.
    alternatives : tuple
        Other values, ready to be uncommented.
    """

    key: str
    value: Any
    reason: str = ""
    question: str = ""
    alternatives: tuple[Any, ...] = ()


@dataclass(frozen=True)
class TableGuess:
    """What the file will say of one table.

    Parameters
    ----------
    table : str
        The contract's name.
    sample : Sample or None
        Where it comes from; None = the order lines.
    settings : list of Entry
        Keys beside the columns: how the values are written.
    columns : list of Entry
        Ours -> theirs.
    returns, set_aside : list of Entry
        Rules of order lines.
    left_out : list of str
        What is not used, and why.
    notes : list of str
        What a person should know of the rows that are kept.
    """

    table: str
    sample: Sample | None
    settings: list[Entry] = field(default_factory=list)
    columns: list[Entry] = field(default_factory=list)
    returns: list[Entry] = field(default_factory=list)
    set_aside: list[Entry] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def entries(self) -> list[Entry]:
        """All entries, in the order of the file."""
        return [entry for _, entries in self.sections for entry in entries]

    @property
    def sections(self) -> list[tuple[str, list[Entry]]]:
        """The names of the parts below the table's own section, with their entries; the first has no name."""
        return [
            ("", self.settings),
            ("columns", self.columns),
            ("returns", self.returns),
            ("set_aside", self.set_aside),
        ]


def identifier(name: str) -> str:
    """Return a column's name as an expression has it."""
    if _PLAIN.fullmatch(name) and name.lower() not in SQL_WORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return a text as an expression has it."""
    return "'" + value.replace("'", "''") + "'"


def toml(value: Any) -> str:
    """Return a value as TOML has it, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(each) for each in value) + "]"
    plain = str(value)
    if ('"' in plain or "\\" in plain) and "'" not in plain and plain.isprintable():
        return f"'{plain}'"
    # JSON's escapes are TOML's, but for the half of a pair and for DEL
    return json.dumps(plain.encode("utf-8", "replace").decode(), ensure_ascii=False).replace("\x7f", "\\u007f")
