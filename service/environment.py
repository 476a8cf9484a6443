"""Numbers that the environment of a service sets."""

import logging
import math
import os

logger = logging.getLogger("bentoml.foresell")


def seconds(name: str, default: float) -> float:
    """Return the seconds that a variable says, 0 or more; what is no such number is logged, and the default holds."""
    told = os.environ.get(name)
    if told is None:
        return default
    try:
        found = float(told)
    except ValueError:
        found = math.nan
    if not 0 <= found < math.inf:
        logger.error("%s = %r is not a number of seconds, 0 or more: %g is used", name, told[:20], default)
        return default
    return found
