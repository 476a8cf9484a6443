"""From a source's own columns to the contract's names, and to what the configuration says of each row."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir

from models import columns as col
from models.contracts import DECIMAL, INTAKE_SCHEMAS, REQUIRED, number, written
from models.errors import ContractError
from models.source_settings import OrderLinesSource, ProductsSource, Returns, SourceSettings, TableSource
from training.notation import Sign, decimal_of, float_of
from training.sources.expressions import Expression, column, parse
from training.sources.names import closest, found, listed
from training.sources.raw import MARKED_RETURN, SET_ASIDE, product_detail

# what cannot be said without one of these is meant as a column's name
_OPERATION = re.compile(r"[-+*/|()=<>'\"`,]|\b(is|case|and|or|not|in|like|between)\b|^[\d.]+$", re.IGNORECASE)


def mapped(raw: ir.Table, table: str, source: SourceSettings, where: str) -> ir.Table:
    """Name a source's columns as the contract does.

    Parameters
    ----------
    raw : ir.Table
        The source's table with its own columns; it is read once.
    table : str
        The table's name in the contract.
    source : SourceSettings
        What the configuration says of it.
    where : str
        What messages call the place that ``raw`` comes from.

    Returns
    -------
    ir.Table
        The contract's columns as far as the source has them (of customers all others too: they may be attributes),
        beside each that is derived its operands' texts and size (``models.contracts.written``, ``number``), and
        the columns of ``RawTable`` that the configuration asks for.

    Raises
    ------
    ContractError
        A required or a mapped column is not there, or the configuration says something of it that makes no sense.
    """
    entry = source.tables[table]
    place = _Place(raw, table, where, entry.decimal)
    _check_float_ids(table, entry)
    expressions = place.columns(entry)
    values = {ours: place.value(ours, expression) for ours, expression in expressions.items()}
    derived = {ours: each for ours, each in expressions.items() if each.column is None and each.columns}
    columns = values | {written(ours): place.texts(each, values[ours]) for ours, each in derived.items()}
    columns |= {
        number(ours): place.size(each, values[ours])
        for ours, each in derived.items()
        if INTAKE_SCHEMAS[table].get(ours) == DECIMAL
    }
    if entry.set_aside:
        columns[SET_ASIDE] = place.set_aside(entry.set_aside)
    if isinstance(entry, OrderLinesSource):
        if entry.returns:
            columns[MARKED_RETURN] = place.returns(entry.returns, values.get(col.ORDER_ID))
        if source.products and source.products.from_order_lines:
            columns |= place.product_details(source.products, expressions)
    return raw.select(**columns)


@dataclass(frozen=True)
class _Place:
    """A source's table, and how messages speak of it."""

    raw: ir.Table
    table: str
    where: str
    decimal: Sign

    def columns(self, entry: TableSource) -> dict[str, Expression]:
        known = _ours(self.table)
        expressions = {name: column(name, what=name) for name in self.raw.columns if self._taken(name, known)}
        for ours, text in entry.columns.items():
            # further columns of customers may become attributes
            if ours not in known and (self.table != col.CUSTOMERS or _is_helper(ours)):
                raise self._no_column_of_ours(ours, known, self.table)
            if text.strip():
                expressions[ours] = self.expression(text, ours, f"source.{self.table}.columns")
            else:
                expressions.pop(ours, None)
        for ours in REQUIRED[self.table]:
            if ours not in expressions:
                raise ContractError(
                    f"{self.table}: no column {ours!r} in {self.where}{closest(ours, self.raw.columns)}; it has: "
                    f"{listed(self.raw.columns)}; name the one that holds it: [source.{self.table}.columns] "
                    f'{ours} = "..."'
                )
        return expressions

    def _taken(self, name: str, known: Iterable[str]) -> bool:
        return name in known or (self.table == col.CUSTOMERS and not _is_helper(name))

    def expression(self, text: str, ours: str, section: str) -> Expression:
        """Read what the configuration has under ``section`` for ``ours``: a column's name or an expression."""
        if text in self.raw.columns:
            return column(text, what=f"{self.table}: {ours} under [{section}]")
        if _OPERATION.search(text):
            return parse(text, self.raw.columns, what=f"{self.table}: {ours} under [{section}]")
        name = found(text, self.raw.columns)
        if name is None:
            raise ContractError(
                f"{self.table}: column {text!r} (for {ours}) is not in {self.where}{closest(text, self.raw.columns)}; "
                f"it has: {listed(self.raw.columns)}; correct it under [{section}]"
            )
        return column(name, what=f"{self.table}: {ours} under [{section}]")

    def value(self, ours: str, expression: Expression) -> ir.Value:
        value, kind = expression.value(self.raw, self.decimal), INTAKE_SCHEMAS[self.table].get(ours)
        if expression.column is not None or kind == "boolean":
            return value
        _refuse_conditions(value, expression)
        if kind == "string" and value.type().is_numeric() and not value.type().is_integer():
            raise ContractError(f"{expression.what}: a number, and text is needed; join columns with || instead")
        return value

    def texts(self, expression: Expression, value: ir.Value) -> ir.StringValue:
        """Return what the source had for a derived column: the texts of its operands; null where there are none.

        A value in spite of that, which the expression itself brings in, stands for itself.
        """
        texts = [self.raw[name].cast("string") for name in expression.columns]
        is_given = ibis.coalesce(*(text.strip().nullif("") for text in texts)).notnull()
        if expression.may_be_null_on_purpose:
            # null although every operand is a number: the expression says so, and nothing is wrong with the row
            read = [~text.strip().nullif("").notnull() | decimal_of(text, self.decimal).notnull() for text in texts]
            is_given = is_given & ~(value.isnull() & ibis.and_(*read))
        together = ibis.literal(" | ").join([text.fill_null("") for text in texts])
        return ibis.ifelse(is_given, together, value.cast("string"))

    def size(self, expression: Expression, value: ir.Value) -> ir.FloatingValue:
        """Return a derived number, and where there is none its largest operand, which may be why there is none."""
        columns = [self.raw[name] for name in expression.columns]
        kinds = [each for each in columns if each.type().is_string() or each.type().is_numeric()]
        operands = [float_of(each, self.decimal).abs() for each in kinds]
        sound = [ibis.ifelse(operand.isnan(), ibis.null("float64"), operand) for operand in operands]
        return ibis.ifelse(value.notnull(), value.try_cast("float64"), ibis.greatest(ibis.literal(0.0), *sound))

    def set_aside(self, conditions: dict[str, str]) -> ir.StringValue:
        what = f"{self.table}: {{}} under [source.{self.table}.set_aside]"
        branches = [
            (parse(text, self.raw.columns, what=what.format(name)).condition(self.raw, self.decimal), name)
            for name, text in conditions.items()
        ]
        return ibis.cases(*branches, else_=ibis.null("string"))

    def returns(self, returns: Returns, order_id: ir.Value | None) -> ir.BooleanValue:
        section = f"source.{self.table}.returns"
        marked = ibis.literal(False)
        if returns.order_id_prefix is not None:
            if order_id is None:
                raise ContractError(
                    f"{self.table}: order_id_prefix under [{section}] needs order_id; name the column that holds it "
                    f"under [source.{self.table}.columns]"
                )
            marked = order_id.cast("string").strip().startswith(returns.order_id_prefix).fill_null(False)
        if returns.column is not None:
            said = self.expression(returns.column, "returns", section).value(self.raw, self.decimal).cast("string")
            listed_ones = [value.strip() for value in returns.values]
            marked = marked | said.strip().isin(listed_ones).fill_null(False)
        return marked

    def product_details(self, products: ProductsSource, lines: dict[str, Expression]) -> dict[str, ir.Value]:
        section, known = f"source.{col.PRODUCTS}.columns", _ours(col.PRODUCTS)
        if col.PRODUCT_ID not in lines:
            raise ContractError(
                f"products: from_order_lines needs product_id among the order lines; name the column of {self.where} "
                f"that holds it under [source.{self.table}.columns]"
            )
        if products.set_aside or products.float_ids:
            raise ContractError(
                f"products: set_aside and float_ids do nothing with from_order_lines; put them under "
                f"[source.{self.table}]"
            )
        details = {}
        for ours, text in products.columns.items():
            if ours not in known:
                raise self._no_column_of_ours(ours, known, col.PRODUCTS)
            expression = self.expression(text, ours, section)
            if ours != col.PRODUCT_ID:
                details[product_detail(ours)] = self._detail(ours, expression)
            elif expression.tree != lines[ours].tree:
                raise ContractError(
                    f"products: product_id under [{section}] differs from that of the order lines; remove it: with "
                    f"from_order_lines a product has the id of its lines"
                )
        return details

    def _detail(self, ours: str, expression: Expression) -> ir.Value:
        value = expression.value(self.raw, self.decimal)
        _refuse_conditions(value, expression)
        if INTAKE_SCHEMAS[col.PRODUCTS][ours] == DECIMAL and value.type().is_numeric():
            # it is read again as the order lines are written
            text = value.try_cast(DECIMAL).cast("string")
            return text.replace(".", self.decimal)
        return value

    def _no_column_of_ours(self, ours: str, known: list[str], table: str) -> ContractError:
        return ContractError(
            f"{table}: {ours!r} under [source.{table}.columns] is no column of ours{closest(ours, known)}; "
            f"the columns are: {', '.join(known)}"
        )


def _ours(table: str) -> list[str]:
    return [name for name, kind in INTAKE_SCHEMAS[table].items() if kind != "date"]


def _is_helper(name: str) -> bool:
    return name in (SET_ASIDE, MARKED_RETURN) or name.startswith((written(""), number("")))


def _refuse_conditions(value: ir.Value, expression: Expression) -> None:
    if value.type().is_boolean() and expression.column is None:
        raise ContractError(
            f"{expression.what}: a condition, and a value is needed, e.g. case when ... then ... else ... end"
        )


def _check_float_ids(table: str, entry: TableSource) -> None:
    ids = [name for name, kind in INTAKE_SCHEMAS[table].items() if kind == "string"]
    for name in entry.float_ids:
        if name not in ids:
            raise ContractError(
                f"{table}: {name!r} in float_ids under [source.{table}] is no text column of ours"
                f"{closest(name, ids)}; those are: {', '.join(ids)}"
            )
