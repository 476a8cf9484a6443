"""Functions of text; null where their text is null, but for concat."""

from functools import reduce
from operator import add
from typing import Any

import ibis
import ibis.expr.types as ir
from sqlglot import exp

from training.sources.expressions.parts import ONE, TWO, Compute, Operation, Operations, Rows, whole

_ALL_CHARACTERS = 2**31 - 1


def _left(text: str, characters: int) -> None:
    """Stand for DuckDB's left(text, characters)."""


def _substring(text: str, first: int, characters: int) -> None:
    """Stand for DuckDB's substring(text, first, characters); the first character of a text is 1."""


# Ibis' own ones name the text twice, which doubles with every one within another
_beginning = ibis.udf.scalar.builtin(_left, name="left", signature=(("string", "int64"), "string"))
_piece = ibis.udf.scalar.builtin(_substring, name="substring", signature=(("string", "int64", "int64"), "string"))


def _texts(method: str) -> Compute:
    return lambda rows, node: getattr(rows.part(node.this).text(), method)()


def _joined(rows: Rows, node: exp.Expression) -> ir.Value:
    first, second = (part.text() for part in rows.parts(node.this, node.expression))
    return first + second


def _concat(rows: Rows, node: exp.Expression) -> ir.Value:
    texts: list[Any] = [part.text().fill_null("") for part in rows.parts(*node.expressions)]
    return reduce(add, texts)


def _replaced(rows: Rows, node: exp.Expression) -> ir.Value:
    text, *others = (part.text() for part in rows.parts(node.this, node.expression, node.args["replacement"]))
    return text.replace(*others)


def _start(rows: Rows, node: exp.Expression) -> ir.Value:
    return _beginning(rows.part(node.this).text(), whole(node.expression, rows.what, lowest=0))


def _end(rows: Rows, node: exp.Expression) -> ir.Value:
    return rows.part(node.this).text().right(whole(node.expression, rows.what, lowest=0))


def _middle(rows: Rows, node: exp.Expression) -> ir.Value:
    first, length = whole(node.args["start"], rows.what, lowest=1), node.args.get("length")
    characters = whole(length, rows.what, lowest=0) if length else _ALL_CHARACTERS
    return _piece(rows.part(node.this).text(), first, characters)


TEXTS: Operations = {
    exp.DPipe: Operation(TWO, _joined),
    exp.Concat: Operation(("expressions",), _concat),
    exp.Trim: Operation(ONE, _texts("strip")),
    exp.Upper: Operation(ONE, _texts("upper")),
    exp.Lower: Operation(ONE, _texts("lower")),
    exp.Length: Operation(ONE, _texts("length")),
    exp.Substring: Operation(("this", "start", "length"), _middle),
    exp.Left: Operation(TWO, _start),
    exp.Right: Operation(TWO, _end),
    exp.Replace: Operation(("this", "expression", "replacement"), _replaced),
}
