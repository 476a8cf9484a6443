"""PostgreSQL's values as Python gets them: a few types as objects, every other one in the server's own words.

The words of a uuid, a json, a numeric or an array are those that the server would write into a CSV file.
"""

from datetime import date, datetime
from functools import partial
from typing import Any

import pyarrow as pa

TYPES = {
    "int2": pa.int64(),
    "int4": pa.int64(),
    "int8": pa.int64(),
    "oid": pa.int64(),
    "bool": pa.bool_(),
    "float4": pa.float64(),
    "float8": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", tz="UTC"),
}
"""PostgreSQL's name of a type -> how its values are handed on; every other one is text."""
_TIMES = ("date", "timestamp", "timestamptz")


def type_name(connection: Any, code: int) -> str:
    """Return PostgreSQL's name of a result column's type; an array's and an unknown one's is empty."""
    known = connection.adapters.types.get(code)
    return str(known.name) if known is not None and known.oid == code else ""


def read_as_written(connection: Any) -> None:
    """Tell a psycopg connection which values stay text, and let no time stop the reading.

    Python's years end at 9999 and begin at 1: 'infinity' and beyond become the last or the first moment that Python
    knows, which a row rule rejects.
    """
    from psycopg.types.string import TextLoader

    for known in connection.adapters.types:
        if known.name not in TYPES:
            connection.adapters.register_loader(known.oid, TextLoader)
        if known.array_oid:
            connection.adapters.register_loader(known.array_oid, TextLoader)
    for name in _TIMES:
        connection.adapters.register_loader(name, _bounded(name))


def _bounded(name: str) -> type:
    from psycopg import DataError
    from psycopg.types import datetime as loaders

    base: Any = {
        "date": loaders.DateLoader,
        "timestamp": loaders.TimestampLoader,
        "timestamptz": loaders.TimestamptzLoader,
    }[name]

    class Bounded(base):  # type: ignore[misc]
        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except DataError:
                text = bytes(data)
                return first if text.startswith(b"-") or text.endswith(b"BC") else last

    from datetime import UTC

    ends = {
        "date": (date.min, date.max),
        "timestamp": (datetime.min, datetime.max),
        "timestamptz": (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
    }
    first, last = ends[name]
    return Bounded
