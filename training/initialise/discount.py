"""What was taken off the price of an order line."""

from models import columns as col
from training.initialise.entries import Entry, identifier
from training.initialise.money import Money, is_of_the_order
from training.initialise.profile import Column
from training.initialise.recognise import Recognised, quoted
from training.initialise.vocabulary import normal

_LEAST = 0.4  # score of a column that is a discount
_SHARE = "a share of the price or a rate, and an amount of money is needed"
_OF_ORDER = "a discount on the whole order: the same on all its lines, or on the first alone"


def discount_of(found: Recognised, money: Money) -> tuple[list[Entry], list[str], dict[str, str]]:
    """Return the entry of the discount, the columns that it uses, and why others are none."""
    taken = {each.column.name for role, each in found.chosen.items() if role != col.DISCOUNT} | set(money.used)
    likely = [each.column for each in found.ranked[col.DISCOUNT] if each.score > _LEAST]
    order = found.column(col.ORDER_ID)
    parts, left_out = list[Column](), dict[str, str]()
    for column in likely:
        if column.name in taken:
            continue
        if _is_share(column):
            left_out[column.name] = _SHARE
        elif order is not None and is_of_the_order(column, order):
            left_out[column.name] = _OF_ORDER
        else:
            parts.append(column)
    if not parts:
        return [], [], left_out
    if len(parts) > 1 and not all("disc" in normal(part.name) for part in parts):
        parts = parts[:1]
    negative = all(bool((part.numbers.dropna() <= 0).all()) and bool((part.numbers < 0).any()) for part in parts)
    value = _total(parts, negative=negative)
    how = "; written as negative numbers" if negative else ""
    reason = f"{', '.join(quoted(part.name) for part in parts)} - by name; {parts[0].described}{how}."
    return [Entry(col.DISCOUNT, value, reason)], [part.name for part in parts], left_out


def _total(parts: list[Column], *, negative: bool) -> str:
    if len(parts) == 1:
        return f"-1 * {identifier(parts[0].name)}" if negative else parts[0].name
    # nothing and a number is nothing: a part that is empty counts as 0
    terms = [f"coalesce({identifier(part.name)}, 0)" if part.empty_share else identifier(part.name) for part in parts]
    total = " + ".join(terms)
    return f"-1 * ({total})" if negative else total


def _is_share(column: Column) -> bool:
    words = normal(column.name).split()
    named = any(word in ("pct", "percent", "percentage", "rate", "率", "折扣率", "prozent") for word in words)
    numbers = column.numbers.dropna().abs()
    return named or (bool((numbers <= 1).all()) and bool((numbers % 1 > 0).any()) and numbers.nunique() < 30)
