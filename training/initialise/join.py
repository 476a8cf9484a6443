"""Orders and their lines in two tables: how the tables are joined."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ibis.backends.duckdb import Backend

from models import columns as col
from models.errors import ForesellError
from models.source_settings import SourceSettings
from training.initialise import words as names
from training.initialise.database import query_sample
from training.initialise.entries import SQL_WORDS
from training.initialise.profile import Profile, profile_of
from training.initialise.recognise import ORDER_LINE_ROLES, Recognised, quoted, recognise
from training.initialise.tables import order_lines_among
from training.initialise.vocabulary import SURE, name_score

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_ONE_A_ROW = 1.001
_SHARED = 0.5  # share of the lines' orders that are known where both tables were read whole


@dataclass(frozen=True)
class Join:
    """Two tables that are one.

    Parameters
    ----------
    orders, items : Profile
        The table with customers and times, and the one with products.
    of_orders, of_items : str
        Their columns that name the order.
    """

    orders: Profile
    items: Profile
    of_orders: str
    of_items: str

    @property
    def query(self) -> str:
        """The query that joins them, with each column's name once."""
        orders, items = (_written(each.sample.place["table"]) for each in (self.orders, self.items))
        sold = recognise(self.items, ORDER_LINE_ROLES)
        ours = {each.name for role in _SOLD if (each := sold.column(role))} | {self.of_items}
        from_items = [name for name in self.items.columns if name in ours or name not in (*self.orders.columns, "id")]
        from_orders = [name for name in self.orders.columns if name not in (*from_items, self.of_orders)]
        columns = [f"{items}.{_quoted(name)}" for name in from_items]
        columns += [f"{orders}.{_quoted(name)}" for name in from_orders]
        on = f"{items}.{_quoted(self.of_items)} = {orders}.{_quoted(self.of_orders)}"
        return " ".join(["select", ", ".join(columns), "from", items, "join", orders, "on", on])


_SOLD = (col.PRODUCT_ID, col.QUANTITY, names.UNIT_PRICE, col.AMOUNT, col.DISCOUNT)


def with_joins(
    profiles: Sequence[Profile], source: SourceSettings | None, workspace: Path, bench: Backend
) -> list[Profile]:
    """Return the tables, orders and their lines as one where a database can join them.

    Parameters
    ----------
    profiles : sequence of Profile
        All tables.
    source : SourceSettings, optional
        The database; None = they are files, about which a note is added.
    workspace : Path
        The folder that the path of a SQLite file starts at.
    bench : Backend
        DuckDB.
    """
    found = {id(profile): recognise(profile, ORDER_LINE_ROLES) for profile in profiles}
    orders = order_lines_among(profiles, found)
    joins = _joins(orders, found[id(orders)], [(each, found[id(each)]) for each in profiles if each is not orders])
    if not joins:
        return list(profiles)
    if source is None or len(joins) > 1:
        return _noted(profiles, orders, [f"QUESTION: {_must_be_joined(joins)}"])
    return _joined(profiles, joins[0], source, workspace, bench)


def _joined(
    profiles: Sequence[Profile], join: Join, source: SourceSettings, workspace: Path, bench: Backend
) -> list[Profile]:
    orders, items = join.orders.sample, join.items.sample
    try:
        sample = query_sample(source, join.query, workspace, name=f"{items.name} joined with {orders.name}")
    except ForesellError:  # it may take rights or signs that were not foreseen
        return _noted(profiles, join.orders, [f"QUESTION: {_must_be_joined([join])}", f'query = "{join.query}"'])
    notes = (
        f"{quoted(items.name)} holds the products of the orders in {quoted(orders.name)}: the query joins them by "
        f"{quoted(join.of_items)}. Without products:",
        f'table = "{orders.place["table"]}"',
    )
    made = profile_of(replace(sample, notes=notes), bench)
    return [made, *(each for each in profiles if each not in (join.orders, join.items))]


def _must_be_joined(joins: Sequence[Join]) -> str:
    named = " or ".join(quoted(join.items.sample.name) for join in joins)
    first = joins[0]
    return (
        f"{named} holds the products of the orders in {quoted(first.orders.sample.name)}: join the two by "
        f"{quoted(first.of_items)} and name the result; until then nothing is known of products"
    )


def _noted(profiles: Sequence[Profile], orders: Profile, notes: Sequence[str]) -> list[Profile]:
    sample = replace(orders.sample, notes=(*orders.sample.notes, *notes))
    return [replace(each, sample=sample) if each is orders else each for each in profiles]


def _joins(orders: Profile, found: Recognised, others: Sequence[tuple[Profile, Recognised]]) -> list[Join]:
    if col.PRODUCT_ID in found.chosen:
        return []
    return [join for items, sold in others if _has_lines(sold) and (join := _keys(orders, items))]


def _has_lines(sold: Recognised) -> bool:
    product = sold.chosen.get(col.PRODUCT_ID)
    by_name = product is not None and product.by_name
    return by_name and any(role in sold.chosen for role in (col.QUANTITY, names.UNIT_PRICE, col.AMOUNT))


def _keys(orders: Profile, items: Profile) -> Join | None:
    """Pair the columns that name the order: of one name, or orders.id and order_id."""
    for name, column in items.columns.items():
        if name_score(col.ORDER_ID, name) < SURE:
            continue
        for other in (name, "id", "ID", "Id"):
            theirs = orders.columns.get(other)
            named = theirs is not None and name_score(col.ORDER_ID, theirs.called) == SURE
            if theirs is not None and named and theirs.repeats <= _ONE_A_ROW:
                known = column.values.dropna().isin(theirs.values.dropna()).mean()
                if known >= _SHARED or not (orders.sample.whole and items.sample.whole):
                    return Join(orders, items, other, name)
    return None


def _written(table: str) -> str:
    return ".".join(_quoted(part) for part in table.split("."))


def _quoted(name: str) -> str:
    if _PLAIN.fullmatch(name) and name not in SQL_WORDS:
        return name
    return '"' + name.replace('"', '""') + '"'
