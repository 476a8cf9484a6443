"""Plain data: mappings, lists, text and numbers, as JSON holds them."""

from math import isfinite
from typing import Any, TypeVar

from models.errors import InvalidModelOutputError

_Plain = TypeVar("_Plain")


def only_finite(data: _Plain) -> _Plain:
    """Return the data as they are.

    Raises
    ------
    InvalidModelOutputError
        A number in them is not finite; JSON would have null for it.
    """
    if not _is_finite(data):
        raise InvalidModelOutputError("the model returned a figure that is not finite; roll the release back")
    return data


def _is_finite(data: Any) -> bool:
    if isinstance(data, float):
        return isfinite(data)
    if isinstance(data, dict):
        return all(map(_is_finite, data.values()))
    return not isinstance(data, list) or all(map(_is_finite, data))
