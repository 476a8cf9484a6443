"""What configured attributes say of customers at a cutoff, also those that no feature uses: for reports alone."""

from collections.abc import Sequence
from datetime import date

import ibis

from models import columns as col
from models.engines import Engine
from models.features.arithmetic import day_number
from models.features.attributes import history, known
from models.settings import Attribute, FeatureSettings


def attribute_values(
    engine: Engine, ids: Sequence[str], day: date, attributes: Sequence[Attribute]
) -> dict[str, list[str | None]]:
    """Return the values of each attribute by name, in the order of ``ids``; None = not known.

    A value without a date is today's. An attribute that says nothing of anybody is left out.

    Parameters
    ----------
    engine : Engine
        Holds the tables.
    ids : sequence of str
        Customers.
    day : date
        The local midnight up to which dated values are known.
    attributes : sequence of Attribute
        Which ones.
    """
    if not attributes:
        return {}
    rows = history(engine.tables, FeatureSettings(attributes=tuple(attributes)))
    held = [name for name in rows.columns if name.startswith("value")]
    now = rows.filter(known(rows, day_number(ibis.literal(day)))).select(col.CUSTOMER_ID, *held).to_pyarrow()
    row_of = {customer: row for row, customer in enumerate(now[col.CUSTOMER_ID].to_pylist())}
    found = {}
    for attribute, name in zip(attributes, held, strict=True):
        column = [value and value.strip() for value in now[name].to_pylist()]
        values = [column[row_of[each]] if each in row_of else None for each in ids]
        if any(values):
            found[attribute.name] = values
    return found
