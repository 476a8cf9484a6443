"""Where the tables come from and how they are written: ``[source]`` of the configuration."""

import re
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from models import columns as col
from models.section import Section

WHITESPACE = "whitespace"
"""The separator of a text file whose columns are apart by runs of blanks."""
TIMES = ("iso", "unix", "unix_ms")
"""Kinds of written times that have a name; every other one is a strptime format."""


def known_zone(value: str) -> str:
    """Return an IANA zone.

    Raises
    ------
    ValueError
        There is no such zone.
    """
    if value not in available_timezones():
        raise ValueError(f"time zone {value!r} is not in the IANA database; an example is 'Europe/Berlin'")
    return value


def without_password(value: str) -> str:
    """Return a database's address that holds no password.

    Raises
    ------
    ValueError
        It holds one; the message does not repeat it.
    """
    if _PASSWORD_IN_URL.search(value):
        raise ValueError(
            "the address holds a password, which belongs in the environment alone: take it out of the url and set "
            "FORESELL_SOURCE__PASSWORD"
        )
    return value


# name:password@ as SQLAlchemy reads it (a password may hold any sign but @), and drivers' own keys after the '?'
_PASSWORD_IN_URL = re.compile(r"^[^:]+://[^:/]*:[^@]+@|(password|passwd|pwd)(=|%3d)", re.IGNORECASE)

Zone = Annotated[str, AfterValidator(known_zone)]
_STRPTIME = re.compile(r"([^%]|%-?[aAbBcdfgGHIjmMnpSuUVwWxXyYzZ%])*%-?[aAbBcdfgGHIjmMnpSuUVwWxXyYzZ](.|\s)*")
RESERVED = frozenset({"anonymous", "exact_duplicate", "joined_customer", "forgotten", "malformed_line"})
"""Reasons for which rows are set aside or left out without a condition of the configuration."""
Condition = Annotated[str, Field(min_length=1)]
Builtin = Literal["complete-journey", "cdnow", "ta-feng"]
"""Sources that ship as packages."""

RuleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class Notation(Section):
    """How the values of a table are written."""

    decimal: Literal[".", ","] = Field(
        default=".", description="The decimal sign; the other one of '.' and ',' may group thousands."
    )
    times: tuple[str, ...] = Field(
        default=("iso",),
        min_length=1,
        description="How times are written, the first that fits counts: 'iso', 'unix', 'unix_ms' (seconds, "
        "milliseconds since 1970) or a strptime format such as '%d.%m.%Y %H:%M'.",
    )
    times_in: Zone | None = Field(
        default=None, description="IANA zone of times without an offset; default: the zone of [features]."
    )
    float_ids: tuple[str, ...] = Field(
        default=(), description="Our columns whose ids went through floats: 17850.0 is read as 17850."
    )

    @field_validator("times")
    @classmethod
    def _formats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if each not in TIMES and not _STRPTIME.fullmatch(each):
                raise ValueError(f"{each!r} is neither {', '.join(TIMES)} nor a strptime format like '%d.%m.%Y %H:%M'")
        return value


class TableSource(Notation):
    """Where one table comes from, which of its columns is which, and how its values are written."""

    path: Path | None = Field(
        default=None, description="A text, Excel or Parquet file or a folder of them, relative to the workspace."
    )
    table: str | None = Field(default=None, min_length=1, description="A table of the database, maybe with its schema.")
    query: str | None = Field(default=None, min_length=1, description="A query to the database.")
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Our column name -> the source's column, or an expression over its columns ('quantity * price'); "
        "'' = none, although the source has one of this name.",
    )
    separator: str | None = Field(
        default=None, description="Of a text file: one character or 'whitespace'; default: seen in its first line."
    )
    quote: str = Field(default='"', max_length=1, description="Of a text file; empty = values are never quoted.")
    escape: str | None = Field(
        default=None, max_length=1, description="Of a text file; default: a quote is written twice inside quotes."
    )
    encoding: str = Field(default="utf-8", description="Of a text file, as Python names it: 'cp1252', 'gb18030'.")
    names: tuple[str, ...] = Field(
        default=(), description="The columns of a text file that has no line with their names."
    )
    sheets: tuple[str, ...] = Field(default=(), description="Of an Excel file; default: its first sheet.")
    set_aside: dict[RuleName, Condition] = Field(
        default_factory=dict,
        description="Name -> condition over the source's columns: rows that meet it are set aside under the name.",
    )

    @field_validator("set_aside")
    @classmethod
    def _names_are_free(cls, value: dict[str, str]) -> dict[str, str]:
        for name in value:
            if name in RESERVED:
                raise ValueError(f"{name!r} names rows that are set aside for another reason; give it another name")
        return value

    @field_validator("sheets")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value):
            raise ValueError(f"sheets {list(value)} must not repeat: each is read once")
        return value

    @field_validator("separator")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        if value is not None and len(value) != 1 and value != WHITESPACE:
            raise ValueError(f"separator {value!r}: one character or '{WHITESPACE}' is needed")
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError:
            raise ValueError(f"encoding {value!r} is not known; examples are 'utf-8', 'cp1252', 'gb18030'") from None
        return value

    @model_validator(mode="after")
    def _one_place(self) -> "TableSource":
        if self._places() != 1:
            raise ValueError("exactly one of path (a file or a folder), table and query (of a database) is needed")
        return self

    def _places(self) -> int:
        return sum(place is not None for place in (self.path, self.table, self.query))


class Returns(Section):
    """Which order lines are returns, beside those with a negative quantity or amount."""

    order_id_prefix: str | None = Field(
        default=None, min_length=1, description="An order id that begins so is a return's or a cancellation's."
    )
    column: str | None = Field(default=None, description="A column of the source, or an expression over its columns.")
    values: tuple[str, ...] = Field(default=(), description="What that column holds for a return.")

    @model_validator(mode="after")
    def _says_something(self) -> "Returns":
        if (self.column is None) != (not self.values) or not (self.column or self.order_id_prefix):
            raise ValueError("returns need order_id_prefix, or column and values")
        return self


class OrderLinesSource(TableSource):
    """Where the order lines come from."""

    returns: Returns | None = None
    count_anonymous: bool = Field(
        default=False, description="Count lines without a customer in the popularity of products."
    )


class ProductsSource(TableSource):
    """Where the products come from."""

    from_order_lines: bool = Field(
        default=False,
        description="Take each product's details from its order lines: the most frequent value of each column.",
    )

    def _places(self) -> int:
        return super()._places() + self.from_order_lines


class SourceSettings(Section):
    """Where the tables come from: a built-in source by name, files, or a database."""

    builtin: Builtin | None = Field(default=None, description="A source that ships as a package.")
    url: Annotated[str, AfterValidator(without_password)] | None = Field(
        default=None,
        description="Of the database, as SQLAlchemy writes it and without a password: postgresql://me@host/shop.",
    )
    password: SecretStr | None = Field(
        default=None, description="Of the database; only from the environment: FORESELL_SOURCE__PASSWORD."
    )
    order_lines: OrderLinesSource | None = Field(default=None, description="The only required table.")
    products: ProductsSource | None = None
    customers: TableSource | None = None
    contacts: TableSource | None = None
    events: TableSource | None = None
    identities: TableSource | None = Field(default=None, description="Several ids of one person.")

    @model_validator(mode="after")
    def _one_source(self) -> "SourceSettings":
        if (self.builtin is None) == (self.order_lines is None):
            raise ValueError(
                "[source] needs either builtin = 'complete-journey', 'cdnow' or 'ta-feng', or an "
                "[source.order_lines] with a path; `foresell init` writes one"
            )
        for name, entry in self.tables.items():
            if (entry.table or entry.query) and not self.url:
                raise ValueError(f"[source.{name}] names a database's table or query: [source] needs the url")
        return self

    @property
    def tables(self) -> dict[str, TableSource]:
        """The configured tables by name."""
        named = {name: getattr(self, name) for name in (col.ORDER_LINES, *OPTIONAL_TABLES)}
        return {name: entry for name, entry in named.items() if entry is not None}


OPTIONAL_TABLES = (col.PRODUCTS, col.CUSTOMERS, col.CONTACTS, col.EVENTS, col.IDENTITIES)
