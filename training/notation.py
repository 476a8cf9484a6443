"""From written values to typed ones: numbers, times and ids as a source writes them; expressions, nothing is read here.

What does not fit becomes null, and no row ever raises an error.
"""

from functools import reduce
from typing import Any, Literal

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from models.contracts import DECIMAL
from models.source_settings import Notation

Sign = Literal[".", ","]

UNREADABLE = "\ufffd"
"""What stands for bytes that are no text in the file's encoding."""

_INSTANT = dt.Timestamp(timezone="UTC")

# 10:00:00+02:00, 10:00:00Z, 10:00:00 UTC; the time before it keeps the -31 of 2024-01-31 from being an offset
_OFFSET = r"\d:\d{2}(:\d{2}(\.\d+)?)?( ?UTC|[Zz]|[+-]\d{2}(:?\d{2})?)\s*$"

_CURRENCY = "[$€£¥\uffe5₹]"
_HOURS = ("%H", "%I", "%-H", "%-I", "%c", "%X")
_LAST_UNIX_SECOND = 253_402_300_799  # of the year 9999


def _timezone(zone: str, at: object) -> None:
    """Stand for DuckDB's timezone(zone, instant): the wall clock of a zone at an instant; and the other way round."""


def _try_strptime(text: str, written: str) -> None:
    """Stand for DuckDB's function of that name: null where the text is not written so."""


def _to_timestamp(seconds: float) -> None:
    """Stand for DuckDB's function of that name: the instant so many seconds after 1970."""


_wall_clock = ibis.udf.scalar.builtin(_timezone, name="timezone", signature=((dt.string, _INSTANT), dt.timestamp))
_instant = ibis.udf.scalar.builtin(_timezone, name="timezone", signature=((dt.string, dt.timestamp), _INSTANT))
_parsed = ibis.udf.scalar.builtin(_try_strptime, name="try_strptime", signature=((dt.string, dt.string), dt.timestamp))
_parsed_instant = ibis.udf.scalar.builtin(
    _try_strptime, name="try_strptime", signature=((dt.string, dt.string), _INSTANT)
)
_since_1970 = ibis.udf.scalar.builtin(_to_timestamp, name="to_timestamp", signature=((dt.float64,), _INSTANT))


def has_text(value: ir.StringValue) -> ir.BooleanValue:
    """Tell whether a text is more than blanks; null where it is null."""
    return value.re_search(r"[^ \t\n\r\v\f]")  # a fifth of what it costs to strip it


def stripped(value: ir.Value) -> ir.Value:
    """Return text without the blanks around it; anything else as it is."""
    return value.strip() if value.type().is_string() else value


def decimal_of(value: ir.Value, sign: Sign) -> ir.DecimalValue:
    """Read a number exactly.

    Parameters
    ----------
    value : ir.Value
        A number, or text: digits, maybe with a decimal sign, thousands in groups of three, a currency sign, and a
        minus before or behind or parentheses around a negative one; with '.' also a power of ten.
    sign : {'.', ','}
        The decimal sign of text.

    Returns
    -------
    ir.DecimalValue
        DECIMAL(18,4), half a unit of the last place rounded away from zero; null = no number, or too large.
    """
    return _number(value, sign, DECIMAL)


def float_of(value: ir.Value, sign: Sign) -> ir.FloatingValue:
    """Read a number as the nearest float64, see ``decimal_of``; NaN and infinity are read too."""
    return _number(value, sign, "float64")


def _number(value: ir.Value, sign: Sign, kind: str) -> Any:
    if not value.type().is_string():
        return value.try_cast(kind)
    text = value.strip()
    negative = text.contains("-") | text.startswith("(")
    digits = text.re_replace(f"[^0-9{sign}]", "").replace(",", ".")
    formatted = ibis.ifelse(negative, ibis.literal("-") + digits, digits).try_cast(kind)
    formatted = ibis.ifelse(text.re_search(_formatted(sign)), formatted, ibis.null(kind))
    if sign == ",":
        return formatted
    # DuckDB reads '8.9e-16' as the decimal 0.0001: a power of ten goes through float64; and '1_0' as 10
    scientific = value.contains("e") | value.contains("E")
    plain = ibis.ifelse(scientific, value.try_cast("float64").try_cast(kind), value.try_cast(kind))
    return ibis.ifelse(plain.notnull() & ~value.contains("_"), plain, formatted)


def _formatted(sign: Sign) -> str:
    group = "[.'\u2019 \u00a0\u202f]" if sign == "," else "[,'\u2019 \u00a0\u202f]"
    fraction = rf"\{sign}\d+"
    digits = rf"((\d{{1,3}}({group}\d{{3}})+|\d+)({fraction})?\{sign}?|{fraction})"
    money = rf"{_CURRENCY}?\s?{digits}\s?{_CURRENCY}?"
    signed = rf"([-+]\s?)?{money}|{_CURRENCY}\s?[-+]{digits}"
    return rf"^({signed}|{money}\s?-|\(\s?{money}\s?\))$"


def time_of(value: ir.Value, notation: Notation, zone: str) -> ir.TimestampValue:
    """Read a time as the wall clock of a zone.

    Parameters
    ----------
    value : ir.Value
        A timestamp, a date, text, or a number that is written like text.
    notation : Notation
        Which ways of writing are tried, the first that fits counts, and the zone of times without an offset.
    zone : str
        IANA zone of the result.

    Returns
    -------
    ir.TimestampValue
        Without an offset; null = no time.
    """
    type_ = value.type()
    if type_.is_timestamp() and type_.timezone is not None:
        return _wall_clock(zone, value.cast(_INSTANT))
    if type_.is_date():
        return value.cast("timestamp")
    if type_.is_timestamp():
        return _moved(value, notation.times_in, zone)
    # 20240131.0 is a day that went through floats
    text = value if type_.is_string() else identifier(value, through_float=False)
    read = [_time(text, written, notation.times_in, zone) for written in notation.times]
    return reduce(lambda first, second: ibis.ifelse(first.notnull(), first, second), read)


def _time(text: ir.StringValue, written: str, times_in: str | None, zone: str) -> ir.TimestampValue:
    if written == "iso":
        # DuckDB knows no 'z' and no offset after minutes
        seconds = text.strip().upper().re_replace(r"([T ]\d{1,2}:\d{2})( ?UTC|Z|[+-])", r"\1:00\2")
        instant = seconds.try_cast(_INSTANT)
        # most texts have no blanks around them, and stripping costs more than reading
        direct = text.try_cast("timestamp")
        naive = ibis.ifelse(direct.notnull(), direct, text.strip().try_cast("timestamp"))
        naive = (
            naive if times_in in (None, zone) else ibis.ifelse(text.contains(":"), _moved(naive, times_in, zone), naive)
        )
        return ibis.ifelse(text.re_search(_OFFSET), _wall_clock(zone, instant), naive)
    if written in ("unix", "unix_ms"):
        seconds = text.try_cast("float64") / (1 if written == "unix" else 1000)
        sound = seconds.between(0, _LAST_UNIX_SECOND)
        return _wall_clock(zone, _since_1970(ibis.ifelse(sound, seconds, ibis.null("float64"))))
    if "%z" in written or "%Z" in written:
        return _wall_clock(zone, _parsed_instant(text.strip(), written))
    naive = _parsed(text.strip(), written)
    return _moved(naive, times_in, zone) if any(hour in written for hour in _HOURS) else naive


def _moved(naive: ir.TimestampValue, times_in: str | None, zone: str) -> ir.TimestampValue:
    """Carry a wall clock into another zone; a date without a time is that date in every zone and never comes here."""
    return naive if times_in in (None, zone) else _wall_clock(zone, _instant(times_in, naive))


def identifier(value: ir.Value, *, through_float: bool) -> ir.StringValue:
    """Read an id as text; blank text is null.

    Parameters
    ----------
    value : ir.Value
        Of any type; a whole float is written without its fraction: nothing else could tell 17850.0 from 17850.
    through_float : bool
        Whether text such as ``17850.0`` is an id that went through floats; otherwise text is never altered.
    """
    type_ = value.type()
    if type_.is_floating():
        exact = (value.abs() < 2**53) & (value == value.round())
        return ibis.ifelse(exact, value.try_cast("int64").cast("string"), value.cast("string"))
    if not type_.is_string():
        return value.cast("string")
    whole = value.re_replace(r"^\s*(\d+)\.0+\s*$", r"\1") if through_float else value
    return ibis.ifelse(has_text(value), whole, ibis.null("string"))
