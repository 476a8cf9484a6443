"""Numbers that the environment of a service sets."""

import logging
import math
import os
from collections.abc import Mapping

import orjson
from pydantic import TypeAdapter, ValidationError

from models.settings import Ages

WORKERS_ENV = "FORESELL_WORKERS"
"""Processes that answer."""

logger = logging.getLogger("bentoml.foresell")
_AGES: TypeAdapter[dict[str, float]] = TypeAdapter(Ages)


def seconds_of(name: str, default: float, *, least: float = 0.0, most: float = math.inf) -> float:
    """Return the seconds that a variable says; see ``number_of``."""
    return number_of(name, default, least=least, most=most, unit="seconds")


def number_of(name: str, default: float, *, least: float, most: float = math.inf, unit: str) -> float:
    """Return the number that a variable says; what is no such number is logged, and the default holds.

    Parameters
    ----------
    name : str
        Of the variable.
    default : float
        Where it is not set.
    least : float
        What it must not be below.
    most : float
        What it must not be above.
    unit : str
        What is counted, for the log.
    """
    told = os.environ.get(name)
    if told is None:
        return default
    try:
        found = float(told)
    except ValueError:
        found = math.nan
    if not least <= found <= most or found == math.inf:
        allowed = f"{least:g} or more" if most == math.inf else f"{least:g} to {most:g}"
        logger.error("%s = %r is not a number of %s, %s: %g is used", name, told[:20], unit, allowed, default)
        return default
    return found


def ages_of(name: str) -> Mapping[str, float]:
    """Return the hours by prediction that a variable says as JSON; what says none is logged, and nothing holds."""
    told = os.environ.get(name)
    if told is None:
        return {}
    try:
        return _AGES.validate_json(told)
    except ValidationError:
        logger.error('%s = %r is not hours by prediction, such as {"churn": 48}: no age is too old', name, told[:100])
        return {}


def as_environment(ages: Mapping[str, float]) -> str:
    """Return hours by prediction as ``ages_of`` reads them."""
    return orjson.dumps(dict(ages)).decode()
