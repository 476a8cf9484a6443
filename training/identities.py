"""Several ids of one person: every id is followed to the end of its chain (card -> account -> member).

The work is done by repeated joins in DuckDB, each of which doubles how far an id has been followed: a chain of a
thousand links takes ten of them, and no id is ever held in this process.
"""

import ibis
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend
from ibis.util import gen_name

from models import columns as col

CONFLICT = "identity_conflict"
LOOP = "identity_loop"
RULES = {
    CONFLICT: "the same source_id has two or more customer_ids",
    LOOP: "following the ids from this one never comes to an end",
}
"""Rule -> what is wrong with such a row, for a person."""

PERSON = "person"
"""Column: the id at the end of the chain; null where a rule names the row."""

_END = "end"


def resolve(connection: Backend, rows: ir.Table) -> ir.Table:
    """Find the person behind every source_id.

    Parameters
    ----------
    connection : Backend
        DuckDB; it keeps temporary tables until it is closed.
    rows : ir.Table
        (source_id string, customer_id string), neither null; on ``connection``, and read several times. A row may
        repeat, and may name itself.

    Returns
    -------
    ir.Table
        (source_id, customer_id, rule, person), one row for each of ``rows``. ``rule`` is null where there is a person;
        ``CONFLICT`` on every row of a source_id with two or more different customer_ids, its own among them; ``LOOP``
        on the rows of a loop and on those that lead into one. A chain that leads to a source_id in conflict ends
        there: what that id stands for is not known.
    """
    several = rows.group_by(col.SOURCE_ID).having(rows[col.CUSTOMER_ID].min() != rows[col.CUSTOMER_ID].max()).agg()
    conflicts = _kept(connection, several.select(known=col.SOURCE_ID))
    links = rows.filter(rows[col.SOURCE_ID] != rows[col.CUSTOMER_ID])
    links = links.anti_join(conflicts, links[col.SOURCE_ID] == conflicts.known)
    farther, loops = _followed(connection, links.select(start=col.SOURCE_ID, end=col.CUSTOMER_ID))
    return _judged(rows, conflicts, farther, loops)


def _followed(connection: Backend, links: ir.Table) -> tuple[ir.Table, ir.Table]:
    """Return (start, end) of every chain of two links and more, and (start, end) of the links that never end.

    Parameters
    ----------
    connection : Backend
        DuckDB.
    links : ir.Table
        (start, end), each start with one end only; rows may repeat. Most are chains of their own: only the others are
        written out.
    """
    before = links.view()
    met = _kept(connection, links.semi_join(before, links.start == before[_END]).distinct())
    active = _kept(connection, links.semi_join(met, links[_END] == met.start).distinct())
    ended = [met.anti_join(active, "start")]
    while True:
        reached = ibis.union(*ended) if len(ended) > 1 else ended[0]
        arrived = _kept(connection, _farther(active, reached))
        # a chain of n links has starts at every distance from its end: where none arrives, none will
        if not arrived.count().to_pyarrow().as_py():
            return ibis.union(*ended[1:], arrived) if ended[1:] else arrived, active
        ended.append(arrived)
        active = _kept(connection, _farther(active, active.view()))


def _farther(links: ir.Table, following: ir.Table) -> ir.Table:
    joined = links.inner_join(following, links[_END] == following.start)
    return joined.select(start=links.start, end=following[_END])


def _judged(rows: ir.Table, conflicts: ir.Table, farther: ir.Table, loops: ir.Table) -> ir.Table:
    start = rows[col.SOURCE_ID]
    joined = (
        rows.left_join(conflicts, start == conflicts.known)
        .left_join(loops, start == loops.start)
        .left_join(farther, start == farther.start)
        .select(
            rows[col.SOURCE_ID],
            rows[col.CUSTOMER_ID],
            conflicting=conflicts.known.notnull(),
            looping=loops.start.notnull(),
            end=farther[_END],
        )
    )
    rule = ibis.cases((joined.conflicting, CONFLICT), (joined.looping, LOOP), else_=ibis.null("string"))
    end = joined[_END].coalesce(joined[col.CUSTOMER_ID])
    person = ibis.ifelse(rule.isnull(), end, ibis.null("string"))
    return joined.select(col.SOURCE_ID, col.CUSTOMER_ID, **{col.RULE: rule, PERSON: person})


def _kept(connection: Backend, rows: ir.Table) -> ir.Table:
    return connection.create_table(gen_name("identities"), rows, temp=True)
