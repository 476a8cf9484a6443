"""What the values of each column look like: how many, how different, numbers, times, words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import ibis
import pandas as pd
from ibis.backends.duckdb import Backend

from training.initialise.sample import Sample
from training.initialise.times import TIME_OF_DAY, Times, times_of
from training.notation import Sign, float_of

_NUMERIC = 0.9  # share of a column's values that must be numbers to make it one


@dataclass(frozen=True)
class Column:
    """One column of a sample.

    Parameters
    ----------
    name : str
        The source's own.
    kind : str
        'text', 'number', 'time' or 'boolean': what the source says; of a text file always 'text'.
    values : Series of str
        Without blanks around them; missing where there is none.
    filled, distinct : int
        How many values there are, and how many different ones.
    numbers : Series of float64
        The values as numbers; missing where there is none.
    times : Times or None
        How they are written, if they are times.
    """

    name: str
    kind: str
    values: "pd.Series[str]"
    filled: int
    distinct: int
    numbers: "pd.Series[float]"
    times: Times | None

    @property
    def empty_share(self) -> float:
        """How many rows have nothing, 0..1."""
        return 1 - self.filled / len(self.values)

    @property
    def number_share(self) -> float:
        """How many values are numbers, 0..1."""
        return float(self.numbers.notna().sum() / self.filled) if self.filled else 0.0

    @property
    def is_number(self) -> bool:
        """Whether nearly all values are numbers."""
        return self.filled > 0 and self.number_share >= _NUMERIC

    @property
    def whole_share(self) -> float:
        """How many numbers are whole, 0..1."""
        numbers = self.numbers.dropna()
        return float((numbers == numbers.round()).mean()) if len(numbers) else 0.0

    @property
    def repeats(self) -> float:
        """How many rows a value has on average."""
        return self.filled / self.distinct if self.distinct else 0.0

    @property
    def through_floats(self) -> bool:
        """Whether all values are whole numbers written with a fraction: 17850.0."""
        filled = self.values.dropna()
        return bool(len(filled)) and bool(filled.str.fullmatch(r"\d+\.0+").all())

    @property
    def is_time_of_day(self) -> bool:
        """Whether the values are hours and minutes."""
        looked_at = self.values.dropna().head(200)
        return bool(len(looked_at)) and bool(looked_at.str.match(TIME_OF_DAY).mean() > 0.95)

    @property
    def described(self) -> str:
        """The figures that a reason names."""
        different = f"{self.distinct:,} different value{'s' * (self.distinct != 1)}"
        share = round(100 * self.empty_share)
        return f"{different}, {share or 'under 1'} % empty" if self.empty_share else different


@dataclass(frozen=True)
class Profile:
    """A sample's columns.

    Parameters
    ----------
    sample : Sample
        The rows.
    columns : mapping
        Name -> column, in the source's order.
    decimal : {'.', ','}
        The decimal sign of text.
    decimal_note : str
        Why; empty = nothing to say.
    decimal_asked : bool
        Whether the other sign would read the values as well.
    """

    sample: Sample
    columns: Mapping[str, Column]
    decimal: Sign
    decimal_note: str
    decimal_asked: bool


def profile_of(sample: Sample, bench: Backend) -> Profile:
    """Look at every column of a sample."""
    times = {name: _times(sample, name, bench) for name in sample.rows.columns}
    read = {name: _both_signs(sample.rows[name], bench) for name in sample.rows.columns}
    texts = [name for name in read if times[name] is None and sample.kinds[name] == "text"]
    decimal, note, asked = _decimal({name: read[name] for name in texts}, sample.rows)
    columns = {}
    for name in sample.rows.columns:
        values = sample.rows[name]
        sign = decimal if sample.kinds[name] == "text" else "."
        columns[name] = Column(
            name=name,
            kind=sample.kinds[name],
            values=values,
            filled=int(values.notna().sum()),
            distinct=int(values.nunique()),
            numbers=values.map(read[name][sign]).astype("float64"),
            times=times[name],
        )
    return Profile(sample, columns, decimal, note, asked)


def _times(sample: Sample, name: str, bench: Backend) -> Times | None:
    filled = sample.rows[name].dropna()
    if not len(filled) or sample.kinds[name] == "boolean":
        return None
    return times_of(filled, bench)


def _both_signs(values: "pd.Series[str]", bench: Backend) -> pd.DataFrame:
    """Return each different value as a number under either decimal sign."""
    different = values.dropna().unique()
    table = ibis.memtable(pd.DataFrame({"value": pd.Series(different, dtype="str")}))
    finite = {sign: _finite(float_of(table["value"], sign)) for sign in SIGNS}
    return bench.to_pandas(table.select("value", **finite)).set_index("value")


SIGNS: tuple[Literal["."], Literal[","]] = (".", ",")


def _finite(number: ibis.expr.types.FloatingValue) -> ibis.expr.types.FloatingValue:
    return ibis.ifelse(number.isnan() | number.isinf(), ibis.null("float64"), number)


def _decimal(read: Mapping[str, pd.DataFrame], rows: pd.DataFrame) -> tuple[Sign, str, bool]:
    """Return the decimal sign, why, and whether the other one would do as well."""
    only: dict[Sign, list[str]] = {".": [], ",": []}
    either: list[str] = []
    for name, numbers in read.items():
        counts = rows[name].value_counts()
        known = numbers.notna()
        if counts[known.any(axis=1).reindex(counts.index)].sum() < _NUMERIC * max(counts.sum(), 1):
            continue
        weights = counts.reindex(numbers.index)
        for sign, other in ((".", ","), (",", ".")):
            alone = known[sign] & ~known[other]
            only[sign] += [(str(value)) for value in weights[alone].head(1).index] * int(weights[alone].sum())
        both = known.all(axis=1) & (numbers["."] != numbers[","])
        either += [str(value) for value in weights[both].index if re.search("[.,]", str(value))]
    if len(only[","]) > len(only["."]):
        return ",", f"as in {only[','][0]}", False
    if not only["."] and either:
        return ".", f"a value such as {either[0]} may be read both ways", True
    return ".", "", False


def together(columns: list[Column]) -> "pd.Series[bool]":
    """Return the rows in which all columns have a value."""
    return reduce(lambda first, second: first & second, (column.values.notna() for column in columns))
