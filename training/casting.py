"""From a source's raw columns to the contract's types, one expression a column; nothing is read here.

A value that cannot be cast becomes null; ``models.contracts.given`` beside it tells it from one that was never there.
Ids are never altered: 007 and 7 are different people.
"""

from functools import reduce
from operator import or_

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from models import columns as col
from models.contracts import DAY_OF, DECIMAL, INTAKE_SCHEMAS, MISREAD, SCHEMAS, given, number, written
from models.errors import ContractError
from models.source_settings import Notation
from training.notation import UNREADABLE, decimal_of, float_of, has_text, identifier, stripped, time_of
from training.sources.raw import MARKED_RETURN, SET_ASIDE, RawTable, product_detail

_WANTED = {
    "string": "text or a number",
    "timestamp": "a timestamp, a date or text such as '2024-01-31 10:00:00', or `times` that say how it is written,",
    DECIMAL: "a number or text",
    "boolean": "a boolean, a number or text",
}
LINE_DETAILS = tuple(name for name in SCHEMAS[col.PRODUCTS] if name != col.PRODUCT_ID)
"""What order lines may say of their products."""


def attribute_columns(raw: ir.Table | None, attributes: tuple[str, ...]) -> tuple[str, ...]:
    """Check that every configured attribute is a column of the customers table, and return them sorted.

    Raises
    ------
    ContractError
        An attribute is not there, or bears the name of a column that the contract already has.
    """
    for name in attributes:
        if raw is None:
            raise ContractError(f"attribute {name!r} is configured but the source has no customers table; remove it")
        if name in SCHEMAS[col.CUSTOMERS]:
            raise ContractError(f"attribute {name!r} is a column of the contract itself; give it another name")
        if name not in raw.columns:
            others = ", ".join(sorted(set(raw.columns) - set(SCHEMAS[col.CUSTOMERS]))) or "none"
            raise ContractError(
                f"customers: attribute {name!r} is not a column; the others are: {others}; correct it in "
                f"[[features.attributes]] or map it under [source.customers.columns]"
            )
    return tuple(sorted(attributes))


def schema_of(table: str, attributes: tuple[str, ...]) -> dict[str, str]:
    """Return column -> type of a kept table, the configured attributes included."""
    extra = dict.fromkeys(attributes, "string") if table == col.CUSTOMERS else {}
    return {**INTAKE_SCHEMAS[table], **extra}


def candidate(raw: RawTable, table: str, *, timezone: str, attributes: tuple[str, ...]) -> ir.Table:
    """Cast a raw table to its contract, keeping beside each column what the source had.

    Parameters
    ----------
    raw : RawTable
        Columns by the contract's names, of any type; others are ignored, absent ones become null.
    table : str
        The table's name in the contract.
    timezone : str
        IANA zone whose wall clock times are turned into.
    attributes : tuple of str
        Further columns of ``customers``, kept as text.

    Returns
    -------
    ir.Table
        Every column of the contract, typed; for each but the days also ``given``, ``written`` (the source's value,
        of its own type) and, for decimals, ``number``; ``SET_ASIDE`` (null = the configuration keeps the row),
        ``MISREAD``, and for order lines ``product_detail`` columns as text as far as the source has them.

    Raises
    ------
    ContractError
        A column has a type that its contract cannot be read from.
    """
    rows = raw.rows
    kinds = {name: kind for name, kind in schema_of(table, attributes).items() if kind != "date"}
    values = {name: rows[name] if name in rows.columns else ibis.null("string") for name in kinds}
    # pandas writes an id that is missing as NaN: nobody is called 'nan'
    values |= {
        name: value.nullif(float("nan"))
        for name, value in values.items()
        if kinds[name] in ("string", "boolean") and value.type().is_floating()
    }
    # of a derived column the operands are what the source had
    sources = {name: rows[written(name)] if written(name) in rows.columns else value for name, value in values.items()}
    columns: dict[str, ir.Value] = {}
    for name, kind in kinds.items():
        if not _fits(values[name].type(), kind, raw.notation):
            raise ContractError(f"{table}: column {name!r} is {values[name].type()}; {_WANTED[kind]} is needed")
        columns[name] = _typed(values[name], name, kind, raw.notation, timezone)
        # of a number the operands tell 'free', which is broken, from nothing; of anything else the value itself does
        columns[given(name)] = _is_given(sources[name] if kind == DECIMAL else values[name])
        columns[written(name)] = sources[name]
        if kind == DECIMAL:
            derived = number(name) in rows.columns
            columns[number(name)] = rows[number(name)] if derived else float_of(values[name], raw.notation.decimal)
    details = _details(rows) if table == col.ORDER_LINES else {}
    columns |= details
    columns[SET_ASIDE] = rows[SET_ASIDE] if SET_ASIDE in rows.columns else ibis.null("string")
    columns[MISREAD] = _misread([*sources.values(), *details.values()])
    if MARKED_RETURN in rows.columns:
        columns[MARKED_RETURN] = rows[MARKED_RETURN]
    cast = _with_defaults(rows.select(**columns), table)
    return cast.mutate(**{day: cast[at].date() for at, day in DAY_OF.items() if at in kinds})


def _details(rows: ir.Table) -> dict[str, ir.Value]:
    names = [product_detail(name) for name in LINE_DETAILS if product_detail(name) in rows.columns]
    return {name: rows[name].cast("string") for name in names}


def _misread(values: list[ir.Value]) -> ir.BooleanValue:
    texts = [value.contains(UNREADABLE).fill_null(False) for value in values if value.type().is_string()]
    return reduce(or_, texts, ibis.literal(False))


def _is_given(value: ir.Value) -> ir.BooleanValue:
    return has_text(value).fill_null(False) if value.type().is_string() else value.notnull()


def _typed(value: ir.Value, name: str, kind: str, notation: Notation, timezone: str) -> ir.Value:
    if kind == "timestamp":
        return time_of(value, notation, timezone)
    if kind == DECIMAL:
        return decimal_of(value, notation.decimal)
    if kind == "boolean":
        return _truth(value)
    return identifier(value, through_float=name in notation.float_ids)


def _truth(value: ir.Value) -> ir.BooleanValue:
    """Read true and false; of numbers 1 and 0 alone."""
    if value.type().is_boolean():
        return value
    if value.type().is_numeric():
        return ibis.cases((value == 1, True), (value == 0, False), else_=ibis.null("boolean"))
    text = stripped(value).re_replace(r"^([01])\.0+$", r"\1")
    return ibis.ifelse(text.re_search(r"^(0|1|\D.*)$"), text.try_cast("boolean"), ibis.null("boolean"))


def _fits(type_: dt.DataType, kind: str, notation: Notation) -> bool:
    if type_.is_null() or type_.is_string():
        return True
    number = type_.is_numeric() and not type_.is_boolean()
    if kind == "timestamp":
        return bool(type_.is_timestamp() or type_.is_date() or (number and notation.times != ("iso",)))
    if kind == DECIMAL:
        return bool(number)
    return bool(number or type_.is_boolean() or (kind == "string" and (type_.is_temporal() or type_.is_uuid())))


def _with_defaults(cast: ir.Table, table: str) -> ir.Table:
    # what was given but is unreadable stays null: a rule names it
    default: dict[str, ir.Value] = {}
    if table == col.ORDER_LINES:
        one = ibis.literal(1).cast(DECIMAL)
        default[col.QUANTITY] = ibis.ifelse(cast[given(col.QUANTITY)], cast[col.QUANTITY], one)
        if MARKED_RETURN in cast.columns:
            marked = cast[MARKED_RETURN]
            # an order and what is paid for it are told by the sign alone: models.orders
            default = {
                name: ibis.ifelse(marked, -value.abs(), value).cast(DECIMAL)
                for name, value in (default | {col.AMOUNT: cast[col.AMOUNT]}).items()
            }
    if table == col.CONTACTS:
        default[col.IS_CONTROL] = ibis.ifelse(cast[given(col.IS_CONTROL)], cast[col.IS_CONTROL], False)
    return cast.mutate(**default) if default else cast
