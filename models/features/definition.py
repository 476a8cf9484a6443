"""What a feature is: its description for people and its expression, kept in one place so that they cannot disagree."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ibis.expr import types as ir

from models.settings import FeatureSettings

NEVER = "never"  # the feature is known for everybody
NO_ORDER = "no order yet"


@dataclass(frozen=True)
class Feature:
    """One customer feature as people read it.

    Parameters
    ----------
    name : str
        Column name, unit last.
    unit : str
        What one means: days, orders, money, share (0..1), ratio, ...
    null : str
        What a null means; ``"never"`` where the feature is known for everybody.
    group : str
        Key in ``GROUPS``.
    description : str
        One sentence.
    """

    name: str
    unit: str
    null: str
    group: str
    description: str


Expression = Callable[[ir.Table], ir.Value]


@dataclass(frozen=True)
class Definition:
    """A feature and the aggregate that computes it over what is known of one customer at one cutoff.

    Parameters
    ----------
    feature : Feature
        The catalogue's entry.
    expression : Callable
        Takes the rows of a source joined to the spine, gives an aggregate (cast to float64 by the caller).
    """

    feature: Feature
    expression: Expression


@dataclass(frozen=True)
class Source:
    """One family of facts: how they are reduced, which of them are known at a cutoff, and the features made of them.

    Parameters
    ----------
    history : Callable
        (tables, settings) -> facts with a customer_id, reduced before they meet the cutoffs.
    known : Callable
        (facts, cutoff as a day number) -> True for the facts that were known before the cutoff.
    definitions : Callable
        (settings) -> the features, in catalogue order.
    """

    history: Callable[[Mapping[str, ir.Table], FeatureSettings], ir.Table]
    known: Callable[[ir.Table, ir.IntegerValue], ir.BooleanValue]
    definitions: Callable[[FeatureSettings], tuple[Definition, ...]]


def define(name: str, unit: str, null: str, group: str, description: str, expression: Expression) -> Definition:
    """Put a feature and its expression together; the arguments are those of `Feature` and `Definition`."""
    return Definition(Feature(name, unit, null, group, description), expression)
