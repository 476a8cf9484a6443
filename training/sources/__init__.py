"""Where the tables come from: one module a kind of source, all with raw tables under the contract's column names.

A new kind of source is one module here and one line in ``open_source``.
"""

from collections.abc import Mapping
from typing import Protocol

from models.settings import Settings
from training.sources.cdnow import Cdnow
from training.sources.complete_journey import CompleteJourney
from training.sources.files import Files
from training.sources.raw import RawTable, Workbench
from training.sources.ta_feng import TaFeng
from training.sources.together import Together

__all__ = ["Cdnow", "CompleteJourney", "Files", "RawTable", "Source", "TaFeng", "Workbench", "open_source"]

_BUILTIN = {source.name: source for source in (CompleteJourney, Cdnow, TaFeng)}


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
    if settings.source.builtin is not None:
        return _BUILTIN[settings.source.builtin]()
    entries = settings.source.tables.values()
    sources: list[Source] = []
    if any(entry.table or entry.query for entry in entries):
        # SQLAlchemy is loaded where there is a database
        from training.sources.database import Database

        sources.append(Database(settings.source, settings.workspace))
    if any(entry.path for entry in entries) or not sources:
        sources.append(Files(settings.source, settings.workspace))
    return sources[0] if len(sources) == 1 else Together(*sources)
