"""Conditions; text is compared without the blanks around it, and a comparison with null is null."""

from collections.abc import Callable
from operator import and_, eq, ge, gt, le, lt, ne, or_
from typing import Any

import ibis.expr.types as ir
from sqlglot import exp

from training.sources.expressions.parts import (
    ONE,
    TWO,
    Compute,
    Operation,
    Operations,
    Rows,
    compared,
    refused,
    without_blanks,
)


def _comparison(operation: Callable[[Any, Any], Any]) -> Compute:
    return lambda rows, node: operation(*compared(rows.parts(node.this, node.expression)))


def _connection(operation: Callable[[Any, Any], Any]) -> Compute:
    return lambda rows, node: operation(*(part.condition() for part in rows.parts(node.this, node.expression)))


def _within(rows: Rows, node: exp.Expression) -> ir.Value:
    if not node.expressions:
        raise refused(node, "needs values between its parentheses", rows.what)
    value, *others = compared(rows.parts(node.this, *node.expressions))
    return value.isin(others)


def _between(rows: Rows, node: exp.Expression) -> ir.Value:
    value, low, high = compared(rows.parts(node.this, node.args["low"], node.args["high"]))
    return value.between(low, high)


def _like(method: str) -> Compute:
    def build(rows: Rows, node: exp.Expression) -> ir.Value:
        pattern = node.expression
        if not (isinstance(pattern, exp.Literal) and pattern.is_string):
            raise refused(pattern, "must be text in single quotes, with % and _ for what may differ", rows.what)
        return getattr(rows.part(node.this).text().strip(), method)(pattern.name)

    return build


def _search(method: str) -> Compute:
    def build(rows: Rows, node: exp.Expression) -> ir.Value:
        text, wanted = (part.text() for part in rows.parts(node.this, node.expression))
        return getattr(text.strip(), method)(wanted)

    return build


def _is_null(rows: Rows, node: exp.Expression) -> ir.Value:
    if not isinstance(node.expression, exp.Null):
        raise refused(node, "is not allowed; after is stands null", rows.what)
    return without_blanks(rows.value(node.this)).isnull()


CONDITIONS: Operations = {
    exp.EQ: Operation(TWO, _comparison(eq)),
    exp.NEQ: Operation(TWO, _comparison(ne)),
    exp.LT: Operation(TWO, _comparison(lt)),
    exp.LTE: Operation(TWO, _comparison(le)),
    exp.GT: Operation(TWO, _comparison(gt)),
    exp.GTE: Operation(TWO, _comparison(ge)),
    exp.And: Operation(TWO, _connection(and_)),
    exp.Or: Operation(TWO, _connection(or_)),
    exp.Not: Operation(ONE, lambda rows, node: ~rows.part(node.this).condition()),
    exp.In: Operation(("this", "expressions"), _within),
    exp.Between: Operation(("this", "low", "high"), _between),
    exp.Like: Operation(TWO, _like("like")),
    exp.ILike: Operation(TWO, _like("ilike")),
    exp.Is: Operation(TWO, _is_null),
    exp.StartsWith: Operation(TWO, _search("startswith")),
    exp.Contains: Operation(TWO, _search("contains")),
}
