"""Where the tables come from: one module a kind of source, all with raw tables under the contract's column names.

A new kind of source is one module here and one line in ``open_source``.
"""

from collections.abc import Mapping
from typing import Protocol

from models.settings import Settings
from training.sources.complete_journey import CompleteJourney
from training.sources.files import Files
from training.sources.raw import RawTable, Workbench

__all__ = ["CompleteJourney", "Files", "RawTable", "Source", "Workbench", "open_source"]


class Source(Protocol):
    """Gives raw tables: the contract's column names, whatever types and dirt the source has."""

    @property
    def name(self) -> str:
        """What reports call the source."""

    def state(self) -> str | None:
        """Return a text that changes whenever the tables may have changed; None = that cannot be told.

        Raises
        ------
        SourceError
            Something is missing or cannot be read.
        """

    def tables(self, bench: Workbench) -> Mapping[str, RawTable]:
        """Return the tables that the source fills, by name; each is read once, when it is written out.

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
