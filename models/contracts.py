"""The tables' contracts: which columns each table has, of which type, and which rows are rejected.

Instants are stored as wall-clock times of the configured zone; intake adds the local date beside each (``DAY_OF``),
and everything downstream counts in those dates. Money and quantities are exact decimals.

A row rule is an Ibis expression over a *candidate* table: every column of the contract cast to its type (null where
the cast fails) and, beside each, whether the source had anything there (``given``) and, for decimals, the nearest
float64 (``number``). A rule may come out null: that is no breach. The first broken rule names the row.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import ibis.expr.types as ir

from models import columns as col

DECIMAL = "decimal(18, 4)"

SCHEMAS: Mapping[str, Mapping[str, str]] = {
    col.ORDER_LINES: {
        col.CUSTOMER_ID: "string",
        col.ORDERED_AT: "timestamp",
        col.ORDER_DAY: "date",
        col.PRODUCT_ID: "string",
        col.ORDER_ID: "string",
        col.QUANTITY: DECIMAL,
        col.AMOUNT: DECIMAL,
        col.DISCOUNT: DECIMAL,
        col.CHANNEL: "string",
        col.STORE_ID: "string",
    },
    col.PRODUCTS: {
        col.PRODUCT_ID: "string",
        col.NAME: "string",
        col.DEPARTMENT: "string",
        col.CATEGORY: "string",
        col.SUBCATEGORY: "string",
        col.BRAND: "string",
        col.PRICE: DECIMAL,
    },
    # and one string column for each configured attribute
    col.CUSTOMERS: {
        col.CUSTOMER_ID: "string",
        col.JOINED_AT: "timestamp",
        col.JOINED_DAY: "date",
        col.VALID_FROM: "timestamp",
        col.VALID_DAY: "date",
    },
    col.CONTACTS: {
        col.CUSTOMER_ID: "string",
        col.CAMPAIGN_ID: "string",
        col.SENT_AT: "timestamp",
        col.SENT_DAY: "date",
        col.CHANNEL: "string",
        col.IS_CONTROL: "boolean",
        col.RESPONDED_AT: "timestamp",
        col.RESPONDED_DAY: "date",
        col.OFFER: "string",
    },
    col.EVENTS: {
        col.CUSTOMER_ID: "string",
        col.OCCURRED_AT: "timestamp",
        col.OCCURRED_DAY: "date",
        col.KIND: "string",
        col.PRODUCT_ID: "string",
        col.CHANNEL: "string",
    },
}

# read and kept by intake alone: nothing downstream opens it
INTAKE_SCHEMAS: Mapping[str, Mapping[str, str]] = {
    **SCHEMAS,
    col.IDENTITIES: {col.SOURCE_ID: "string", col.CUSTOMER_ID: "string"},
}

# the local date that intake adds beside each instant
DAY_OF: Mapping[str, str] = {
    col.ORDERED_AT: col.ORDER_DAY,
    col.JOINED_AT: col.JOINED_DAY,
    col.VALID_FROM: col.VALID_DAY,
    col.SENT_AT: col.SENT_DAY,
    col.RESPONDED_AT: col.RESPONDED_DAY,
    col.OCCURRED_AT: col.OCCURRED_DAY,
}

REQUIRED: Mapping[str, tuple[str, ...]] = {
    col.ORDER_LINES: (col.CUSTOMER_ID, col.ORDERED_AT),
    col.PRODUCTS: (col.PRODUCT_ID,),
    col.CUSTOMERS: (col.CUSTOMER_ID,),
    col.CONTACTS: (col.CUSTOMER_ID, col.CAMPAIGN_ID, col.SENT_AT),
    col.EVENTS: (col.CUSTOMER_ID, col.OCCURRED_AT, col.KIND),
    col.IDENTITIES: (col.SOURCE_ID, col.CUSTOMER_ID),
}

# a row of these tables without a customer is nobody's: set aside and counted apart, never against the limit
ANONYMOUS_TABLES = frozenset({col.ORDER_LINES, col.EVENTS})
ANONYMOUS = "anonymous"
EXACT_DUPLICATE = "exact_duplicate"
JOINED_CUSTOMER = "joined_customer"
MALFORMED = "malformed_line"
MISREAD = "misread"
"""The candidate's column that says whether a text has characters that the encoding could not read; never null."""

VERSION = 3  # counts up when rules or casts change, so that tables kept under older ones are read again


@dataclass(frozen=True)
class RuleLimits:
    """The numbers behind the row rules.

    Parameters
    ----------
    earliest, latest : date
        First and last local day that a time may fall on.
    max_number : int
        Largest absolute amount, quantity, discount or price.
    max_id_length : int
        Longest customer id, in characters.
    """

    earliest: date
    latest: date
    max_number: int = 1_000_000_000
    max_id_length: int = 256


@dataclass(frozen=True)
class RowRule:
    """One reason to reject a row.

    Parameters
    ----------
    name : str
        What the quarantine file and the counts call it.
    describes : str
        What is wrong with such a row, for a person.
    broken : Callable
        (candidate table, limits) -> true where the row breaks the rule; null counts as false.
    """

    name: str
    describes: str
    broken: Callable[[ir.Table, RuleLimits], ir.BooleanValue]


@dataclass(frozen=True)
class UniqueRule:
    """Rows that repeat a key: the first in sorted order is kept, the others are rejected.

    Parameters
    ----------
    name, describes : str
        As for ``RowRule``.
    keys : tuple of str
        Columns that together name one row; nulls are equal to each other.
    """

    name: str
    describes: str
    keys: tuple[str, ...]


def given(column: str) -> str:
    """Name the candidate's column that says whether the source had more than blanks for ``column``; never null."""
    return f"given_{column}"


def number(column: str) -> str:
    """Name the candidate's float64 column for a decimal one: NaN and beyond are kept; null = nothing or no number."""
    return f"number_{column}"


def written(column: str) -> str:
    """Name the candidate's column that holds the source's own value of ``column``."""
    return f"written_{column}"


def _missing(column: str) -> RowRule:
    return RowRule(f"no_{column}", f"{column} is missing or blank", lambda t, _: ~t[given(column)])


def _unreadable(column: str, wanted: str) -> RowRule:
    return RowRule(
        f"unreadable_{column}", f"{column} is not {wanted}", lambda t, _: t[given(column)] & t[column].isnull()
    )


def _out_of_range(column: str) -> RowRule:
    def broken(t: ir.Table, limits: RuleLimits) -> ir.BooleanValue:
        day = t[DAY_OF[column]]
        return (day < ibis.literal(limits.earliest)) | (day > ibis.literal(limits.latest))

    return RowRule(f"{column}_out_of_range", f"{column} is before the earliest or after the latest day", broken)


def _time(column: str) -> tuple[RowRule, ...]:
    return _unreadable(column, "a date or a time"), _out_of_range(column)


def _number(column: str) -> tuple[RowRule, ...]:
    def too_large(t: ir.Table, limits: RuleLimits) -> ir.BooleanValue:
        value = t[number(column)]
        return ~value.isnan() & (value.abs() > limits.max_number)

    def not_a_number(t: ir.Table, limits: RuleLimits) -> ir.BooleanValue:
        # a number too large for the decimal is null there and still a number
        return t[given(column)] & t[column].isnull() & ~too_large(t, limits).fill_null(False)

    return (
        RowRule(f"{column}_not_a_number", f"{column} is not a number", not_a_number),
        RowRule(
            f"{column}_too_large",
            f"{column} is beyond 1,000,000,000 or below its negative",
            too_large,
        ),
    )


_WRONG_ENCODING = RowRule("wrong_encoding", "a text has bytes that the encoding cannot read", lambda t, _: t[MISREAD])
_CUSTOMER_NOT_PRINTABLE = RowRule(
    "customer_id_not_printable",
    "customer_id has control characters",
    lambda t, _: t[col.CUSTOMER_ID].re_search(r"[\x00-\x1f\x7f-\x{9f}]"),
)
_CUSTOMER_TOO_LONG = RowRule(
    "customer_id_too_long",
    "customer_id has more than 256 characters",
    lambda t, limits: t[col.CUSTOMER_ID].length() > limits.max_id_length,
)
_CUSTOMER = (_CUSTOMER_TOO_LONG, _CUSTOMER_NOT_PRINTABLE)

# a missing customer of order lines and events is no breach: such rows are set aside (ANONYMOUS_TABLES)
ROW_RULES: Mapping[str, tuple[RowRule, ...]] = {
    col.ORDER_LINES: (
        _WRONG_ENCODING,
        *_CUSTOMER,
        _missing(col.ORDERED_AT),
        *_time(col.ORDERED_AT),
        *_number(col.QUANTITY),
        *_number(col.AMOUNT),
        *_number(col.DISCOUNT),
        RowRule("negative_discount", "discount is below zero", lambda t, _: t[col.DISCOUNT] < 0),
    ),
    col.PRODUCTS: (_WRONG_ENCODING, _missing(col.PRODUCT_ID), *_number(col.PRICE)),
    col.CUSTOMERS: (
        _WRONG_ENCODING,
        _missing(col.CUSTOMER_ID),
        *_CUSTOMER,
        *_time(col.JOINED_AT),
        *_time(col.VALID_FROM),
    ),
    col.CONTACTS: (
        _WRONG_ENCODING,
        _missing(col.CUSTOMER_ID),
        *_CUSTOMER,
        _missing(col.CAMPAIGN_ID),
        _missing(col.SENT_AT),
        *_time(col.SENT_AT),
        *_time(col.RESPONDED_AT),
        _unreadable(col.IS_CONTROL, "true or false"),
        RowRule(
            "responded_before_sent",
            "responded_at lies before sent_at",
            lambda t, _: t[col.RESPONDED_AT] < t[col.SENT_AT],
        ),
    ),
    col.EVENTS: (
        _WRONG_ENCODING,
        *_CUSTOMER,
        _missing(col.OCCURRED_AT),
        *_time(col.OCCURRED_AT),
        _missing(col.KIND),
    ),
    col.IDENTITIES: (_WRONG_ENCODING, _missing(col.SOURCE_ID), _missing(col.CUSTOMER_ID), *_CUSTOMER),
}

UNIQUE_RULES: Mapping[str, UniqueRule] = {
    col.PRODUCTS: UniqueRule("product_listed_twice", "an earlier row has the same product_id", (col.PRODUCT_ID,)),
    col.CUSTOMERS: UniqueRule(
        "customer_listed_twice",
        "an earlier row has the same customer_id and valid_from",
        (col.CUSTOMER_ID, col.VALID_FROM),
    ),
}


def rule_descriptions(table: str) -> dict[str, str]:
    """Return rule name -> what is wrong, for every rule of a table, in the order in which they are asked."""
    unique = UNIQUE_RULES.get(table)
    rules = {rule.name: rule.describes for rule in ROW_RULES[table]}
    malformed = {MALFORMED: "the line has too few or too many fields"}
    return malformed | rules | ({unique.name: unique.describes} if unique else {})


def breach(table: ir.Table, name: str, limits: RuleLimits) -> ir.StringValue:
    """Name the rule that keeps each row of a candidate table out.

    Parameters
    ----------
    table : ir.Table
        A candidate of table ``name``.
    name : str
        The table's name in ``INTAKE_SCHEMAS``.
    limits : RuleLimits
        The numbers behind the rules.

    Returns
    -------
    ir.StringValue
        The first broken rule, or null where none is (the row may still repeat a key: ``UNIQUE_RULES``).
    """
    branches = [(rule.broken(table, limits), rule.name) for rule in ROW_RULES[name]]
    return ibis.cases(*branches, else_=ibis.null("string"))
