"""Where the tables come from: one class a kind of source, all with raw tables under the contract's column names.

A new kind of source is one module here and one line in ``open_source``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from models.settings import Settings
from training.sources.complete_journey import CompleteJourney
from training.sources.files import Files

__all__ = ["CompleteJourney", "Files", "Source", "open_source"]


class Source(Protocol):
    """Gives raw tables: the contract's column names, whatever types and dirt the source has."""

    @property
    def name(self) -> str:
        """What reports call the source."""

    def files(self) -> tuple[Path, ...]:
        """Return the files behind the tables; when none of them changed, neither did the tables."""

    def tables(self, connection: Backend) -> Mapping[str, ir.Table]:
        """Return the tables that the source fills, by name, as expressions over ``connection``.

        Raises
        ------
        SourceError
            Something is missing or cannot be read.
        ContractError
            A required or a mapped column is not there.
        """


def open_source(settings: Settings) -> Source:
    """Return the source that ``[source]`` of the configuration names."""
    if settings.source.builtin == "complete-journey":
        return CompleteJourney()
    return Files(settings.source, settings.workspace)
