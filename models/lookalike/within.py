"""Who may be in an audience: everybody, a list of ids, or those for whom every filter holds."""

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from models import columns as col
from models.errors import InvalidRequestError
from models.features.naming import slug
from models.lookalike.messages import Within
from models.lookalike.tastes import known_names
from models.settings import Attribute
from models.store import UNKNOWN, Store

CATEGORY_LEVELS = (col.DEPARTMENT, col.CATEGORY, col.SUBCATEGORY)
FIELD = "within"

Mask = NDArray[np.bool_]


def allowed(store: Store, within: "Sequence[str] | Within | None") -> Mask:
    """Return who may be in the audience, shape (n,).

    Raises
    ------
    InvalidRequestError
        A filter names what the store does not have, or nobody is left.
    """
    everybody = np.ones(len(store), bool)
    if within is None:
        return everybody
    if not isinstance(within, Within):
        return _listed(store, within)
    if within.bought_category is not None:
        everybody &= _bought(store, within.bought_category, "bought_category")
    if within.never_bought_category is not None:
        everybody &= ~_bought(store, within.never_bought_category, "never_bought_category")
    for name, value in within.attributes.items():
        everybody &= _has_attribute(store, name, value)
    if not everybody.any():
        raise InvalidRequestError(f"{FIELD}: nobody in the store passes these filters; loosen them", field=FIELD)
    return everybody


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


def _bought(store: Store, category: str, asked_as: str) -> Mask:
    """Say who bought a product of a category at any level."""
    field = f"{FIELD}.{asked_as}"
    levels = [level for level in CATEGORY_LEVELS if level in store.products.column_names]
    names = {name for level in levels for name in known_names(store.products, level)}
    if not names:
        raise InvalidRequestError(f"{field}: the data have no product categories; leave it out", field=field)
    if category not in names:
        raise InvalidRequestError(f"{field}: unknown category {category!r}; {_meant(category, names)}", field=field)
    of_category = np.zeros(store.products.num_rows, bool)
    for level in levels:
        of_category |= pc.fill_null(pc.equal(store.products[level], category), False).to_numpy()
    ends = np.asarray(store.purchases.ends)
    counted = np.concatenate([[0], np.cumsum(of_category[store.purchases.items])])
    bought: Mask = counted[ends] > counted[np.concatenate([[0], ends[:-1]])]
    return bought


def _has_attribute(store: Store, name: str, value: "str | float") -> Mask:
    """Say who has an attribute's value, as the features hold it."""
    field = f"{FIELD}.attributes.{name}"
    known = {attribute.name: attribute for attribute in store.settings.attributes}
    if name not in known:
        told = _meant(name, set(known)) if known else "the model uses none; name them under [features] attributes"
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


def _meant(wanted: str, names: set[str]) -> str:
    """Suggest what may have been meant."""
    by_key = {name.casefold(): name for name in sorted(names)}
    close = get_close_matches(wanted.casefold(), list(by_key), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(repr(by_key[key]) for key in close)}?" if close else "check the spelling"
