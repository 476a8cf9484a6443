"""PostgreSQL's values as Python gets them: a few types as objects, every other one in the server's own words.

The words of a uuid, a json, a numeric or an array are those that the server would write into a CSV file.
"""

from datetime import UTC, date, datetime
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
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def type_name(connection: Any, code: int) -> str:
    """Return PostgreSQL's name of a result column's type; an array's and an unknown one's is empty."""
    known = connection.adapters.types.get(code)
    return str(known.name) if known is not None and known.oid == code else ""


def read_as_written(connection: Any) -> None:
    """Tell a psycopg connection which values stay text, and let no time stop the reading.

    Python's years are 1 to 9999: 'infinity' and beyond become the first or the last moment that it knows, and a row
    rule rejects them.
    """
    from psycopg.types import datetime as times
    from psycopg.types.string import TextLoader

    adapters = connection.adapters
    for known in adapters.types:
        if known.name not in TYPES:
            adapters.register_loader(known.oid, TextLoader)
        if known.array_oid:
            adapters.register_loader(known.array_oid, TextLoader)
    adapters.register_loader("date", _bounded(times.DateLoader, date.min, date.max))
    naive = (moment.replace(tzinfo=None) for moment in (_FIRST, _LAST))
    adapters.register_loader("timestamp", _bounded(times.TimestampLoader, *naive))
    adapters.register_loader("timestamptz", _bounded(times.TimestamptzLoader, _FIRST, _LAST))


def _bounded(loader: Any, first: date, last: date) -> type:
    from psycopg import DataError

    class Bounded(loader):  # type: ignore[misc]
        def load(self, data: Any) -> Any:
            try:
                return super().load(data)
            except DataError:
                text = bytes(data)
                return first if text.startswith(b"-") or text.endswith(b"BC") else last

    return Bounded
