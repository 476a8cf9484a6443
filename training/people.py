"""Who a row belongs to: ids of one person joined, the forgotten left out, ids kept as they are or as pseudonyms."""

from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir

from models import columns as col
from training.forgotten import Register
from training.identities import PERSON
from training.pseudonyms import hashed

ALIAS = "alias"
"""Column of the aliases: one id of a person."""
OWN_ID = "own_id"
"""Column of joined rows: the customer's id as the source has it."""


@dataclass(frozen=True)
class People:
    """What intake knows of people.

    Parameters
    ----------
    register : Register
        Who is to be forgotten.
    key : bytes or None
        Key of the pseudonyms that are kept in place of ids; None = ids are kept as they are.
    aliases : ir.Table or None
        (alias, person), one row an alias; None = there are none.
    """

    register: Register
    key: bytes | None = None
    aliases: ir.Table | None = None

    def knowing(self, aliases: ir.Table) -> "People":
        """Return the same with the aliases."""
        return replace(self, aliases=aliases)

    def joined(self, rows: ir.Table) -> ir.Table:
        """Give each row's customer the id of the person, and keep the source's as ``own_id``."""
        if col.CUSTOMER_ID not in rows.columns:
            return rows
        rows = rows.mutate(**{OWN_ID: rows[col.CUSTOMER_ID]})
        if self.aliases is None:
            return rows
        known = rows.left_join(self.aliases, rows[OWN_ID] == self.aliases[ALIAS])
        person = ibis.coalesce(known[PERSON], known[OWN_ID])
        return known.mutate(**{col.CUSTOMER_ID: person}).drop(ALIAS, PERSON)

    def forgotten(self, rows: ir.Table) -> ir.BooleanValue | None:
        """Tell which joined rows belong to a forgotten person; None = nobody is forgotten."""
        if self.register.empty:
            return None
        ids = [name for name in (OWN_ID, col.CUSTOMER_ID, col.SOURCE_ID) if name in rows.columns]
        found = [self.register.matches(rows[name]) for name in ids]
        if self.key is not None:
            # a person may have been forgotten by the pseudonym alone: the tables keep no other id
            found += [self.register.matches(hashed(rows[name], self.key)) for name in ids]
        return ibis.or_(*found) if found else None

    def known_as(self, value: ir.StringValue) -> ir.StringValue:
        """Return the id under which a person is kept."""
        return value if self.key is None else hashed(value, self.key)
