"""Data classes that hold arrays alone, as npy files and back."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from models.parts import npy_array, npy_bytes

T = TypeVar("T")


def array_parts(name: str, holder: Any) -> dict[str, bytes]:
    """Return the npy files of a data class whose fields are all arrays, by ``<name>_<field>.npy``."""
    return {f"{name}_{field.name}.npy": npy_bytes(getattr(holder, field.name)) for field in fields(holder)}


def from_parts(cls: type[T], name: str, parts: Mapping[str, bytes]) -> T:
    """Return the data class that ``array_parts`` wrote under a name."""
    return cls(**{field.name: npy_array(parts[f"{name}_{field.name}.npy"]) for field in fields(cls)})  # type: ignore[arg-type]
