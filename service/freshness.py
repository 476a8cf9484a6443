"""How old a release may be and still answer: a limit for each prediction that has one, and none by default."""

import logging
import time
from collections.abc import Callable, Collection, Mapping

from models.release import Manifest
from service.environment import ages_of
from service.errors import FeaturesStaleError

STALE_ENV = "FORESELL_STALE_AFTER_HOURS"
"""Hours by prediction, as JSON."""
_HOUR = 3_600.0

logger = logging.getLogger("bentoml.foresell")


class Freshness:
    """Refuses what is too old.

    Parameters
    ----------
    hours : mapping of str to float
        Hours since a release was published, by prediction.
    clock : callable
        Seconds since 1970.
    """

    def __init__(self, hours: Mapping[str, float], *, clock: Callable[[], float] = time.time) -> None:
        self._hours = hours
        self._clock = clock

    @classmethod
    def of_environment(cls, predictions: Collection[str]) -> "Freshness":
        """Return the limits that the environment names; one for no prediction is logged."""
        hours = ages_of(STALE_ENV)
        for name in hours.keys() - set(predictions):
            logger.error("%s: there is no prediction %r; there are %s", STALE_ENV, name[:50], ", ".join(predictions))
        return cls(hours)

    def check(self, prediction: str, manifest: Manifest) -> None:
        """Refuse to answer from a release that is too old for a prediction.

        Raises
        ------
        FeaturesStaleError
            It is.
        """
        limit = self._hours.get(prediction)
        if limit is None:
            return
        age = (self._clock() - manifest.published_at.timestamp()) / _HOUR
        if age > limit:
            raise FeaturesStaleError(
                f"{prediction}: release {manifest.name} was published {age:.1f} hours ago; at most {limit:g} are "
                "allowed (service.stale_after_hours): foresell run publishes a new one"
            )
