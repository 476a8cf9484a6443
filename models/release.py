"""A release on disk: a small manifest over content-addressed parts, and a pointer to the current one.

::

    releases/
      parts/<sha256>/          a store, one prediction's artifact, or what it prepared for the store; never changed
      manifests/r000001.json   names one store, and for each prediction one artifact and what it prepared
      current                  "r000001 <sha256 of its manifest>"; replaced in one step

``training.publish`` writes this folder, ``service.release`` serves from it.
"""

import hashlib
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from models.errors import CorruptPartError, ReleaseMissingError
from models.messages import ModelReference
from models.section import Section


class ServedModel(Section):
    """One prediction of a release."""

    artifact: str = Field(description="Digest of the artifact.")
    prepared: str | None = Field(
        default=None,
        description="Digest of what it prepared for the store; null = nothing, or a release from before it did.",
    )
    model: ModelReference = Field(description="The registered version that serves.")
    evaluated_version: str = Field(description="The registered version whose test figures `evidence` holds.")
    cut_points: list[float] = Field(description="1st to 99th percentile of the eligible customers' scores.")
    evidence: dict[str, Any] = Field(description="Method, cutoffs, test metrics with intervals, rivals.")

    @property
    def parts(self) -> tuple[str, ...]:
        """Digests of all of its parts."""
        return (self.artifact,) if self.prepared is None else (self.artifact, self.prepared)


class Manifest(Section):
    """What a release consists of."""

    name: str = Field(description="r000001, r000002, ...")
    published_at: datetime = Field(description="UTC.")
    as_of: date = Field(description="Local midnight up to which the store knows.")
    fingerprint: str = Field(description="Fingerprint of the features of all parts.")
    store: str = Field(description="Digest of the store.")
    predictions: dict[str, ServedModel]
    previous: str | None = Field(description="The release that was current before.")


class Releases:
    """The folder of releases.

    Parameters
    ----------
    folder : Path
        Need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = folder / "parts"
        self.manifests = folder / "manifests"
        self.pointer = folder / "current"

    def part(self, digest: str) -> Path:
        """Return the folder of a part."""
        return self.parts / digest

    def manifest_path(self, name: str) -> Path:
        """Return the file of a release's manifest."""
        return self.manifests / f"{name}.json"

    def current_name(self) -> str | None:
        """Return the current release's name; None when nothing has been published."""
        pointed = self._pointed()
        return pointed[0] if pointed else None

    def current(self) -> Manifest:
        """Read the current release's manifest.

        Raises
        ------
        ReleaseMissingError
            Nothing has been published.
        CorruptPartError
            The manifest is not the one that the pointer names, or cannot be read.
        """
        pointed = self._pointed()
        if pointed is None:
            raise ReleaseMissingError(
                f"no release in {self.folder.name}/: run foresell train, promote and publish first"
            )
        name, digest = pointed
        content = self._read(name)
        if hashlib.sha256(content).hexdigest() != digest:
            raise CorruptPartError(f"release {name}: its manifest is not the one that was published; publish again")
        return _parsed(name, content)

    def manifest(self, name: str) -> Manifest:
        """Read one release's manifest.

        Raises
        ------
        ReleaseMissingError
            There is no such release.
        CorruptPartError
            It cannot be read.
        """
        return _parsed(name, self._read(name))

    def names(self) -> list[str]:
        """Return the names of all releases, oldest first."""
        return sorted(path.stem for path in self.manifests.glob("r*.json"))

    def _read(self, name: str) -> bytes:
        try:
            return self.manifest_path(name).read_bytes()
        except (OSError, ValueError):
            # the name may be any bytes that somebody wrote to the pointer: one with a zero in it is no path
            raise ReleaseMissingError(f"release {name} is not in {self.folder.name}/manifests; publish again") from None

    def _pointed(self) -> tuple[str, str] | None:
        try:
            content = self.pointer.read_text(encoding="utf-8", errors="replace").split()
        except FileNotFoundError:
            return None
        if len(content) != 2:
            raise CorruptPartError(f"{self.pointer.name} does not name a release: publish again")
        return content[0], content[1]


def _parsed(name: str, content: bytes) -> Manifest:
    try:
        return Manifest.model_validate_json(content)
    except ValidationError:
        raise CorruptPartError(f"release {name}: its manifest cannot be read; publish again") from None
