"""How the times of a column are written, and whether the day or the month stands first."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import ibis
import pandas as pd
import pyarrow as pa
from ibis.backends.duckdb import Backend

from models.source_settings import Notation
from training.initialise.day_order import MIXED, day_order
from training.notation import time_of

_LOOKED_AT = 2_000  # different values of one shape that decide
_LONGEST = 45  # characters
_LEAST = 0.8  # share of the values that must be times
_WAYS = 16  # of writing that are tried
_EARLIEST, _LATEST = datetime(1970, 1, 2), datetime(2100, 1, 1)  # noqa: DTZ001
_STAMP_EARLIEST, _STAMP_LATEST = datetime(1990, 1, 1), datetime(2040, 1, 1)  # noqa: DTZ001
_STAMPS = ("unix", "unix_ms", "%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S")  # may be ids or amounts as well

_CLOCK = re.compile(
    r"^(?P<day>.*?)(?P<gap>[ T]+)(?P<hour>\d{1,2}):\d{2}(?P<second>:\d{2}(?P<part>[.,]\d+)?)?"
    r"(?P<half>\s*[AaPp][Mm])?(?P<zone>\s*(Z|UTC|[+-]\d{2}(:?\d{2})?))?$"
)
TIME_OF_DAY = re.compile(r"^\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(\s*[AaPp][Mm])?$")
_DAYS = tuple(
    (re.compile(pattern), formats)
    for pattern, formats in (
        (r"\d{4}([-/.])\d{1,2}\1\d{1,2}", ("%Y{0}%m{0}%d",)),
        (r"\d{1,2}([-/.])\d{1,2}\1\d{4}", ("%d{0}%m{0}%Y", "%m{0}%d{0}%Y")),
        (r"\d{1,2}([-/.])\d{1,2}\1\d{2}", ("%d{0}%m{0}%y", "%m{0}%d{0}%y")),
        (r"\d{8}", ("%Y%m%d",)),
        (r"\d{12}", ("%Y%m%d%H%M",)),
        (r"\d{14}", ("%Y%m%d%H%M%S",)),
        (r"\d{10}(?:\.\d+)?", ("unix",)),
        (r"\d{13}", ("unix_ms",)),
        (r"\d{4}年\d{1,2}月\d{1,2}日", ("%Y年%m月%d日",)),
        (r"\d{1,2}([- /])[A-Za-z]{3}\1\d{4}", ("%d{0}%b{0}%Y",)),
        (r"\d{1,2}([- /])[A-Za-z]{3}\1\d{2}", ("%d{0}%b{0}%y",)),
        (r"\d{1,2}([- ])[A-Za-z]{4,9}\1\d{4}", ("%d{0}%B{0}%Y",)),
        (r"[A-Za-z]{3} \d{1,2}, \d{4}", ("%b %d, %Y",)),
        (r"[A-Za-z]{4,9} \d{1,2}, \d{4}", ("%B %d, %Y",)),
        (r"[A-Za-z]{3} \d{1,2} \d{4}", ("%b %d %Y",)),
    )
)


@dataclass(frozen=True)
class Times:
    """How a column's times are written.

    Parameters
    ----------
    formats : tuple of str
        As ``Notation.times`` takes them, the most frequent first.
    share : float
        Of the values that are times, 0..1.
    with_offset : bool
        Whether the values say their own zone.
    has_clock : bool
        Whether they have more than a day.
    note : str
        Why the day or the month stands first, or that several ways are mixed; empty = nothing to say.
    instead : tuple of str
        The formats of the other reading where both survive; empty = there is no question.
    """

    formats: tuple[str, ...]
    share: float
    with_offset: bool
    has_clock: bool
    note: str = ""
    instead: tuple[str, ...] = ()


def times_of(values: "pd.Series[str]", different: "pd.Series[int]", bench: Backend) -> Times | None:
    """Return how times are written.

    Parameters
    ----------
    values : Series of str
        A column without missing values, in the order of the file.
    different : Series of int
        Each different value -> how many rows have it.
    bench : Backend
        DuckDB.

    Returns
    -------
    Times or None
        None = the column holds no times.
    """
    counts = _looked_at(different)
    shapes = dict[str, float]()
    for value, count in counts.items():
        for written in _candidates(str(value)):
            shapes[written] = shapes.get(written, 0) + count
    likely = [
        written
        for written, count in sorted(shapes.items(), key=lambda item: -item[1])[:_WAYS]
        if count > MIXED * counts.sum() or (written not in _STAMPS and count > 1)
    ]
    if not likely or sum(shapes.values()) < _LEAST * counts.sum():
        return None
    read = _read(counts, likely, bench)
    settled = day_order(read, likely, values)
    note = settled.note
    formats, share = _fewest(read, settled.order, counts)
    if share < (0.97 if any(written in _STAMPS for written in formats) else _LEAST) or not formats:
        return None
    if len(formats) > 1:
        note = "; ".join(filter(None, [note, f"{len(formats)} ways of writing in one column"]))
    zoned = [value for value in counts.index[:50] if (found := _CLOCK.match(value)) and found["zone"]]
    stamp = formats[0] in ("unix", "unix_ms")
    return Times(
        formats=formats,
        share=share,
        with_offset=len(zoned) > len(counts.index[:50]) / 2 or stamp,
        has_clock=stamp or any("%H" in w or "%I" in w for w in formats) or ":" in str(counts.index[0]),
        note=note,
        instead=_fewest(read, settled.instead, counts)[0] if settled.instead else (),
    )


def _looked_at(counts: "pd.Series[int]") -> "pd.Series[float]":
    """Return different values of every shape, with how many rows each stands for."""
    shapes = counts.index.str.replace(r"\d", "9", regex=True).str.replace(r"[^\W\d_]", "a", regex=True)
    keys = pd.Series(shapes, index=counts.index)
    kept = counts.groupby(keys, sort=False).head(_LOOKED_AT)
    totals, looked_at = counts.groupby(keys).sum(), kept.groupby(keys).sum()
    scale = keys[kept.index].map(totals) / keys[kept.index].map(looked_at)
    return (kept * scale).head(20 * _LOOKED_AT)


def _candidates(value: str) -> tuple[str, ...]:
    """Return the ways in which a value may be written, by its looks."""
    if not 6 <= len(value) <= _LONGEST:
        return ()
    match = _CLOCK.match(value)
    day, clock = (match["day"], _clock(match)) if match else (value, "")
    found: list[str] = []
    for pattern, formats in _DAYS:
        fits = pattern.fullmatch(day)
        if fits:
            sign = fits[1] if fits.lastindex else ""
            found += [written.format(sign) + clock for written in formats]
    return tuple("iso" if _is_iso(written) else written for written in found)


def _clock(match: "re.Match[str]") -> str:
    hour = "%I" if match["half"] else "%H"
    second = (":%S" + (".%f" if match["part"] else "")) if match["second"] else ""
    half = " %p" if match["half"] and match["half"].startswith(" ") else "%p" if match["half"] else ""
    zone = (" %z" if match["zone"].startswith(" ") else "%z") if match["zone"] else ""
    return f"{match['gap']}{hour}:%M{second}{half}{zone}"


def _is_iso(written: str) -> bool:
    return written.startswith(("%Y-%m-%d", "%Y/%m/%d")) and "%I" not in written and " %z" not in written


def _read(counts: "pd.Series[float]", likely: Sequence[str], bench: Backend) -> pd.DataFrame:
    """Return for each value what each way of writing makes of it; NaT where it does not fit."""
    table = ibis.memtable(pa.table({"value": pa.array(list(counts.index), pa.string())}))
    columns = {
        str(place): time_of(table["value"], Notation(times=(written,)), "UTC").cast("string")
        for place, written in enumerate(likely)
    }
    texts = bench.to_pyarrow(table.select("value", **columns)).to_pandas().set_index("value")
    read = texts.apply(lambda column: pd.to_datetime(column.str[:19], format="ISO8601", errors="coerce"))
    read.columns = pd.Index(likely)
    for written in likely:
        stamp = written in _STAMPS
        sound = read[written].between(_STAMP_EARLIEST if stamp else _EARLIEST, _STAMP_LATEST if stamp else _LATEST)
        read[written] = read[written].where(sound)
    by_value: pd.DataFrame = read.reindex(counts.index)
    return by_value


def _fewest(read: pd.DataFrame, order: Sequence[str], counts: "pd.Series[float]") -> tuple[tuple[str, ...], float]:
    """Return the ways that read the values, the one that reads most first."""
    left, chosen = counts, list[str]()
    read_by: Mapping[str, pd.Series[bool]] = {written: read[written].notna() for written in order}
    while len(left):
        gains = {written: float(left[fits.reindex(left.index)].sum()) for written, fits in read_by.items()}
        best = max(gains, key=lambda written: gains[written], default=None)
        least = MIXED * counts.sum() if best in _STAMPS else 1
        if best is None or gains[best] <= least:
            break
        chosen.append(best)
        left = left[~read_by[best].reindex(left.index)]
    return tuple(chosen), 1 - left.sum() / counts.sum()
