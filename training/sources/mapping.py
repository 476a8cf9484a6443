"""From a source's own columns to the contract's names."""

from collections.abc import Mapping
from difflib import get_close_matches

import ibis.expr.types as ir

from models import columns as col
from models.contracts import INTAKE_SCHEMAS, REQUIRED
from models.errors import ContractError
from models.source_settings import SourceSettings

_SHOWN = 30  # column names that a message lists at most


def mapped(raw: ir.Table, table: str, source: SourceSettings, where: str) -> ir.Table:
    """Name a source's columns as the contract does.

    Parameters
    ----------
    raw : ir.Table
        The source's table with its own columns.
    table : str
        The table's name in the contract.
    source : SourceSettings
        What the configuration says of it.
    where : str
        What messages call the place that ``raw`` comes from.

    Raises
    ------
    ContractError
        A required or a mapped column is not there.
    """
    return raw.select(**_columns(table, source.tables[table].columns, raw.columns, where))


def _columns(table: str, mapping: Mapping[str, str], theirs: tuple[str, ...], where: str) -> dict[str, str]:
    known = [name for name in INTAKE_SCHEMAS[table] if INTAKE_SCHEMAS[table][name] != "date"]
    for ours, name in mapping.items():
        # further columns of customers may become attributes
        if ours not in known and table != col.CUSTOMERS:
            raise ContractError(
                f"{table}: {ours!r} under [source.{table}.columns] is no column of ours{_closest(ours, known)}; "
                f"the columns are: {', '.join(known)}"
            )
        if name not in theirs:
            raise ContractError(
                f"{table}: column {name!r} (for {ours}) is not in {where}{_closest(name, theirs)}; it has: "
                f"{_listed(theirs)}; correct it under [source.{table}.columns]"
            )
    taken = theirs if table == col.CUSTOMERS else tuple(name for name in theirs if name in known)
    columns = {name: name for name in taken} | mapping
    for ours in REQUIRED[table]:
        if ours not in columns:
            raise ContractError(
                f"{table}: no column {ours!r} in {where}{_closest(ours, theirs)}; it has: {_listed(theirs)}; "
                f'name the one that holds it: [source.{table}.columns] {ours} = "..."'
            )
    return columns


def _closest(name: str, names: tuple[str, ...] | list[str]) -> str:
    lowered = {other.lower(): other for other in names}
    found = get_close_matches(name.lower(), lowered, n=1)
    return f" (did you mean {lowered[found[0]]!r}?)" if found else ""


def _listed(names: tuple[str, ...]) -> str:
    more = f", ... and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + more
