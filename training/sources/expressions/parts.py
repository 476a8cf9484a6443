"""What the parts of an expression are: text, numbers or conditions, and how one becomes the other.

Text columns are text until a number is needed. No row raises an error: what cannot be read is null.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
from sqlglot import exp

from models.contracts import DECIMAL
from models.errors import ContractError
from training.notation import Sign, decimal_of, stripped

WIDE = "decimal(38, 8)"
"""What every number that was computed becomes; one that was read is a DECIMAL(18,4)."""

_SHOWN = 80  # characters of a part that a message repeats at most
_NULL = "null"
_MAX_WHOLE = 1_000_000
_BLANK = r"^[ \t\n\r\v\f]+$"


@dataclass(frozen=True)
class Part:
    """A part of an expression.

    Parameters
    ----------
    node : sqlglot Expression
        How it is written.
    value : ir.Value
        What it computes.
    decimal : {'.', ','}
        The decimal sign of text.
    what : str
        What messages call the whole expression.
    """

    node: exp.Expression
    value: ir.Value
    decimal: Sign
    what: str

    @property
    def kind(self) -> str:
        """A number, a condition, text, null, or the name of another type."""
        type_ = self.value.type()
        if type_.is_boolean():
            return "a condition"
        if type_.is_numeric():
            return "a number"
        return "text" if type_.is_string() else str(type_)

    def number(self) -> ir.DecimalValue:
        """Return it as a number; text is read as one, null where it is none."""
        if self.kind not in ("a number", "text", _NULL):
            raise self.refused(f"is {self.kind}, and a number is needed")
        if self.kind == _NULL:
            return ibis.null(DECIMAL)
        known = self._is_computed and self.value.type().is_decimal()
        return self.value if known else decimal_of(self.value, self.decimal)

    def text(self) -> ir.StringValue:
        """Return it as text; a computed number or condition is refused, nobody knows how it would be written."""
        if self.kind == "text":
            return self.value
        if self._is_computed and self.kind in ("a number", "a condition"):
            raise self.refused(f"is {self.kind}, and text is needed")
        return self.value.cast("string")

    def condition(self) -> ir.BooleanValue:
        """Return it as a condition; it may be null."""
        if self.kind != "a condition":
            raise self.refused(f"is {self.kind}, and a condition such as status = 'void' is needed")
        return self.value

    def refused(self, why: str) -> ContractError:
        """Return the error that says what is wrong with it."""
        return refused(self.node, why, self.what)

    @property
    def _is_computed(self) -> bool:
        return not isinstance(
            self.node.unnest(),  # type: ignore[no-untyped-call]
            exp.Column | exp.Literal,
        )


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
    operations : mapping
        Kind of node -> the operation that computes it; nodes of other kinds never come here.
    """

    raw: ir.Table
    decimal: Sign
    what: str
    operations: "Operations"

    def value(self, node: exp.Expression) -> ir.Value:
        """Return what a node computes.

        Raises
        ------
        ContractError
            A part of it is of a kind that does not fit.
        """
        return self.operations[type(node)].compute(self, node)

    def part(self, node: exp.Expression) -> Part:
        """Return a node with what it computes."""
        return Part(node, self.value(node), self.decimal, self.what)

    def parts(self, *nodes: exp.Expression) -> list[Part]:
        """Return several nodes with what they compute."""
        return [self.part(node) for node in nodes]


Compute = Callable[[Rows, exp.Expression], ir.Value]


@dataclass(frozen=True)
class Operation:
    """One kind of node that is allowed in an expression.

    Parameters
    ----------
    arguments : tuple of str
        Those of the node's arguments that are allowed, in the order of the text.
    compute : Callable
        (rows, node) -> its value for each row.
    """

    arguments: tuple[str, ...]
    compute: Compute


Operations = dict[type[exp.Expression], Operation]
ONE = ("this",)
TWO = ("this", "expression")


def alike(parts: Sequence[Part]) -> list[ir.Value]:
    """Return parts as values of one kind: numbers where one is a number, text where they are of several kinds.

    Raises
    ------
    ContractError
        Conditions are mixed with other values.
    """
    if len({part.value.type() for part in parts}) == 1:
        return [part.value for part in parts]
    kinds = {part.kind for part in parts} - {_NULL}
    if "a number" in kinds:
        return [part.number().try_cast(WIDE) for part in parts]
    return [part.value for part in parts] if len(kinds) == 1 else [part.text() for part in parts]


def compared(parts: Sequence[Part]) -> list[ir.Value]:
    """Return parts as values of one kind that can be compared: text without the blanks around it.

    Raises
    ------
    ContractError
        Conditions are mixed with other values, or one is the word null.
    """
    for part in parts:
        if part.kind == _NULL:
            raise part.refused("cannot be compared; write: is null")
    return [stripped(value) for value in alike(parts)]


def without_blanks(value: ir.Value) -> ir.Value:
    """Return null for blank text; any other value as it is."""
    # not 'if blank then null': naming the value twice doubles it with every one within another
    return value.re_replace(_BLANK, "").nullif("") if value.type().is_string() else value


def whole(node: exp.Expression, what: str, *, lowest: int, highest: int = _MAX_WHOLE) -> int:
    """Return the whole number that a part of an expression is.

    Raises
    ------
    ContractError
        It is something else, or out of range.
    """
    written = node.name if isinstance(node, exp.Literal) and not node.is_string else ""
    if not (written.isdecimal() and lowest <= int(written[:10]) <= highest):
        raise refused(node, f"must be a whole number, {lowest} to {highest:,}", what)
    return int(written)


def refused(node: exp.Expression, why: str, what: str) -> ContractError:
    """Return the error that says what is wrong with a part of an expression."""
    written = node.sql()
    return ContractError(f"{what}: {written if len(written) <= _SHOWN else written[:_SHOWN] + '...'} {why}")
