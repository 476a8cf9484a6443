"""The small language of derived columns and conditions: ``quantity * price``, ``starts_with(invoice, 'C')``.

It is written like SQL and parsed by sqlglot, yet no SQL is executed: what is allowed becomes an Ibis expression over
the source's columns (``numbers``, ``texts``, ``conditions``, ``values``), everything else is refused.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import ibis.expr.types as ir
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokens import Tokenizer as SqlTokenizer

from models.errors import ContractError
from training.notation import Sign
from training.sources.expressions.conditions import CONDITIONS
from training.sources.expressions.numbers import NUMBERS
from training.sources.expressions.parts import Operations, Rows
from training.sources.expressions.texts import TEXTS
from training.sources.expressions.values import VALUES
from training.sources.names import closest, found, listed

MAX_CHARACTERS = 2_000
MAX_DEPTH = 60
_SHOWN = 80  # characters of an expression that a message repeats at most

OPERATIONS: Operations = VALUES | NUMBERS | TEXTS | CONDITIONS
_ALLOWED = (
    "allowed are columns, numbers, 'text', + - * / ||, = <> < <= > >=, and, or, not, in, between, like, ilike, "
    "is null, case, cast to decimal or text, and the functions coalesce, nullif, trim, upper, lower, substring, left, "
    "right, replace, length, abs, round, starts_with, contains and concat; a column whose name is a word of SQL or has "
    "blanks or signs needs double quotes"
)
# how a parser was told to treat a node; none of them changes what is computed here
_FLAGS = frozenset({"safe", "typed", "coalesce"})


class _Language(Dialect):
    class Tokenizer(SqlTokenizer):
        IDENTIFIERS: ClassVar[list[str | tuple[str, str]]] = ['"', "`"]
        COMMENTS: ClassVar[list[str | tuple[str, str]]] = []  # quantity --1 would lose its end


@dataclass(frozen=True)
class Expression:
    """A derived column or a condition; made by ``parse`` or ``column``.

    Parameters
    ----------
    columns : tuple of str
        The source's columns that it reads, each once, in the order in which they are written.
    what : str
        What messages call it.
    tree : sqlglot Expression
        Nothing but what is allowed, every column by its own name.
    """

    columns: tuple[str, ...]
    what: str
    tree: exp.Expression

    @property
    def column(self) -> str | None:
        """The column's name where the expression is nothing but a column."""
        return self.tree.name if isinstance(self.tree, exp.Column) else None

    @property
    def may_be_null_on_purpose(self) -> bool:
        """Whether it says by itself where there is to be no value."""
        return self.tree.find(exp.Nullif, exp.Case, exp.If) is not None

    def value(self, raw: ir.Table, decimal: Sign) -> ir.Value:
        """Return its value for each row.

        Parameters
        ----------
        raw : ir.Table
            The source's own columns; text is read as a number where one is needed.
        decimal : {'.', ','}
            The decimal sign of text.

        Returns
        -------
        ir.Value
            The column itself where it is nothing but a column; numbers are decimals, exact to 4 places before and 8
            after a multiplication; null where a row has no value: no row raises an error.

        Raises
        ------
        ContractError
            A part is of a kind that does not fit: arithmetic with a condition, text functions of a sum.
        """
        return Rows(raw, decimal, self.what, OPERATIONS).value(self.tree)

    def condition(self, raw: ir.Table, decimal: Sign) -> ir.BooleanValue:
        """Return whether it holds for each row; never null: what cannot be told does not hold.

        Parameters are those of ``value``.

        Raises
        ------
        ContractError
            It is a value and no condition, or a part is of a kind that does not fit.
        """
        value = self.value(raw, decimal)
        if not value.type().is_boolean():
            raise ContractError(
                f"{self.what}: a value, and a condition is needed; compare it with something, e.g. status = 'void'"
            )
        return value.fill_null(False)


def column(name: str, *, what: str) -> Expression:
    """Return the expression that is nothing but this column."""
    return Expression((name,), what, exp.column(name, quoted=True))


def parse(text: str, columns: Sequence[str], *, what: str) -> Expression:
    """Read an expression over a source's columns.

    Parameters
    ----------
    text : str
        The expression; a column with blanks or signs in its name stands in double quotes or backticks.
    columns : sequence of str
        The source's columns; case counts only where several differ in nothing else.
    what : str
        What messages call the expression, e.g. "order_lines: amount under [source.order_lines.columns]".

    Raises
    ------
    ContractError
        It is too long or too deep, is no expression, names no column of the source, or uses what is not allowed.
    """
    what = f"{what} = {_shortened(text)}"
    if len(text) > MAX_CHARACTERS:
        raise ContractError(
            f"{what}: {len(text):,} characters, at most {MAX_CHARACTERS:,} are allowed; shorten it, or derive the "
            f"column where the source is made"
        )
    tree = _parsed(text, what)
    used: dict[str, None] = {}
    for node in _checked(tree, what):
        if isinstance(node, exp.Column):
            name = _own_name(node, columns, what)
            node.set("this", exp.to_identifier(name, quoted=True))
            used[name] = None
    return Expression(tuple(used), what, tree)


def _shortened(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."


def _parsed(text: str, what: str) -> exp.Expression:
    language = _Language()
    try:
        # a condition is any expression that is no statement: no select, no alias
        trees = language.parser().parse_into(exp.Condition, language.tokenize(text), text)
    except TokenError:
        raise ContractError(f"{what}: a quote is opened and not closed; close it, or write it twice") from None
    except ParseError as error:
        near = error.errors[0].get("highlight") if error.errors else None
        raise ContractError(f"{what}: no expression{f', see {near!r}' if near else ''}; {_ALLOWED}") from None
    except RecursionError:
        raise ContractError(_too_deep(what)) from None
    if len(trees) != 1 or trees[0] is None:
        raise ContractError(f"{what}: one expression is needed, e.g. quantity * price")
    return trees[0]


def _too_deep(what: str) -> str:
    return f"{what}: more than {MAX_DEPTH} operations within one another; use in (...) for lists, or shorten it"


def _checked(node: exp.Expression, what: str, depth: int = 0) -> Iterator[exp.Expression]:
    """Go through a tree in the order of the text, and refuse what is not allowed before anything looks at it."""
    if depth > MAX_DEPTH:
        raise ContractError(_too_deep(what))
    operation = OPERATIONS.get(type(node))
    if operation is None:
        raise ContractError(f"{what}: {_named(node)} is not allowed; {_ALLOWED}")
    for name, argument in node.args.items():
        if argument and name not in operation.arguments and name not in _FLAGS:
            raise ContractError(f"{what}: {_named(node)} (with {name!r}) is not allowed; {_ALLOWED}")
    yield node
    for name in operation.arguments:
        argument = node.args.get(name)
        for child in argument if isinstance(argument, list) else [argument]:
            # names, types and the like are judged by the node that holds them
            if isinstance(child, exp.Expression) and not isinstance(child, exp.Identifier | exp.DataType):
                yield from _checked(child, what, depth + 1)


def _named(node: exp.Expression) -> str:
    if isinstance(node, exp.Column):
        return "a column's name with a point and without quotes"
    if isinstance(node, exp.Anonymous):
        return f"the function {_shortened(node.name.lower())}"
    return f"the function {_sql_name(node)!r}" if isinstance(node, exp.Func) else f"{node.key!r}"


def _sql_name(node: exp.Func) -> str:
    return str(node.sql_name()).lower()  # type: ignore[no-untyped-call]


def _own_name(node: exp.Column, columns: Sequence[str], what: str) -> str:
    name = found(node.name, columns)
    if name is None or not isinstance(node.this, exp.Identifier):
        raise ContractError(
            f"{what}: column {_shortened(node.name)} is not there{closest(node.name, columns)}; there are: "
            f"{listed(columns)}"
        )
    return name
