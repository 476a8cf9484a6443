"""What becomes of each row: kept, rejected, set aside, or left out since its person is forgotten."""

from collections.abc import Sequence
from enum import StrEnum

import ibis
import ibis.expr.types as ir

from models import columns as col
from models.contracts import (
    ANONYMOUS,
    ANONYMOUS_TABLES,
    EXACT_DUPLICATE,
    JOINED_CUSTOMER,
    UNIQUE_RULES,
    RuleLimits,
    breach,
    given,
)
from training.people import OWN_ID
from training.sources.raw import SET_ASIDE

FATE = "fate"
"""Column of judged rows: a ``Fate``."""
REPEATABLE = frozenset({col.ORDER_LINES, col.CONTACTS, col.EVENTS})
"""Tables whose rows have no key: one that repeats another exactly may be an error or a second sale."""


class Fate(StrEnum):
    """What becomes of a row."""

    KEPT = "kept"
    REJECTED = "rejected"
    SET_ASIDE = "set_aside"
    FORGOTTEN = "forgotten"


def judged(
    cast: ir.Table,
    table: str,
    limits: RuleLimits,
    *,
    order: Sequence[str],
    forgotten: ir.BooleanValue | None = None,
    drop_exact_duplicates: bool = False,
) -> ir.Table:
    """Add the columns ``fate`` and ``rule``.

    Parameters
    ----------
    cast : ir.Table
        A candidate.
    table : str
        Its name in the contract.
    limits : RuleLimits
        The numbers behind the rules.
    order : sequence of str
        The columns that decide which of several rows with one key comes first.
    forgotten : ir.BooleanValue, optional
        Of ``cast``: whether the row belongs to a person who is to be forgotten.
    drop_exact_duplicates : bool
        Whether rows that repeat another one exactly are set aside.

    Returns
    -------
    ir.Table
        ``rule`` names why a row is rejected or set aside; null where it is kept or forgotten.
    """
    anonymous = ~cast[given(col.CUSTOMER_ID)] if table in ANONYMOUS_TABLES else ibis.literal(False)
    aside = cast[SET_ASIDE].fill_null(ibis.ifelse(anonymous, ibis.literal(ANONYMOUS), ibis.null("string")))
    gone = ibis.literal(False) if forgotten is None else forgotten.fill_null(False)
    rows = cast.mutate(**{col.RULE: breach(cast, table, limits), SET_ASIDE: aside, FATE: gone})
    fate = ibis.cases(
        (rows[FATE], Fate.FORGOTTEN.value),
        (rows[SET_ASIDE].notnull(), Fate.SET_ASIDE.value),
        (rows[col.RULE].notnull(), Fate.REJECTED.value),
        else_=Fate.KEPT.value,
    )
    rule = ibis.cases(
        (rows[FATE], ibis.null("string")),
        (rows[SET_ASIDE].notnull(), rows[SET_ASIDE]),
        else_=rows[col.RULE],
    )
    rows = rows.mutate(**{FATE: fate, col.RULE: rule})
    unique = UNIQUE_RULES.get(table)
    if unique is not None:
        repeats = _repeats(rows, unique.keys, order, Fate.REJECTED, unique.name)
        return _joined(repeats, unique.name) if OWN_ID in rows.columns else repeats
    if drop_exact_duplicates and table in REPEATABLE:
        return _repeats(rows, order, order, Fate.SET_ASIDE, EXACT_DUPLICATE)
    return rows


def _joined(rows: ir.Table, rule: str) -> ir.Table:
    """Set aside the repeats that are there since ids were joined: the source has a row for each id of a person."""
    ids = rows.group_by(col.CUSTOMER_ID)
    rows = ids.mutate(several=lambda t: t[OWN_ID].min() != t[OWN_ID].max())
    joined = (rows[col.RULE] == rule).fill_null(False) & rows["several"].fill_null(False)
    return rows.mutate(
        **{
            FATE: ibis.ifelse(joined, ibis.literal(Fate.SET_ASIDE.value), rows[FATE]),
            col.RULE: ibis.ifelse(joined, ibis.literal(JOINED_CUSTOMER), rows[col.RULE]),
        }
    )


def _repeats(rows: ir.Table, keys: Sequence[str], order: Sequence[str], fate: Fate, rule: str) -> ir.Table:
    # rows that are out already are ranked apart: a broken first row does not push out a sound second one
    kept = rows[FATE] == Fate.KEPT.value
    rank = ibis.row_number().over(
        group_by=[*(rows[key] for key in keys), kept], order_by=[rows[name] for name in order]
    )
    repeats = kept & (rank > 0)
    return rows.mutate(
        **{
            FATE: ibis.ifelse(repeats, ibis.literal(fate.value), rows[FATE]),
            col.RULE: ibis.ifelse(repeats, ibis.literal(rule), rows[col.RULE]),
        }
    )
