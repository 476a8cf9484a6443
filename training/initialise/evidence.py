"""How well a column's values fit what its name says: 0 = cannot be, 1 = nothing speaks against it."""

from collections.abc import Callable, Mapping

import pandas as pd

from models import columns as col
from training.initialise import words as names
from training.initialise.profile import Column

_FEW_GROUPS = 60  # channels and statuses are at most so many
_COUNT = 3  # half of the lines of a shop have so many units at most
_COUNT_LARGE = 60
_WORDS = 2.5  # words of a value on average that make it a text


def fit(role: str, column: Column) -> float:
    """Return how well a column's values fit a role, 0..1."""
    if not column.filled:
        return 0.0
    return _FITS.get(role, _any)(column)


def is_count(column: Column) -> bool:
    """Say whether numbers look like units of a product rather than like money."""
    numbers = column.numbers.dropna().abs()
    return bool(column.whole_share > 0.97 and numbers.median() <= _COUNT and numbers.quantile(0.9) <= _COUNT_LARGE)


def depends(keys: "pd.Series[str]", values: "pd.Series[str]") -> float:
    """Return in which share of the rows a key has its most frequent value, 0..1; 1 = the key decides."""
    pairs = pd.DataFrame({"key": keys, "value": values}).dropna()
    if not len(pairs):
        return 0.0
    often = pairs.groupby(["key", "value"], sort=False).size()
    return float(often.groupby(level="key", sort=False).max().sum() / len(pairs))


def is_free_text(column: Column) -> bool:
    """Say whether the values are several words each."""
    return bool((column.values.dropna().head(500).str.count(r"\s+") + 1).mean() > _WORDS)


def _is_fraction(column: Column) -> bool:
    return column.is_number and column.whole_share < 0.99 and not column.through_floats


def _id(column: Column) -> float:
    if column.times is not None or column.kind in ("time", "boolean") or column.is_time_of_day:
        return 0.05
    if _is_fraction(column) or (column.is_number and bool((column.numbers < 0).mean() > 0.01)):
        return 0.05
    return 0.3 if column.distinct == 1 and column.filled > 1 else 1.0


def _customer(column: Column) -> float:
    # seldom as many people as lines, hardly ever a handful
    shape = 0.6 if column.repeats < 1.02 else 0.4 if column.distinct < 10 and column.filled > 1000 else 1.0
    return _id(column) * shape * (0.4 if is_free_text(column) else 1.0) * (0.5 + 0.5 * (1 - column.empty_share))


def _order(column: Column) -> float:
    return _id(column) * (0.3 if column.repeats > 1000 else 1.0) * (1 - column.empty_share)


def _product(column: Column) -> float:
    return _id(column) * (0.5 if column.repeats < 1.05 and column.filled > 200 else 1.0) * _mostly_there(column)


def _time(column: Column) -> float:
    if column.kind == "time":
        return 1 - column.empty_share
    return (1 - column.empty_share) ** 2 if column.times is not None else 0.0


def _clock(column: Column) -> float:
    return 1.0 if column.is_time_of_day else 0.0


def _number(column: Column) -> float:
    if not column.is_number or column.times is not None or column.kind == "boolean":
        return 0.0
    return _mostly_there(column)


def _quantity(column: Column) -> float:
    large = column.numbers.dropna().abs().median() > 1000 if column.is_number else False
    return _number(column) * (1.0 if column.whole_share > 0.9 else 0.7) * (0.3 if large else 1.0)


def _money(column: Column) -> float:
    return _number(column) * (0.35 if is_count(column) else 1.0)


def _group(column: Column) -> float:
    few = column.distinct <= max(_FEW_GROUPS, column.filled // 20)
    return 1.0 if few and not _is_fraction(column) and column.times is None else 0.2


def _few(column: Column) -> float:
    return _group(column) if column.distinct <= _FEW_GROUPS else 0.1


def _words(column: Column) -> float:
    return 0.2 if column.is_number or column.times is not None or column.distinct < 2 else 1.0


def _mostly_there(column: Column) -> float:
    return 0.3 + 0.7 * (1 - column.empty_share)


def _any(_: Column) -> float:
    return 1.0


_FITS: Mapping[str, Callable[[Column], float]] = {
    col.CUSTOMER_ID: _customer,
    col.SOURCE_ID: _id,
    col.CAMPAIGN_ID: _id,
    col.ORDER_ID: _order,
    col.PRODUCT_ID: _product,
    col.ORDERED_AT: _time,
    col.SENT_AT: _time,
    col.OCCURRED_AT: _time,
    col.RESPONDED_AT: lambda column: float(column.times is not None or column.kind == "time"),
    col.JOINED_AT: _time,
    col.VALID_FROM: _time,
    names.CLOCK: _clock,
    col.QUANTITY: _quantity,
    names.UNIT_PRICE: _money,
    col.AMOUNT: _money,
    col.PRICE: _number,
    col.DISCOUNT: _number,
    col.CHANNEL: _few,
    col.STORE_ID: _group,
    col.KIND: _few,
    names.STATUS: _few,
    names.PRODUCT_NAME: _words,
    col.DEPARTMENT: _group,
    col.CATEGORY: _group,
    col.SUBCATEGORY: _group,
    col.BRAND: _group,
}
