"""What the service answers from at this moment: an open release, or the reason why there is none."""

import logging
import os
import weakref
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException
from pydantic import Field

from models.errors import ForesellError, ReleaseMissingError
from models.messages import Message
from models.prediction import Served
from models.release import Manifest, Releases
from models.store import Store
from service.errors import ReleaseUnusableError
from service.freshness import Freshness
from service.release import OpenRelease, open_bundle, open_release

RELEASES_ENV = "FORESELL_RELEASES"
"""Names a releases folder; wins over the bento's artifacts."""
STORE_ENV = "FORESELL_STORE"
"""Names the folder of the store that a bento's artifacts serve."""
BUNDLE_ALIAS = "foresell"
"""What a bento calls the model that carries its artifacts."""

logger = logging.getLogger("bentoml.foresell")


class Refusal(Message):
    """A release that became current and must not serve."""

    release: str = Field(description="Its name.", examples=["r000002"])
    code: str = Field(description="What is wrong, for programs.", examples=["corrupt_part"])
    message: str = Field(description="What is wrong, for people.")

    @classmethod
    def of(cls, release: str, error: ForesellError) -> "Refusal":
        """Return what refuses a release: the error that it met."""
        return cls(release=release, code=error.code, message=error.message)


class Current:
    """The release that answers, or why none does.

    Parameters
    ----------
    release : OpenRelease or ForesellError
        The outcome of opening it.
    freshness : Freshness, optional
        How old it may be; default: of any age.
    """

    def __init__(self, release: "OpenRelease | ForesellError", freshness: Freshness | None = None) -> None:
        self._release = release
        self._freshness = freshness or Freshness({})
        self.refusal: Refusal | None = None
        """The newest release, where it was refused and the one before serves on."""
        self.refused = 0
        """How often one was."""

    @property
    def release(self) -> OpenRelease:
        """The open release.

        Raises
        ------
        ForesellError
            There is none; the error is the one that opening it met.
        """
        if isinstance(self._release, ForesellError):
            # a fresh copy: a shared exception would gather every caller's traceback
            raise type(self._release)(self._release.message)
        return self._release

    def served(self, prediction: str) -> Served:
        """Return one prediction of the open release.

        Raises
        ------
        ForesellError
            There is no open release, it has no such prediction, or it is too old for it.
        """
        release = self.release
        self._freshness.check(prediction, release.manifest)
        return release.of(prediction)

    def answers(self, manifest: Manifest) -> bool:
        """Say whether this very release is the open one."""
        return isinstance(self._release, OpenRelease) and self._release.manifest == manifest

    @property
    def is_open(self) -> bool:
        """Whether there is a release that answers."""
        return isinstance(self._release, OpenRelease)

    def swap(self, release: OpenRelease) -> "weakref.ref[Store] | None":
        """Answer from another release from the next call on.

        Returns
        -------
        weak reference to Store, or None
            The store of the one before, which lives for as long as calls use it.
        """
        before, self._release, self.refusal = self._release, release, None
        return weakref.ref(before.store) if isinstance(before, OpenRelease) else None

    def refuse(self, refusal: Refusal) -> None:
        """Note that the newest release must not serve; the open one, where there is one, serves on."""
        self.refusal = refusal
        self.refused += 1
        if not self.is_open:
            self._release = ReleaseUnusableError(f"release {refusal.release} is refused: {refusal.message}")

    def accept(self) -> None:
        """Note that the newest release is the open one again."""
        self.refusal = None


def releases_folder() -> Releases | None:
    """Return the releases folder that the environment names; None = a bento's artifacts serve."""
    folder = os.environ.get(RELEASES_ENV)
    return Releases(Path(folder)) if folder else None


def open_current(freshness: Freshness | None = None) -> Current:
    """Open what the environment names; never raises, so that a broken release leaves a process that can say so."""
    return Current(_opened(), freshness)


def _opened() -> "OpenRelease | ForesellError":
    try:
        release = _find()
    except ForesellError as error:
        logger.error("not ready: %s", error.message)
        return error
    except Exception:
        logger.exception("not ready: the release could not be opened")
        return ReleaseUnusableError("the release could not be opened; the service's log has the reason")
    logger.info("release %s is open: %s", release.manifest.name, ", ".join(release.served))
    return release


def _find() -> OpenRelease:
    releases = releases_folder()
    if releases:
        return open_release(releases.folder)
    store = os.environ.get(STORE_ENV)
    return open_bundle(_bundle(), Path(store) if store else None)


def _bundle() -> Path:
    try:
        return Path(bentoml.models.get(BUNDLE_ALIAS).path)
    except BentoMLException:
        raise ReleaseMissingError(
            f"no release: name a releases folder in {RELEASES_ENV}; foresell serve does it"
        ) from None
