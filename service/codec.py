"""JSON in and out: one parse, one validation, one writing."""

import re
from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from models.errors import InvalidRequestError
from service.errors import NotJsonError
from service.faults import invalid_request

MAX_PARTS = 350_000
"""Objects and arrays of a body. The shortest that can be many, a line with a date alone, takes 28 bytes of 8 MiB."""
# also one that does not end: else each of its quotes would be tried as a beginning
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def decode(body: bytes, request: type[BaseModel]) -> BaseModel:
    """Parse and validate a request's body.

    Raises
    ------
    NotJsonError
        The body is not JSON in UTF-8, or a number is not finite.
    InvalidRequestError
        The body is not what the request type asks for; names the field.
    """
    if len(body) > 2 * MAX_PARTS and _parts(body) > MAX_PARTS and _parts(_STRING.sub(b"", body)) > MAX_PARTS:
        # parsed, 8 MiB of empty ones would be a quarter of a gigabyte
        raise InvalidRequestError(
            f"the body has more than {MAX_PARTS:,} objects and arrays; send fewer customers a call"
        )
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


def _parts(body: bytes) -> int:
    # their ends: what is open is refused by the parser at a depth of 1,024
    return body.count(b"}") + body.count(b"]")


def _where(error: orjson.JSONDecodeError) -> str:
    # the first words of orjson's message; the rest repeats the position in other units
    return f"{error.msg} at byte {error.pos}"
