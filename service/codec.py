"""JSON in and out: one parse, one validation, one writing."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import BaseModel, ValidationError

from models.errors import InvalidRequestError
from service.errors import NotJsonError
from service.faults import invalid_request

MAX_FIELDS, MAX_VALUES = 100_000, 300_000
"""Fields, objects and arrays of a body, and values between commas. Parsed and checked, one takes up to 500 bytes, and
130: no call takes more than 64 MiB."""
_LIMITS = (
    (b":}]", MAX_FIELDS, "fields, objects and arrays"),
    (b",", MAX_VALUES, "values"),
)
_PIECE = 2**20
"""Bytes that are looked at at once."""


def decode(body: bytes, request: type[BaseModel]) -> BaseModel:
    """Parse and validate a request's body.

    Raises
    ------
    NotJsonError
        The body is not JSON in UTF-8, or a number is not finite.
    InvalidRequestError
        The body is not what the request type asks for; names the field.
    """
    for marks, most, what in _LIMITS:
        if len(body) > most and sum(map(body.count, marks)) > most and _outside_strings(body, marks) > most:
            raise InvalidRequestError(f"the body has more than {most:,} {what}; send fewer customers a call")
    try:
        # orjson is strict where BentoML's parser is not: no NaN, no 1e999, no lone surrogates
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotJsonError(f"the body is not JSON: {_where(error)}; send UTF-8 JSON with finite numbers") from None
    try:
        return request.model_validate(parsed)
    except ValidationError as error:
        raise invalid_request(error, parsed) from None


def encode(reply: Mapping[str, Any]) -> bytes:
    """Return a reply, whose figures are finite, as JSON: orjson would write null for one that is not."""
    return orjson.dumps(reply)


def _outside_strings(body: bytes, marks: bytes) -> int:
    """Count some bytes of JSON where they are no text."""
    is_mark: npt.NDArray[np.bool_] = np.isin(np.arange(256), list(marks))
    plain = np.frombuffer(body.replace(b"\\\\", b"__").replace(b'\\"', b"__"), np.uint8)
    count, in_string = 0, np.bool_(False)
    for start in range(0, len(plain), _PIECE):
        piece = plain[start : start + _PIECE]
        inside = np.logical_xor.accumulate(piece == ord('"')) ^ in_string
        count += int(np.count_nonzero(is_mark[piece] & ~inside))
        in_string = inside[-1]
    return count


def _where(error: orjson.JSONDecodeError) -> str:
    # the first words of orjson's message; the rest repeats the position in other units
    return f"{error.msg} at byte {error.pos}"
