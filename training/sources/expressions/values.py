"""Columns, literals and casts, and the choice between several values."""

from decimal import Decimal, InvalidOperation

import ibis
import ibis.expr.types as ir
from sqlglot import exp

from models.contracts import DECIMAL
from training.notation import stripped
from training.sources.expressions.parts import (
    ONE,
    TWO,
    Operation,
    Operations,
    Part,
    Rows,
    alike,
    compared,
    refused,
    without_blanks,
)

_LAST_PLACE = Decimal("0.0001")
_TOO_LARGE = 10**14

_TYPE = exp.DataType.Type
_NUMBERS = frozenset({_TYPE.DECIMAL, _TYPE.DOUBLE, _TYPE.FLOAT})
_TEXTS = frozenset({_TYPE.TEXT, _TYPE.VARCHAR, _TYPE.CHAR})


def _column(rows: Rows, node: exp.Expression) -> ir.Value:
    value = rows.raw[node.name]
    # a file whose column is empty throughout may not know its type
    return value.cast("string") if value.type().is_null() else value


def _literal(rows: Rows, node: exp.Expression) -> ir.Value:
    if node.is_string:
        return ibis.literal(node.name, "string")
    try:
        number = Decimal(node.name)
    except InvalidOperation:
        raise refused(node, "is no number", rows.what) from None
    if number >= _TOO_LARGE or number != number.quantize(_LAST_PLACE):
        raise refused(node, "has more than 4 decimals or 14 digits before them; divide by a number instead", rows.what)
    return ibis.literal(number, DECIMAL)


def _cast(rows: Rows, node: exp.Expression) -> ir.Value:
    part, type_ = rows.part(node.this), node.args["to"].this
    if type_ in _NUMBERS:
        return part.number()
    if type_ in _TEXTS:
        return part.text()
    raise refused(node, "is not allowed; cast to decimal or to text", rows.what)


def _case(rows: Rows, node: exp.Expression) -> ir.Value:
    branches, default = node.args["ifs"], node.args.get("default") or exp.null()
    *results, otherwise = alike(rows.parts(*(branch.args["true"] for branch in branches), default))
    if node.this:
        pairs = (compared(rows.parts(node.this, branch.this)) for branch in branches)
        conditions = [value == wanted for value, wanted in pairs]
    else:
        conditions = [rows.part(branch.this).condition() for branch in branches]
    return ibis.cases(*zip(conditions, results, strict=True), else_=otherwise)


def _coalesce(rows: Rows, node: exp.Expression) -> ir.Value:
    parts = rows.parts(node.this, *node.expressions)
    *values, rest = map(without_blanks, alike(parts))
    for part, value in zip(reversed(parts[:-1]), reversed(values), strict=True):
        rest = _first_given(part, value, rest)
    return rest


def _first_given(part: Part, value: ir.Value, rest: ir.Value) -> ir.Value:
    if not (part.kind == "text" and value.type().is_numeric()):
        return ibis.coalesce(value, rest)
    # text that is no number was given all the same: no default stands in for it
    return ibis.ifelse(without_blanks(part.value).notnull(), value, rest)


def _nullif(rows: Rows, node: exp.Expression) -> ir.Value:
    value, unwanted = alike(rows.parts(node.this, node.expression))
    return ibis.ifelse(stripped(value) == stripped(unwanted), ibis.null(value.type()), value)


VALUES: Operations = {
    exp.Column: Operation(ONE, _column),
    exp.Literal: Operation(("this", "is_string"), _literal),
    exp.Null: Operation((), lambda _rows, _node: ibis.null()),
    exp.Boolean: Operation(ONE, lambda _rows, node: ibis.literal(bool(node.this))),
    exp.Paren: Operation(ONE, lambda rows, node: rows.value(node.this)),
    exp.Cast: Operation(("this", "to"), _cast),
    exp.TryCast: Operation(("this", "to"), _cast),
    exp.Case: Operation(("this", "ifs", "default"), _case),
    # a branch of a case, which computes it
    exp.If: Operation(("this", "true"), lambda rows, node: rows.value(node.args["true"])),
    exp.Coalesce: Operation(("this", "expressions"), _coalesce),
    exp.Nullif: Operation(TWO, _nullif),
}
