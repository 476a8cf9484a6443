"""JSON in and out: one parse, one validation, one writing."""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from service.errors import NotJsonError
from service.faults import invalid_request


def decode(body: bytes, request: type[BaseModel]) -> BaseModel:
    """Parse and validate a request's body.

    Raises
    ------
    NotJsonError
        The body is not JSON in UTF-8, or a number is not finite.
    InvalidRequestError
        The body is not what the request type asks for; names the field.
    """
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


def _where(error: orjson.JSONDecodeError) -> str:
    # the first words of orjson's message; the rest repeats the position in other units
    return f"{error.msg} at byte {error.pos}"
