"""Numbers that the environment of a service sets."""

import logging
import math
import os

logger = logging.getLogger("bentoml.foresell")


def seconds_of(name: str, default: float, *, least: float = 0.0) -> float:
    """Return the seconds that a variable says; what is no such number is logged, and the default holds.

    Parameters
    ----------
    name : str
        Of the variable.
    default : float
        Where it is not set.
    least : float
        What it must not be below.
    """
    told = os.environ.get(name)
    if told is None:
        return default
    try:
        found = float(told)
    except ValueError:
        found = math.nan
    if not least <= found < math.inf:
        logger.error("%s = %r is not a number of seconds, %g or more: %g is used", name, told[:20], least, default)
        return default
    return found
