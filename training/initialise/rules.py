"""Which order lines are returns, cancellations or no products at all: rules that the file proposes."""

import re

import pandas as pd

from models import columns as col
from training.initialise import words as names
from training.initialise.entries import Entry, identifier, text
from training.initialise.profile import Column
from training.initialise.recognise import Recognised, quoted

_MASS = 0.95  # share of the rows that shows what ids look like
_MOST_CODES = 60
_MOST_CHARACTERS = 1_500  # of a condition; the expression language takes 2,000
_COINCIDES = 0.9

_CANCELLED = re.compile(
    r"(wc-)?(cancel\w*|void\w*|failed|payment failed|declined|expired|trash|draft|storn\w*|annul\w*|anulad\w*|"
    r"cancelad\w*|"
    r"已取消|取消|交易关闭|已关闭|作废|支付失败)",
    re.I,
)
_RETURNED = re.compile(
    r"(wc-)?(return\w*|refund\w*|partially[ _]refunded|credit\w*|chargeback|retour\w*|rembours\w*|erstattet|"
    r"r[üu]ck\w*|devuel\w*|"
    r"reembols\w*|devoluci\w*|已?退款\w*|已?退货\w*|退款成功)",
    re.I,
)
_BOUGHT = re.compile(r"purchase\w*|buy|bought|order|ordered|transaction|sale|购买|buy_?now", re.I)
_LOOKED = re.compile(r"view|click|cart|add_?to_?cart|remove_?from_?cart|wish\w*|fav|pv|search|浏览|加购|收藏", re.I)


def returns_of(found: Recognised) -> list[Entry]:
    """Propose ``[source.order_lines.returns]``."""
    entries: list[Entry] = []
    order = found.column(col.ORDER_ID)
    signed = [each for role in (col.QUANTITY, col.AMOUNT, names.UNIT_PRICE) if (each := found.column(role))]
    if order is not None and signed:
        prefix = _prefix(order, signed)
        if prefix:
            entries.append(prefix)
    status = found.column(names.STATUS)
    if status is not None:
        values = _values(status, _RETURNED)
        if values:
            reason = f"{quoted(status.name)} says so on {_rows(status, values):,} lines"
            entries += [Entry("column", status.name, reason), Entry("values", values)]
    return entries


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
        if share >= _COINCIDES:
            reason = f"{count:,} lines; {share:.0%} of them have a negative quantity or amount"
            return Entry("order_id_prefix", str(prefix), reason)
    return None


def set_aside_of(found: Recognised, quantity_rows: int) -> list[Entry]:
    """Propose ``[source.order_lines.set_aside]``: rows that are no sale of a product."""
    entries: list[Entry] = []
    status = found.column(names.STATUS)
    if status is not None:
        values = _values(status, _CANCELLED)
        if values:
            reason = f"{quoted(status.name)} says so on {_rows(status, values):,} lines"
            entries.append(Entry("cancelled", _is_in(status, values), reason))
        others = _not_bought(status)
        if others:
            reason = f"{quoted(status.name)} tells purchases from {', '.join(quoted(each) for each in others[:5])}"
            entries.append(Entry("not_bought", _is_in(status, others), reason))
    product = found.column(col.PRODUCT_ID)
    if product is not None and quantity_rows:
        codes = stray_codes(product)
        if codes:
            entries.append(_no_product(product, codes))
    return entries


def _no_product(product: Column, codes: list[str]) -> Entry:
    condition = _is_in(product, codes)
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


def _values(status: Column, pattern: "re.Pattern[str]") -> list[str]:
    return [str(value) for value in status.values.value_counts().index if pattern.fullmatch(str(value))]


def _not_bought(status: Column) -> list[str]:
    values = [str(value) for value in status.values.value_counts().index]
    bought = [value for value in values if _BOUGHT.fullmatch(value)]
    others = [value for value in values if _LOOKED.fullmatch(value)]
    return others if bought and others else []


def _is_in(column: Column, values: list[str]) -> str:
    name = identifier(column.name)
    if len(values) == 1:
        return f"{name} = {text(values[0])}"
    return f"{name} in ({', '.join(text(value) for value in values)})"


def _rows(column: Column, values: list[str]) -> int:
    return int(column.values.isin(values).sum())
