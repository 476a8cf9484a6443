"""Every source of features, and the catalogue that follows from them."""

import functools
from collections import Counter

from models.errors import ConfigError
from models.features import attributes, baskets, contacts, days, events, members, orders
from models.features.definition import Definition, Feature, Source
from models.settings import FeatureSettings


def _order_definitions(settings: FeatureSettings) -> tuple[Definition, ...]:
    return orders.definitions(settings) + baskets.definitions(settings)


SOURCES = (
    Source(days.days, days.known, _order_definitions),
    Source(members.history, members.known, members.definitions),
    Source(contacts.history, contacts.known, contacts.definitions),
    Source(events.history, events.known, events.definitions),
    Source(attributes.history, attributes.known, attributes.definitions),
)


@functools.cache
def catalogue(settings: FeatureSettings) -> tuple[Feature, ...]:
    """List the features that these settings give, in the order of their columns.

    Parameters
    ----------
    settings : FeatureSettings
        Names attributes and kinds of events.

    Raises
    ------
    ConfigError
        Two kinds of events, attributes or levels lead to one feature name.
    """
    listed = tuple(made.feature for source in SOURCES for made in source.definitions(settings))
    twice = [name for name, count in Counter(feature.name for feature in listed).items() if count > 1]
    if twice:
        raise ConfigError(
            f"features: {twice[0]!r} would name two features; rename one of the attributes, levels or event kinds",
            field="features",
        )
    return listed
