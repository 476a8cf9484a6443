"""From a source's raw columns to the contract's types, one expression a column; nothing is read here.

A value that cannot be cast becomes null; ``models.contracts.given`` beside it tells it from one that was never there.
Ids are never altered: 007 and 7 are different people.
"""

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from models import columns as col
from models.contracts import DAY_OF, DECIMAL, SCHEMAS, UNIQUE_RULES, RuleLimits, breach, given, number, written
from models.errors import ContractError

_WANTED = {
    "string": "text or a number",
    "timestamp": "a timestamp, a date or text such as '2024-01-31 10:00:00'",
    DECIMAL: "a number or text",
    "boolean": "a boolean, a number or text",
}

# 10:00:00+02:00, 10:00:00Z, 10:00:00 UTC; the time before it keeps the -31 of 2024-01-31 from being an offset
_OFFSET = r":\d{2}(\.\d+)?( ?UTC|Z|[+-]\d{2}(:?\d{2})?)$"


def _timezone(zone: str, at: object) -> None:
    """Stand for DuckDB's timezone(zone, instant): the wall clock of a zone at an instant."""


_wall_clock = ibis.udf.scalar.builtin(
    _timezone, name="timezone", signature=((dt.string, dt.Timestamp(timezone="UTC")), dt.timestamp)
)


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
    return {**SCHEMAS[table], **extra}


def candidate(raw: ir.Table, table: str, *, timezone: str, attributes: tuple[str, ...]) -> ir.Table:
    """Cast a raw table to its contract, keeping beside each column what the source had.

    Parameters
    ----------
    raw : ir.Table
        Columns by the contract's names, of any type; others are ignored, absent ones become null.
    table : str
        The table's name in the contract.
    timezone : str
        IANA zone whose wall clock instants with an offset are turned into; naive times are taken as already local.
    attributes : tuple of str
        Further columns of ``customers``, kept as text.

    Returns
    -------
    ir.Table
        Every column of the contract, typed; for each but the days also ``given``, ``written`` (the source's value,
        of its own type) and, for decimals, ``number``.

    Raises
    ------
    ContractError
        A column has a type that its contract cannot be read from.
    """
    kinds = {name: kind for name, kind in schema_of(table, attributes).items() if kind != "date"}
    values = {name: raw[name] if name in raw.columns else ibis.null("string") for name in kinds}
    # pandas writes an id that is missing as NaN: nobody is called 'nan'
    values |= {
        name: value.nullif(float("nan"))
        for name, value in values.items()
        if kinds[name] == "string" and value.type().is_floating()
    }
    columns: dict[str, ir.Value] = {}
    for name, kind in kinds.items():
        if not _fits(values[name].type(), kind):
            raise ContractError(f"{table}: column {name!r} is {values[name].type()}; {_WANTED[kind]} is needed")
        columns[name] = _typed(values[name], kind, timezone)
        columns[given(name)] = _is_given(values[name])
        columns[written(name)] = values[name]
        if kind == DECIMAL:
            columns[number(name)] = _stripped(values[name]).try_cast("float64")
    cast = _with_defaults(raw.select(**columns), table)
    return cast.mutate(**{day: cast[at].date() for at, day in DAY_OF.items() if at in kinds})


def judged(cast: ir.Table, table: str, limits: RuleLimits, *, order: tuple[str, ...]) -> ir.Table:
    """Add the column ``rule``: what keeps each row of a candidate out, null where it is kept.

    Parameters
    ----------
    cast : ir.Table
        A candidate.
    table : str
        Its name in the contract.
    limits : RuleLimits
        The numbers behind the rules.
    order : tuple of str
        The columns that decide which of several rows with one key comes first.
    """
    rows = cast.mutate(**{col.RULE: breach(cast, table, limits)})
    unique = UNIQUE_RULES.get(table)
    if unique is None:
        return rows
    # rejected rows are ranked apart, so that a broken first row does not push out a sound second one
    rank = ibis.row_number().over(
        group_by=[rows[key] for key in unique.keys] + [rows[col.RULE].isnull()], order_by=[rows[name] for name in order]
    )
    repeated = rows[col.RULE].isnull() & (rank > 0)
    return rows.mutate(**{col.RULE: ibis.ifelse(repeated, ibis.literal(unique.name), rows[col.RULE])})


def _stripped(value: ir.Value) -> ir.Value:
    return value.strip() if value.type().is_string() else value


def _is_given(value: ir.Value) -> ir.BooleanValue:
    return value.fill_null("").strip() != "" if value.type().is_string() else value.notnull()


def _typed(value: ir.Value, kind: str, timezone: str) -> ir.Value:
    if kind == "timestamp":
        return _local_time(value, timezone)
    if kind == DECIMAL:
        return _decimal(value)
    if kind == "boolean":
        return _stripped(value).try_cast("boolean")
    return (
        ibis.ifelse(_is_given(value), value, ibis.null("string")) if value.type().is_string() else value.cast("string")
    )


def _fits(type_: dt.DataType, kind: str) -> bool:
    if type_.is_null() or type_.is_string():
        return True
    if kind == "timestamp":
        return bool(type_.is_timestamp() or type_.is_date())
    number = type_.is_numeric() and not type_.is_boolean()
    if kind == DECIMAL:
        return bool(number)
    return bool(number or type_.is_boolean() or (kind == "string" and (type_.is_temporal() or type_.is_uuid())))


def _decimal(value: ir.Value) -> ir.DecimalValue:
    if not value.type().is_string():
        return value.try_cast(DECIMAL)
    text = value.strip()
    # DuckDB reads the text '8.9e-16' as the decimal 0.0001: a power of ten goes through float64
    scientific = text.lower().contains("e")
    return ibis.ifelse(scientific, text.try_cast("float64").try_cast(DECIMAL), text.try_cast(DECIMAL))


def _local_time(value: ir.Value, timezone: str) -> ir.TimestampValue:
    type_ = value.type()
    if type_.is_string():
        text = value.strip()
        instant = text.try_cast(dt.Timestamp(timezone="UTC"))
        return ibis.ifelse(text.re_search(_OFFSET), _wall_clock(timezone, instant), text.try_cast("timestamp"))
    if type_.is_timestamp() and type_.timezone is not None:
        return _wall_clock(timezone, value.cast(dt.Timestamp(timezone="UTC")))
    return value.cast("timestamp")


def _with_defaults(cast: ir.Table, table: str) -> ir.Table:
    # what was given but is unreadable stays null: a rule names it
    default: dict[str, ir.Value] = {}
    if table == col.ORDER_LINES:
        one = ibis.literal(1).cast(DECIMAL)
        default[col.QUANTITY] = ibis.ifelse(cast[given(col.QUANTITY)], cast[col.QUANTITY], one)
    if table == col.CONTACTS:
        default[col.IS_CONTROL] = ibis.ifelse(cast[given(col.IS_CONTROL)], cast[col.IS_CONTROL], False)
    return cast.mutate(**default) if default else cast
