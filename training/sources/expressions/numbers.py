"""Arithmetic: exact where decimals can be, and without an error for any row.

Numbers are brought to a size that an operation cannot overflow before it is done; what does not fit is null.
"""

from collections.abc import Callable
from operator import add, sub
from typing import Any

import ibis.expr.types as ir
from sqlglot import exp

from models.contracts import DECIMAL
from training.sources.expressions.parts import ONE, TWO, WIDE, Compute, Operation, Operations, Rows, whole

# DuckDB keeps the product of two DECIMAL(18,4) within 18 digits and fails beyond; that of 19 digits each has 38
_FACTOR = "decimal(19, 4)"
_SUMMAND = "decimal(36, 8)"


def _numbers(operation: Callable[[Any], Any]) -> Compute:
    return lambda rows, node: operation(rows.part(node.this).number())


def _sum(operation: Callable[[Any, Any], Any]) -> Compute:
    def build(rows: Rows, node: exp.Expression) -> ir.Value:
        first, second = (part.number().try_cast(_SUMMAND) for part in rows.parts(node.this, node.expression))
        return operation(first, second).try_cast(WIDE)

    return build


def _product(rows: Rows, node: exp.Expression) -> ir.Value:
    first, second = (part.number().try_cast(DECIMAL) for part in rows.parts(node.this, node.expression))
    return (first.cast(_FACTOR) * second.cast(_FACTOR)).try_cast(WIDE)


def _quotient(rows: Rows, node: exp.Expression) -> ir.Value:
    first, second = (part.number().try_cast("float64") for part in rows.parts(node.this, node.expression))
    return (first / second.nullif(0.0)).try_cast(WIDE)


def _rounded(rows: Rows, node: exp.Expression) -> ir.Value:
    places = node.args.get("decimals")
    digits = whole(places, rows.what, lowest=0, highest=8) if places else 0
    return rows.part(node.this).number().try_cast(WIDE).round(digits).try_cast(WIDE)


NUMBERS: Operations = {
    exp.Add: Operation(TWO, _sum(add)),
    exp.Sub: Operation(TWO, _sum(sub)),
    exp.Mul: Operation(TWO, _product),
    exp.Div: Operation(TWO, _quotient),
    exp.Neg: Operation(ONE, _numbers(lambda number: number.negate())),
    exp.Abs: Operation(ONE, _numbers(lambda number: number.abs())),
    exp.Round: Operation(("this", "decimals"), _rounded),
}
