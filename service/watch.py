"""Notices that another release became current, opens it beside the one that answers, and puts it in its place.

A call takes what it answers from once, so that each answer is wholly from one release, and the change falls between
two calls. Every worker watches for itself.
"""

import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable

from models.errors import ForesellError
from models.release import Releases
from models.store import Store
from service.current import Current, Refusal
from service.errors import ReleaseUnusableError
from service.probe import probe
from service.release import open_release

EVERY_SECONDS = 1.0
"""Between two looks at the pointer: one small file."""
PATIENCE_SECONDS = 60.0
"""For calls over the release before: longer than any deadline. One that is stuck must not hold up the next release."""
AGAIN_SECONDS = 60.0
"""After which a release that was refused is tried again: a disk may have come back."""

logger = logging.getLogger("bentoml.foresell")


class Watch:
    """Watches one releases folder for a worker.

    Parameters
    ----------
    current : Current
        What the worker answers from.
    releases : Releases
        The folder.
    check : callable
        Opens a release by its name where it can do no harm, and says why it must not serve.
    clock : callable
        Seconds that never go back.
    told : callable
        Is told after every change.
    """

    def __init__(
        self,
        current: Current,
        releases: Releases,
        *,
        check: Callable[[Releases, str], Refusal | None] = probe,
        clock: Callable[[], float] = time.monotonic,
        told: Callable[[Current], None] = lambda _: None,
    ) -> None:
        self.current = current
        self.releases = releases
        self._check = check
        self._clock = clock
        self._told = told
        self._seen: bytes | None = None
        self._again_at = 0.0
        self._left: weakref.ref[Store] | None = None
        self._left_at = 0.0
        self._ended = threading.Event()

    def start(self) -> None:
        """Watch until the process ends."""
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._ended.set()

    def look(self) -> None:
        """Look once: open what became current, or say why it must not serve."""
        if not self._is_free():
            return
        pointer = self._pointer()
        if pointer is None or (pointer == self._seen and not self._is_to_be_tried_again()):
            return
        self._seen = pointer
        name = (pointer.split() or [b"?"])[0].decode("utf-8", "replace")
        try:
            manifest = self.releases.current()
            if self.current.answers(manifest):
                self.current.accept()
                return
            refusal = self._check(self.releases, manifest.name)
            if refusal is None:
                self._left = self.current.swap(open_release(self.releases.folder, manifest))
                self._left_at = self._clock()
                logger.info("release %s serves", manifest.name)
        except ForesellError as error:
            refusal = Refusal.of(name, error)
        except Exception:
            logger.exception("release %s could not be opened", name)
            unusable = ReleaseUnusableError("it could not be opened; the service's log has the reason")
            refusal = Refusal.of(name, unusable)
        if refusal:
            logger.error("release %s is refused: %s", name, refusal.message)
            self.current.refuse(refusal)
            # counted from now: one that hung must not be tried again at once
            self._again_at = self._clock() + AGAIN_SECONDS
        self._told(self.current)

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            try:
                self.look()
            except Exception:
                logger.exception("the watch over releases failed; it goes on")

    def _is_free(self) -> bool:
        """Say whether the last call over the release before has ended: a worker holds two of them, and not three."""
        if self._left is None:
            return True
        if self._left() is not None:
            # its parts know each other
            gc.collect()
        if self._left() is not None:
            if self._clock() < self._left_at + PATIENCE_SECONDS:
                return False
            logger.warning("a call over the release before does not end; its memory is not freed")
        self._left = None
        return True

    def _is_to_be_tried_again(self) -> bool:
        settled = self.current.is_open and self.current.refusal is None
        return not settled and self._clock() >= self._again_at

    def _pointer(self) -> bytes | None:
        try:
            return self.releases.pointer.read_bytes()
        except OSError:
            # nothing was published yet, or the disk is gone: what is open serves on
            return None
