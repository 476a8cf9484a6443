"""What the values of each column look like: how many, how different, numbers, times, words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
from ibis.backends.duckdb import Backend

from training.initialise.sample import Sample
from training.initialise.times import TIME_OF_DAY, Times, times_of
from training.initialise.vocabulary import in_full
from training.notation import Sign, float_of

_NUMERIC = 0.9  # share of a column's values that must be numbers to make it one


@dataclass(frozen=True)
class Column:
    """One column of a sample.

    Parameters
    ----------
    name : str
        The source's own.
    called : str
        The name that its role is told by: that of ``id`` in a table of customers is 'customer id'.
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
    called: str
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

    @cached_property
    def number_share(self) -> float:
        """How many values are numbers, 0..1."""
        return float(self.numbers.notna().sum() / self.filled) if self.filled else 0.0

    @cached_property
    def is_number(self) -> bool:
        """Whether nearly all values are numbers."""
        return self.filled > 0 and self.number_share >= _NUMERIC

    @cached_property
    def whole_share(self) -> float:
        """How many numbers are whole, 0..1."""
        numbers = self.numbers.dropna()
        return float((numbers == numbers.round()).mean()) if len(numbers) else 0.0

    @property
    def repeats(self) -> float:
        """How many rows a value has on average."""
        return self.filled / self.distinct if self.distinct else 0.0

    @cached_property
    def through_floats(self) -> float:
        """How many values are whole numbers written with a fraction, as 17850.0; 0 = hardly any, or not text."""
        filled = self.values.dropna()
        share = float(filled.str.fullmatch(r"\d+\.0+").mean()) if len(filled) else 0.0
        return share if share >= _NUMERIC else 0.0

    @cached_property
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
    counts = {name: sample.rows[name].value_counts() for name in sample.rows.columns}
    times = {name: _times(sample, name, counts[name], bench) for name in counts}
    read = {name: _both_signs(counts[name], bench) for name in counts}
    texts = [name for name in read if times[name] is None and sample.kinds[name] == "text"]
    decimal, note, asked = _decimal({name: read[name] for name in texts}, counts)
    columns = {}
    for name in sample.rows.columns:
        sign = decimal if sample.kinds[name] == "text" else "."
        columns[name] = Column(
            name=name,
            called=in_full(name, sample.title),
            kind=sample.kinds[name],
            values=sample.rows[name],
            filled=int(counts[name].sum()),
            distinct=len(counts[name]),
            numbers=_looked_up(sample.rows[name], read[name][sign]),
            times=times[name],
        )
    return Profile(sample, columns, decimal, note, asked)


def _times(sample: Sample, name: str, counts: "pd.Series[int]", bench: Backend) -> Times | None:
    if not len(counts) or sample.kinds[name] == "boolean":
        return None
    return times_of(sample.rows[name].dropna(), counts, bench)


def _looked_up(values: "pd.Series[str]", numbers: "pd.Series[float]") -> "pd.Series[float]":
    places = numbers.index.get_indexer(pd.Index(values))
    found = np.append(numbers.to_numpy("float64", na_value=np.nan), np.nan)[places]
    return pd.Series(found, index=values.index)


def _both_signs(counts: "pd.Series[int]", bench: Backend) -> pd.DataFrame:
    """Return each different value as a number under either decimal sign."""
    table = ibis.memtable(pa.table({"value": pa.array(list(counts.index), pa.string())}))
    finite = {sign: _finite(float_of(table["value"], sign)) for sign in SIGNS}
    numbers: pd.DataFrame = bench.to_pyarrow(table.select("value", **finite)).to_pandas()
    by_value: pd.DataFrame = numbers.set_index("value").reindex(counts.index)
    return by_value


SIGNS: tuple[Sign, Sign] = (".", ",")


def _finite(number: ibis.expr.types.FloatingValue) -> ibis.expr.types.FloatingValue:
    return ibis.ifelse(number.isnan() | number.isinf(), ibis.null("float64"), number)


def _decimal(read: Mapping[str, pd.DataFrame], counts: Mapping[str, "pd.Series[int]"]) -> tuple[Sign, str, bool]:
    """Return the decimal sign, why, and whether the other one would do as well."""
    weight: dict[Sign, int] = {".": 0, ",": 0}
    examples: dict[Sign, list[str]] = {".": [], ",": []}
    either: list[str] = []
    for name, numbers in read.items():
        weights, known = counts[name], numbers.notna()
        if weights[known.any(axis=1)].sum() < _NUMERIC * weights.sum() or not len(weights):
            continue
        for sign, other in (SIGNS, SIGNS[::-1]):
            alone = known[sign] & ~known[other]
            weight[sign] += int(weights[alone].sum())
            examples[sign] += [str(value) for value in weights[alone].head(1).index]
        both = known.all(axis=1) & (numbers["."] != numbers[","])
        either += [str(value) for value in weights[both].index if re.search("[.,]", str(value))]
    if weight[","] > weight["."]:
        return ",", f"as in {examples[','][0]}", False
    if not weight["."] and either:
        return ".", f"a value such as {either[0]} may be read both ways", True
    return ".", "", False
