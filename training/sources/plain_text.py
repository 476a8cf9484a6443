"""A value that a database or a workbook gives as an object, written the way a text file would hold it."""

import json
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite


def plain_text(value: object, sign: str = ".") -> str:
    """Write one value as text.

    Parameters
    ----------
    value : object
        Not None. Numbers are written exactly and without a power of ten, whole floats without a fraction (nothing
        else could tell 17850.0 from 17850), times as ISO 8601 has them, bytes as the UTF-8 that they hold.
    sign : str
        The decimal sign.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and isfinite(value):
        # the shortest text that is this float and no other
        value = int(value) if value.is_integer() else Decimal(repr(value))
    if isinstance(value, Decimal):
        return format(value, "f").replace(".", sign)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode(errors="replace")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
