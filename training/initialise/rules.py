"""Which order lines are cancellations or no products at all, by what their ids look like."""

import pandas as pd

from models import columns as col
from training.initialise import words as names
from training.initialise.entries import Entry, text
from training.initialise.profile import Column
from training.initialise.recognise import Recognised
from training.initialise.statuses import is_in

_MASS = 0.95  # share of the rows that shows what ids look like
_MOST_CODES = 60
_MOST_CHARACTERS = 1_500  # of a condition; the expression language takes 2,000
_COINCIDES = 0.9

_LEAST_LINES, _LEAST_SHARE = 20, 0.001  # lines that make a prefix a habit


def prefix_of(found: Recognised) -> list[Entry]:
    """Propose the prefix of order ids that marks cancellations; none = there is no such habit."""
    order = found.column(col.ORDER_ID)
    signed = [each for role in (col.QUANTITY, col.AMOUNT, names.UNIT_PRICE) if (each := found.column(role))]
    prefix = _prefix(order, signed) if order is not None and signed else None
    return [prefix] if prefix else []


def _prefix(order: Column, signed: list[Column]) -> Entry | None:
    ids = order.values
    lettered = ids.str.match(r"[A-Za-z]").fillna(value=False).astype(bool)
    if not lettered.any() or lettered.sum() > (1 - lettered.mean()) * len(ids) or lettered.mean() > 0.4:
        return None
    negative = pd.concat([each.numbers < 0 for each in signed], axis=1).any(axis=1)
    letters = ids[lettered].str.extract(r"^([A-Za-z]+)", expand=False)
    for prefix, count in letters.value_counts().items():
        rows = letters.index[letters == prefix]
        share = float(negative[rows].mean())
        if share >= _COINCIDES and count >= max(_LEAST_LINES, _LEAST_SHARE * len(ids)):
            reason = f"{count:,} lines; {share:.0%} of them have a negative quantity or amount"
            return Entry("order_id_prefix", str(prefix), reason)
    return None


def stray_products(found: Recognised) -> list[Entry]:
    """Propose to set aside what is no product."""
    product = found.column(col.PRODUCT_ID)
    codes = stray_codes(product) if product is not None else []
    return [_no_product(product, codes)] if product is not None and codes else []


def _no_product(product: Column, codes: list[str]) -> Entry:
    condition = is_in(product, codes)
    shown = ", ".join(codes[:6]) + (f" and {len(codes) - 6} more" if len(codes) > 6 else "")
    reason = (
        f"codes of {_rows(product, codes):,} lines that look unlike the products ({shown}): postage, fees, vouchers? "
        f"Strike what is a product"
    )
    return Entry("no_product", condition, "".join(c if c.isprintable() else "?" for c in reason))


def stray_codes(product: Column) -> list[str]:
    """Return the product ids that look unlike the mass of them, the most frequent first."""
    counts = product.values.value_counts()
    if len(counts) < 20:
        return []
    ids = counts.index.to_series()
    looks = [
        ids.str.match(r"\d").astype(bool),  # 85123A among POST
        ids.str.contains(r"\d").astype(bool),  # SKU-1041 among POSTAGE
    ]
    for alike in looks:
        rows = counts[alike.to_numpy()].sum() / counts.sum()
        strays = [str(code) for code in counts.index[~alike.to_numpy()]]
        if _MASS <= rows < 1 and len(strays) <= min(_MOST_CODES, len(counts) // 10):
            return _as_long_as_fits(strays)
    return []


def _as_long_as_fits(codes: list[str]) -> list[str]:
    kept, length = [], 0
    for code in codes:
        length += len(text(code)) + 2
        if length > _MOST_CHARACTERS:
            break
        kept.append(code)
    return kept


def _rows(column: Column, values: list[str]) -> int:
    return int(column.values.isin(values).sum())
