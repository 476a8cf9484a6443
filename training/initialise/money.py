"""What was paid for an order line: a column, or a price times a quantity."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from models import columns as col
from training.initialise import words as names
from training.initialise.entries import identifier
from training.initialise.evidence import is_count
from training.initialise.profile import Column
from training.initialise.recognise import Recognised, quoted
from training.initialise.vocabulary import SURE, name_score

_GROWS, _STAYS = 0.6, 0.4  # exponent of the quantity in the price
_LEAST_ROWS = 30
_SAME = 0.9  # share of orders, or of lines, that settles a question


@dataclass(frozen=True)
class Money:
    """Where the amount of an order line comes from.

    Parameters
    ----------
    value : str or None
        A column or an expression; None = there is none.
    reason : str
        Why.
    question : str
        Empty = it is settled.
    alternatives : tuple of str
        Other values.
    used : tuple of str
        The columns that it is made of.
    left_out : mapping
        Column -> why it is not the amount.
    """

    value: str | None
    reason: str = ""
    question: str = ""
    alternatives: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)


def money_of(found: Recognised) -> Money:
    """Tell what was paid for a line."""
    quantity, order = found.column(col.QUANTITY), found.column(col.ORDER_ID)
    left_out: dict[str, str] = {}
    totals = []
    taken = {each.column.name for role, each in found.chosen.items() if role not in (col.AMOUNT, names.UNIT_PRICE)}
    for each in found.ranked[col.AMOUNT]:
        if each.score < 0.2 or each.column.name in taken:
            continue
        if order is not None and is_of_the_order(each.column, order):
            left_out[each.column.name] = (
                "the same on all lines of an order, or on its first line alone: the order's total"
            )
        else:
            totals.append(each.column)
    price = found.column(names.UNIT_PRICE)
    if price is not None and price.name in left_out:
        price = None
    total = next((each for each in totals if price is None or each.name != price.name), None)
    if total is not None and price is not None and is_count(total) and not is_count(price):
        total = None
    if total is None and price is None:
        return Money(None, left_out=left_out)
    if total is not None and price is not None:
        made = _both(total, price, quantity)
    else:
        made = _one(total or price, quantity, found.column(col.PRODUCT_ID), named_price=total is None)  # type: ignore[arg-type]
    return Money(made.value, made.reason, made.question, made.alternatives, made.used, left_out)


def _both(total: Column, price: Column, quantity: Column | None) -> Money:
    reason = f"{quoted(total.name)} - the line's total by name; {total.described}"
    if quantity is not None:
        product = quantity.numbers * price.numbers
        same = _close(total.numbers, product)
        if same >= _SAME:
            reason += f"; equals {quoted(quantity.name)} x {quoted(price.name)} on {same:.0%} of the lines"
        elif _close(total.numbers, price.numbers) >= _SAME and not (quantity.numbers == 1).all():
            made = f"{identifier(quantity.name)} * {identifier(price.name)}"
            return Money(
                made,
                f"{quoted(total.name)} equals the unit price, whatever the quantity",
                question=f"is {quoted(total.name)} the price of one unit? It equals {quoted(price.name)}",
                alternatives=(total.name,),
                used=(quantity.name, price.name),
            )
    return Money(total.name, f"{reason}. Next best: {quoted(price.name)} ({price.described})", used=(total.name,))


def _one(column: Column, quantity: Column | None, product: Column | None, *, named_price: bool) -> Money:
    by_name = "a price by name" if named_price else "the line's total by name"
    own = f"{quoted(column.name)} - {by_name}; {column.described}"
    if quantity is None:
        return Money(column.name, f"{own}; there is no quantity", used=(column.name,))
    times = f"{identifier(quantity.name)} * {identifier(column.name)}"
    power = _power(column, quantity, product)
    made = Money(times, f"{own}; one unit's, so times the quantity", used=(quantity.name, column.name))
    plain = Money(column.name, own, used=(column.name,))
    if power is not None and power > _GROWS:
        why = "grows with the quantity, so the line's total"
        return _against(plain, made, f"{own}; {why}", names.UNIT_PRICE if named_price else "", column)
    if power is not None and power < _STAYS:
        why = "the same whatever the quantity, so one unit's"
        return _against(made, plain, f"{own}; {why}", "" if named_price else col.AMOUNT, column)
    if bool((quantity.numbers.dropna().abs() == 1).all()):
        return made if named_price else plain
    doubtful = name_score(names.UNIT_PRICE, column.name) and name_score(col.AMOUNT, column.name)
    chosen, other = (made, plain) if named_price else (plain, made)
    question = f"is {quoted(column.name)} the price of one unit, or of the whole line?" if doubtful else ""
    return Money(chosen.value, chosen.reason, question, (str(other.value),) if doubtful else (), chosen.used)


def _against(chosen: Money, other: Money, reason: str, named: str, column: Column) -> Money:
    """Take what the values say; ask where a plain name says otherwise."""
    if not named:
        return Money(chosen.value, reason, used=chosen.used)
    sure = name_score(named, column.called) == SURE
    question = f"the name of {quoted(column.name)} says otherwise than its values: which is right?" if sure else ""
    return Money(
        chosen.value, f"{reason} - against its name", question, (str(other.value),) if sure else (), chosen.used
    )


def _power(column: Column, quantity: Column, product: Column | None) -> float | None:
    """Return the power of the quantity in the value, among lines of one product; None = that cannot be told."""
    if product is None:
        return None
    rows = pd.DataFrame(
        {"product": product.values, "value": column.numbers.abs(), "quantity": quantity.numbers.abs()}
    ).dropna()
    rows = rows[(rows["value"] > 0) & (rows["quantity"] > 0)].assign(
        value=lambda t: np.log(t["value"]), quantity=lambda t: np.log(t["quantity"])
    )
    means = rows.groupby("product")[["value", "quantity"]].transform("mean")
    spread = rows["quantity"] - means["quantity"]
    moved = spread.abs() > 1e-9
    if (moved.sum() < _LEAST_ROWS and moved.mean() < 0.5) or not moved.any():
        return None
    return float(((rows["value"] - means["value"]) * spread).sum() / (spread**2).sum())


def _close(first: "pd.Series[float]", second: "pd.Series[float]") -> float:
    known = first.notna() & second.notna()
    if not known.any():
        return 0.0
    gap = (first[known] - second[known]).abs()
    return float((gap <= 0.011 + 0.001 * second[known].abs()).mean())


def is_of_the_order(column: Column, order: Column) -> bool:
    """Say whether a number belongs to the order: it is on its first line alone, or the same on all its lines."""
    rows = pd.DataFrame({"order": order.values, "value": column.numbers}).dropna(subset=["order"])
    orders = rows.groupby("order")["value"].agg(["size", "count", "nunique"])
    orders["first"] = rows.drop_duplicates("order").set_index("order")["value"].notna()
    # where nothing is said there is nothing to learn, nor where all is 0
    orders["spoken"] = (rows["value"] != 0).groupby(rows["order"]).any()
    several = orders[(orders["size"] > 1) & (orders["count"] > 0)]
    if len(several) < 3:
        return False
    if ((several["count"] == 1) & several["first"]).mean() >= _SAME:
        return True
    spoken = several[several["spoken"]]
    # one product's price may stand on two lines of an order: many of the orders must have it so
    same = (spoken["nunique"] == 1) & (spoken["count"] == spoken["size"])
    return len(spoken) >= 3 and bool(same.mean() >= _SAME)
