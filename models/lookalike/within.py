"""Who may be in an audience: everybody, a list of ids, or those for whom every filter holds."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from models.churn import LEVELS, PREPARED_LEVEL, Churn, Level
from models.errors import InvalidRequestError
from models.features.naming import slug
from models.lookalike.messages import Within
from models.prediction import Served
from models.products import GROUPINGS, bears, close_names, filled, known_names
from models.settings import Attribute
from models.store import UNKNOWN, Store

FIELD, ATTRIBUTES = "within", "attributes"
CHUNK_PURCHASES = 4_000_000

Mask = NDArray[np.bool_]


def allowed(served: Served, within: "Sequence[str] | Within | None") -> Mask:
    """Return who may be in the audience, shape (n,).

    Raises
    ------
    InvalidRequestError
        A filter names what the release does not have, or nobody is left.
    """
    store = served.store
    if within is None:
        return np.ones(len(store), bool)
    if not isinstance(within, Within):
        return _listed(store, within)
    everybody = np.ones(len(store), bool)
    for mask in _filters(served, within):
        everybody &= mask
    if not everybody.any():
        raise InvalidRequestError(f"{FIELD}: nobody in the store passes these filters; loosen them", field=FIELD)
    return everybody


def _filters(served: Served, within: Within) -> Iterator[Mask]:
    """Yield who passes each filter that is given, the cheap ones first."""
    store = served.store
    if within.churn_level is not None:
        yield _of_level(served, within.churn_level)
    if within.channel is not None:
        yield _through(store, within.channel)
    for name, value in within.attributes.items():
        yield _has_attribute(store, name, value)
    if within.bought_category is not None:
        yield _bought(store, within.bought_category, "bought_category")
    if within.never_bought_category is not None:
        yield ~_bought(store, within.never_bought_category, "never_bought_category")


def _listed(store: Store, ids: Sequence[str]) -> Mask:
    rows = store.rows_of(ids)
    rows = rows[rows != UNKNOWN]
    if not len(rows):
        raise InvalidRequestError(
            f"{FIELD}: none of the {len(ids):,} customers is in the store; check the ids", field=FIELD
        )
    mask = np.zeros(len(store), bool)
    mask[rows] = True
    return mask


def _of_level(served: Served, level: Level) -> Mask:
    """Say who has a level of churn; nobody has one who is not eligible."""
    churn = served.others.get(Churn.name)
    if churn is None:
        field = f"{FIELD}.churn_level"
        raise InvalidRequestError(
            f"{field}: release {served.release} has no churn; leave it out, or train, promote and publish churn",
            field=field,
        )
    of_level: Mask = churn.prepared[PREPARED_LEVEL] == LEVELS.index(level)
    return of_level


def _through(store: Store, channel: str) -> Mask:
    """Say who ordered through a channel."""
    field = f"{FIELD}.channel"
    names = store.channels.names
    if not names:
        raise InvalidRequestError(f"{field}: the order lines have no channel; leave it out", field=field)
    if channel not in names:
        told = f"{meant(channel, names)} (there are: {', '.join(names)})"
        raise InvalidRequestError(f"{field}: unknown channel {channel!r}; {told}", field=field)
    return store.channels.used(channel)


def _bought(store: Store, category: str, asked_as: str) -> Mask:
    """Say who bought a product of a category at any level."""
    field = f"{FIELD}.{asked_as}"
    names = {name for level in filled(store.products, GROUPINGS) for name in known_names(store.products, level)}
    if not names:
        raise InvalidRequestError(f"{field}: the data have no product categories; leave it out", field=field)
    if category not in names:
        raise InvalidRequestError(f"{field}: unknown category {category!r}; {meant(category, names)}", field=field)
    of_category = bears(store.products, GROUPINGS, [category])
    bought = np.zeros(len(store), bool)
    ends, items = store.purchases.ends, store.purchases.items
    # a large shop has hundreds of millions of purchases: some at a time
    for start in range(0, len(items), CHUNK_PURCHASES):
        found = np.flatnonzero(of_category[items[start : start + CHUNK_PURCHASES]]) + start
        bought[np.searchsorted(ends, found, side="right")] = True
    return bought


def _has_attribute(store: Store, name: str, value: "str | float") -> Mask:
    """Say who has an attribute's value, as the features hold it."""
    field = f"{FIELD}.{ATTRIBUTES}.{name}"
    known = {attribute.name: attribute for attribute in store.settings.attributes}
    if name not in known:
        told = meant(name, set(known)) if known else "the model uses none; name them under [features] attributes"
        raise InvalidRequestError(f"{field}: unknown attribute {name!r}; {told}", field=field)
    column, wanted = _held(known[name], value, field)
    held: Mask = store.features[:, store.names.index(column)] == np.float32(wanted)
    return held


def _held(attribute: Attribute, value: "str | float", field: str) -> tuple[str, float]:
    """Return the feature that holds an attribute's value, and what it then is."""
    column = f"attribute_{attribute.name}"
    if attribute.kind == "numeric":
        try:
            return column, float(value)
        except ValueError:
            raise InvalidRequestError(f"{field}: {value!r} is not a number", field=field) from None
    if str(value) not in attribute.levels:
        raise InvalidRequestError(
            f"{field}: unknown value {value!r}; it is one of {', '.join(attribute.levels)}", field=field
        )
    if attribute.kind == "ordered":
        return column, float(attribute.levels.index(str(value)))
    return f"{column}_{slug(str(value))}", 1.0


def meant(wanted: str, names: Collection[str]) -> str:
    """Suggest what may have been meant."""
    close = close_names(wanted, names, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else "check the spelling"
