"""What the status of an order says: which orders were returned, cancelled or never bought, and which are kept."""

import re
from dataclasses import dataclass, field

import pandas as pd

from models import columns as col
from training.initialise import words as names
from training.initialise.entries import Entry, identifier, text
from training.initialise.profile import Column
from training.initialise.recognise import Recognised, quoted

_MOST = 0.5
_SHOWN = 8  # statuses that a comment names at most
_CANCELLED = re.compile(
    r"(wc-)?(cancel\w*|void\w*|failed|payment failed|declined|expired|trash|draft|storn\w*|annul\w*|anulad\w*|"
    r"cancelad\w*|"
    r"已取消|取消|交易关闭|已关闭|作废|支付失败)",
    re.I,
)
_RETURNED = re.compile(
    r"(wc-)?(return\w*|refund\w*|credit\w*|chargeback|retour\w*|rembours\w*|erstattet|"
    r"r[üu]ck\w*|devuel\w*|"
    r"reembols\w*|devoluci\w*|已?退款\w*|已?退货\w*|退款成功)",
    re.I,
)
_BOUGHT = re.compile(r"purchase\w*|buy|bought|order|ordered|transaction|sale|购买|buy_?now", re.I)
_LOOKED = re.compile(r"view|click|cart|add_?to_?cart|remove_?from_?cart|wish\w*|fav|pv|search|浏览|加购|收藏", re.I)
_CANCELLED_AT = re.compile(r"cancell?ed ?(at|on|date|time)|取消时间", re.I)


@dataclass
class StatusRules:
    """What the file proposes because of the status of orders.

    Parameters
    ----------
    returns, set_aside : list of Entry
        Rules.
    notes : list of str
        What is kept as a purchase.
    """

    returns: list[Entry] = field(default_factory=list)
    set_aside: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def status_rules(found: Recognised) -> StatusRules:
    """Propose what becomes of the lines of each status."""
    rules, status = StatusRules(), found.column(names.STATUS)
    if status is None:
        return rules
    counts = status.values.value_counts()
    values = [str(value) for value in counts.index]
    returned = [value for value in values if _RETURNED.fullmatch(value)]
    cancelled = [value for value in values if _CANCELLED.fullmatch(value)]
    not_bought = _not_bought(values)
    on_first = _stands_on_first_line(status, found.column(col.ORDER_ID))
    if returned and _are_negations(found, status, returned):
        reason = f"{quoted(status.name)} says so on {_rows(status, returned):,} lines"
        rules.returns += [Entry("column", status.name, reason), Entry("values", returned)]
    elif returned:
        reason = (
            f"{_rows(status, returned):,} lines; such an order stands in the file once, with what was paid: counted as "
            "a return it would take away money that was never counted"
        )
        rules.set_aside.append(_rule("refunded", status, returned, reason, on_first=on_first))
    if cancelled:
        reason = f"{quoted(status.name)} says so on {_rows(status, cancelled):,} lines"
        rules.set_aside.append(_rule("cancelled", status, cancelled, reason, on_first=on_first))
    if not_bought:
        reason = f"{quoted(status.name)} tells purchases from {', '.join(quoted(each) for each in not_bought[:5])}"
        rules.set_aside.append(Entry("not_bought", is_in(status, not_bought), reason))
    kept = [value for value in values if value not in (*returned, *cancelled, *not_bought)]
    if kept and (rules.returns or rules.set_aside or len(kept) > 1) and len(values) > 1:
        more = f" and {len(kept) - _SHOWN} more" if len(kept) > _SHOWN else ""
        named = ", ".join(f"{quoted(value)} ({counts[value]:,})" for value in kept[:_SHOWN])
        rules.notes.append(f"kept as purchases, by {quoted(status.name)}: {named}{more}")
    return rules


def cancelled_notes(columns: list[Column]) -> list[str]:
    """Say which columns tell when an order was cancelled, for lines that are kept none the less."""
    return [
        f"{quoted(column.name)} is filled on {column.filled:,} line{'s' * (column.filled > 1)}: kept as purchases "
        f"unless a condition under [source.order_lines.set_aside] says otherwise, such as "
        f"cancelled = '{identifier(column.name)} is not "
        f"null'"
        for column in columns
        if _CANCELLED_AT.search(column.name.replace("_", " ")) and 0 < column.filled < len(column.values)
    ]


def is_in(column: Column, values: list[str]) -> str:
    """Return the condition that a column has one of some values."""
    name = identifier(column.name)
    if len(values) == 1:
        return f"{name} = {text(values[0])}"
    return f"{name} in ({', '.join(text(value) for value in values)})"


def _rule(name: str, status: Column, values: list[str], reason: str, *, on_first: bool) -> Entry:
    condition = is_in(status, values)
    if not on_first:
        return Entry(name, condition, reason)
    question = (
        f"{quoted(status.name)} stands on the first line of an order alone: the rule would leave the other lines in; "
        f"fill the column down to all lines of an order ({_rows(status, values):,} orders), then uncomment it"
    )
    return Entry(name, None, question=question, alternatives=(condition,))


def _are_negations(found: Recognised, status: Column, values: list[str]) -> bool:
    """Say whether lines of some statuses stand beside the sale that they take back."""
    rows = status.values.isin(values)
    signed = [each for role in (col.QUANTITY, col.AMOUNT, names.UNIT_PRICE) if (each := found.column(role))]
    if any(float((each.numbers[rows] <= 0).mean()) > _MOST for each in signed):
        return True
    order = found.column(col.ORDER_ID)
    if order is None:
        return False
    product = found.column(col.PRODUCT_ID)
    sold = order.values if product is None else order.values + "\n" + product.values
    others = set(sold[~rows & status.values.notna()].dropna())
    return float(sold[rows].isin(others).mean()) > _MOST


def _stands_on_first_line(status: Column, order: Column | None) -> bool:
    if order is None or not status.empty_share:
        return False
    rows = pd.DataFrame({"order": order.values, "status": status.values}).dropna(subset=["order"])
    again = rows["order"].duplicated()
    return bool(
        again.any() and rows["status"][again].isna().mean() > _MOST and rows["status"][~again].notna().mean() > _MOST
    )


def _not_bought(values: list[str]) -> list[str]:
    bought = [value for value in values if _BOUGHT.fullmatch(value)]
    others = [value for value in values if _LOOKED.fullmatch(value)]
    return others if bought and others else []


def _rows(status: Column, values: list[str]) -> int:
    return int(status.values.isin(values).sum())
