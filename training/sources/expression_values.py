"""What each part of an expression computes, as Ibis expressions over a source's rows.

Text columns are text until a number is needed. No row raises an error: what cannot be computed is null. Each number is
a DECIMAL(18,4) or a DECIMAL(38,8), and is brought to a size that the next operation cannot overflow.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import reduce
from operator import and_, eq, ge, gt, le, lt, ne, or_
from typing import Any

import ibis
import ibis.expr.types as ir
from sqlglot import exp

from models.contracts import DECIMAL
from models.errors import ContractError
from training.notation import Sign, decimal_of, stripped

# DuckDB multiplies two DECIMAL(18,4) within 18 digits and fails beyond; of 19 digits each the product has 38
_FACTOR = "decimal(19, 4)"
_SUMMAND = "decimal(36, 8)"
_RESULT = "decimal(38, 8)"
_PLACES = Decimal("0.0001")
_TOO_LARGE = 10**14
_MAX_PLACE = 1_000_000
_BLANK = r"^[ \t\n\r\v\f]+$"

_NUMBER_TYPES = frozenset({exp.DataType.Type.DECIMAL, exp.DataType.Type.DOUBLE, exp.DataType.Type.FLOAT})
_TEXT_TYPES = frozenset({exp.DataType.Type.TEXT, exp.DataType.Type.VARCHAR, exp.DataType.Type.CHAR})


@ibis.udf.scalar.builtin
def left(text: str, characters: int) -> str:  # type: ignore[empty-body]
    """Stand for DuckDB's function of that name."""


@ibis.udf.scalar.builtin
def substring(text: str, first: int, characters: int) -> str:  # type: ignore[empty-body]
    """Stand for DuckDB's function of that name; the first character is 1."""


def is_condition(value: ir.Value) -> bool:
    """Say whether a value is true or false."""
    return bool(value.type().is_boolean())


def _kind(value: ir.Value) -> str:
    type_ = value.type()
    if type_.is_boolean():
        return "a condition"
    if type_.is_numeric():
        return "a number"
    return "text" if type_.is_string() else str(type_)


@dataclass(frozen=True)
class Rows:
    """The rows that an expression is computed for.

    Parameters
    ----------
    raw : ir.Table
        The source's own columns.
    decimal : {'.', ','}
        The decimal sign of text.
    what : str
        What messages call the expression.
    """

    raw: ir.Table
    decimal: Sign
    what: str

    def value(self, node: exp.Expression) -> ir.Value:
        """Return what a part of the expression computes; each kind of it is in ``ARGUMENTS``."""
        return _BUILDERS[type(node)](self, node)

    def number(self, node: exp.Expression) -> ir.DecimalValue:
        """Return a part as a number; text is read as one, null where it is none."""
        return self.as_number(self.value(node), node)

    def as_number(self, value: ir.Value, node: exp.Expression) -> ir.DecimalValue:
        """Turn the value of a part into a number, see ``number``."""
        if _kind(value) not in ("a number", "text"):
            raise self.refused(node, f"is {_kind(value)}, and a number is needed")
        return value if value.type().is_decimal() and _computed(node) else decimal_of(value, self.decimal)

    def text(self, node: exp.Expression) -> ir.StringValue:
        """Return a part as text; a number or a condition that was computed is refused: how to write it is unknown."""
        return self.as_text(self.value(node), node)

    def as_text(self, value: ir.Value, node: exp.Expression) -> ir.StringValue:
        """Turn the value of a part into text, see ``text``."""
        if value.type().is_string():
            return value
        if _computed(node) and _kind(value) in ("a number", "a condition"):
            raise self.refused(node, f"is {_kind(value)}, and text is needed")
        return value.cast("string")

    def condition(self, node: exp.Expression) -> ir.BooleanValue:
        """Return a part that is a condition; it may be null."""
        value = self.value(node)
        if not is_condition(value):
            raise self.refused(node, f"is {_kind(value)}, and a condition such as status = 'void' is needed")
        return value

    def whole(self, node: exp.Expression, lowest: int) -> int:
        """Return a part that is a whole number, written as such."""
        written = node.name if isinstance(node, exp.Literal) and not node.is_string else ""
        if not (written.isdecimal() and lowest <= int(written) <= _MAX_PLACE):
            raise self.refused(node, f"must be a whole number of {lowest} or more")
        return int(written)

    def alike(self, nodes: Sequence[exp.Expression]) -> list[ir.Value]:
        """Return parts as values of one kind: numbers where one is a number, text otherwise.

        Raises
        ------
        ContractError
            Conditions are mixed with other values.
        """
        values = [self.value(node) for node in nodes]
        kinds = {_kind(value) for value in values}
        if "a number" in kinds:
            numbers = (self.as_number(value, node) for value, node in zip(values, nodes, strict=True))
            return [number.try_cast(_RESULT) for number in numbers]
        if len(kinds) == 1 and "text" not in kinds:
            return values
        return [self.as_text(value, node) for value, node in zip(values, nodes, strict=True)]

    def compared(self, nodes: Sequence[exp.Expression]) -> list[ir.Value]:
        """Return parts as values of one kind that can be compared: text without the blanks around it."""
        return [stripped(value) for value in self.alike(nodes)]

    def refused(self, node: exp.Expression, why: str) -> ContractError:
        """Return the error that says what is wrong with a part."""
        return ContractError(f"{self.what}: {node.sql()} {why}")


def _computed(node: exp.Expression) -> bool:
    return not isinstance(node.unnest(), exp.Column | exp.Literal)


def _literal(rows: Rows, node: exp.Expression) -> ir.Value:
    if node.is_string:
        return ibis.literal(node.name, "string")
    try:
        number = Decimal(node.name)
    except InvalidOperation:
        raise rows.refused(node, "is no number") from None
    if number >= _TOO_LARGE or number != number.quantize(_PLACES):
        raise rows.refused(node, "has more than 4 decimals or 14 digits before them; write it as a quotient")
    return ibis.literal(number, DECIMAL)


def _null(rows: Rows, node: exp.Expression) -> ir.Value:
    return ibis.null("string")


def _cast(rows: Rows, node: exp.Expression) -> ir.Value:
    type_ = node.args["to"].this
    if type_ in _NUMBER_TYPES:
        return rows.number(node.this)
    if type_ in _TEXT_TYPES:
        return rows.text(node.this)
    raise rows.refused(node, "is not allowed; cast to decimal or to text")


def _sum(operation: Callable[[Any, Any], Any]) -> "_Builder":
    def build(rows: Rows, node: exp.Expression) -> ir.Value:
        first, second = (rows.number(part).try_cast(_SUMMAND) for part in (node.this, node.expression))
        return operation(first, second).try_cast(_RESULT)

    return build


def _product(rows: Rows, node: exp.Expression) -> ir.Value:
    first, second = (rows.number(part).try_cast(DECIMAL).cast(_FACTOR) for part in (node.this, node.expression))
    return (first * second).try_cast(_RESULT)


def _quotient(rows: Rows, node: exp.Expression) -> ir.Value:
    first, second = (rows.number(part).try_cast("float64") for part in (node.this, node.expression))
    return (first / second.nullif(0.0)).try_cast(_RESULT)


def _rounded(rows: Rows, node: exp.Expression) -> ir.Value:
    places = node.args.get("decimals")
    digits = rows.whole(places, 0) if places else 0
    if digits > 8:
        raise rows.refused(node, "must be rounded to at most 8 decimals")
    return rows.number(node.this).try_cast(_RESULT).round(digits).try_cast(_RESULT)


def _comparison(operation: Callable[[Any, Any], Any]) -> "_Builder":
    def build(rows: Rows, node: exp.Expression) -> ir.Value:
        return operation(*rows.compared([node.this, node.expression]))

    return build


def _connection(operation: Callable[[Any, Any], Any]) -> "_Builder":
    def build(rows: Rows, node: exp.Expression) -> ir.Value:
        return operation(rows.condition(node.this), rows.condition(node.expression))

    return build


def _within(rows: Rows, node: exp.Expression) -> ir.Value:
    if not node.expressions:
        raise rows.refused(node, "needs values in its parentheses")
    first, *others = rows.compared([node.this, *node.expressions])
    return first.isin(others)


def _between(rows: Rows, node: exp.Expression) -> ir.Value:
    value, low, high = rows.compared([node.this, node.args["low"], node.args["high"]])
    return value.between(low, high)


def _like(method: str) -> "_Builder":
    def build(rows: Rows, node: exp.Expression) -> ir.Value:
        pattern = node.expression
        if not (isinstance(pattern, exp.Literal) and pattern.is_string):
            raise rows.refused(pattern, "must be text in single quotes, with % and _ for what may differ")
        return getattr(rows.text(node.this).strip(), method)(pattern.name)

    return build


def _is_null(rows: Rows, node: exp.Expression) -> ir.Value:
    if not isinstance(node.expression, exp.Null):
        raise rows.refused(node, "is not allowed: is takes null alone")
    return _without_blanks(rows.value(node.this)).isnull()


def _without_blanks(value: ir.Value) -> ir.Value:
    return value.re_replace(_BLANK, "").nullif("") if value.type().is_string() else value


def _case(rows: Rows, node: exp.Expression) -> ir.Value:
    branches = node.args["ifs"]
    default = node.args.get("default") or exp.null()
    *results, otherwise = rows.alike([*(branch.args["true"] for branch in branches), default])
    if node.this:
        pairs = (rows.compared([node.this, branch.this]) for branch in branches)
        conditions = [value == wanted for value, wanted in pairs]
    else:
        conditions = [rows.condition(branch.this) for branch in branches]
    return ibis.cases(*zip(conditions, results, strict=True), else_=otherwise)


def _coalesce(rows: Rows, node: exp.Expression) -> ir.Value:
    return ibis.coalesce(*map(_without_blanks, rows.alike([node.this, *node.expressions])))


def _nullif(rows: Rows, node: exp.Expression) -> ir.Value:
    value, unwanted = rows.alike([node.this, node.expression])
    return ibis.ifelse(stripped(value) == stripped(unwanted), ibis.null(value.type()), value)


def _concat(rows: Rows, node: exp.Expression) -> ir.Value:
    texts: list[Any] = [rows.text(part).fill_null("") for part in node.expressions]
    return reduce(lambda first, second: first + second, texts)


def _substring(rows: Rows, node: exp.Expression) -> ir.Value:
    length = node.args.get("length")
    first = rows.whole(node.args["start"], 1)
    return substring(rows.text(node.this), first, rows.whole(length, 0) if length else 2**31 - 1)


_Builder = Callable[[Rows, exp.Expression], ir.Value]
