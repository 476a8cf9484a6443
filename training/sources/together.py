"""Several sources as one: a database that holds some tables, and files that hold the others."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from training.sources.raw import RawTable, Workbench

if TYPE_CHECKING:
    from training.sources import Source


class Together:
    """The tables of all sources; no two of them fill the same one.

    Parameters
    ----------
    sources : Source
        One or more.
    """

    def __init__(self, *sources: "Source") -> None:
        self._sources = sources

    @property
    def name(self) -> str:
        """What reports call the source."""
        return " and ".join(source.name for source in self._sources)

    def state(self) -> str | None:
        """Return None where one source cannot tell whether it changed; see ``Source``."""
        states = [source.state() for source in self._sources]
        return None if None in states else str(states)

    def tables(self, bench: Workbench) -> Mapping[str, RawTable]:
        """Return the tables of all sources; see ``Source``."""
        return {name: table for source in self._sources for name, table in source.tables(bench).items()}
