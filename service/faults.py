"""What is wrong with a request, in one line: pydantic's list of faults, reduced to the one that matters."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from models.errors import InvalidRequestError

SHOWN_CHARACTERS = 60
MOST_FAULTS = 1_000
"""Above this none is named: pydantic can only list them all, which would hold every other call up for seconds."""

Fault = tuple[tuple[str, ...], str, Mapping[str, Any]]


def invalid_request(error: ValidationError, body: Any) -> InvalidRequestError:
    """Turn a validation error into ours.

    Parameters
    ----------
    error : ValidationError
        What the request type found.
    body : Any
        The decoded body; tells the fields of a path from the tags that pydantic puts between them.

    Returns
    -------
    InvalidRequestError
        Names the first offending field and, where it is short, its value; neither when there are too many faults.
    """
    if error.error_count() > MOST_FAULTS:
        return InvalidRequestError(f"body: more than {MOST_FAULTS:,} faults; /docs.json lists the fields")
    faults = [_located(detail, body) for detail in error.errors(include_url=False)]
    first = faults[0][0]
    # where a value may be one of several types, the branch that got deepest is the one that was meant
    branch = [fault for fault in faults if fault[0][: len(first)] == first]
    path = max((fault[0] for fault in branch), key=len)
    messages = dict.fromkeys(fault[1] for fault in branch if fault[0] == path)
    field = ".".join(path) or None
    text = f"{field or 'body'}: {', or '.join(messages)}{_shown(branch, path)}"
    return InvalidRequestError(text, field=field)


def _located(detail: Mapping[str, Any], body: Any) -> Fault:
    path: list[str] = []
    current = body
    for part in detail["loc"]:
        inside = part in current if isinstance(current, dict) else isinstance(current, list) and isinstance(part, int)
        if inside:
            current = current[part]
        # what is missing is the last of its path and in no object; anything else that is in none is a tag
        elif detail["type"] != "missing" or part != detail["loc"][-1]:
            continue
        path.append(_cut(str(part)))
    return tuple(path), _message(detail), detail


def _message(detail: Mapping[str, Any]) -> str:
    kind: str = detail["type"]
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return "is not a known field; /docs.json lists the fields"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "should be an object"
    if kind == "string_pattern_mismatch":
        return "should hold printable characters only"
    if kind == "finite_number":
        return "should be a finite number"
    text: str = detail["msg"]
    return text.removeprefix("Value error, ").replace("Input should", "should", 1)


def _shown(branch: list[Fault], path: tuple[str, ...]) -> str:
    detail = next(fault[2] for fault in branch if fault[0] == path)
    value = detail["input"]
    if detail["type"] in ("missing", "extra_forbidden") or not isinstance(value, str | int | float):
        return ""
    return f"; got {_cut(repr(value))}"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
