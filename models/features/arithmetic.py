"""Arithmetic that gives the same figures on every engine and in every run.

Sums run over integers and exact decimals only, and are cast to float64 before they are divided: a sum of floats depends
on the order of the rows, and a quotient of decimals on the engine.
"""

import ibis
from ibis.expr import types as ir

FLOAT = "float64"
WHOLE = "int64"
EPOCH = "1970-01-01"
THURSDAY = 3  # the epoch's weekday, Monday = 0
SATURDAY = 5


def day_number(day: ir.DateValue) -> ir.IntegerValue:
    """Count the whole days from 1970-01-01 to a date; null stays null."""
    return day.delta(ibis.date(EPOCH), unit="day").cast(WHOLE)


def is_weekend(number: ir.IntegerValue) -> ir.BooleanValue:
    """Tell whether a day number is a Saturday or a Sunday."""
    return (number + THURSDAY) % 7 >= SATURDAY


def ratio(top: ir.NumericValue, bottom: ir.NumericValue) -> ir.FloatingValue:
    """Divide as float64; null where the bottom is zero or null."""
    return top.cast(FLOAT) / bottom.cast(FLOAT).nullif(0.0)


def count(rows: ir.Table, where: ir.BooleanValue) -> ir.IntegerScalar:
    """Count the rows for which something holds; 0 also where it is null for all of them (Spark would give null)."""
    return rows.count(where=where).fill_null(0)


def total(values: ir.NumericColumn, where: ir.BooleanValue | None = None) -> ir.NumericScalar:
    """Add up exact values; 0 where there are none."""
    return values.sum(where=where).fill_null(0)


def deviation(count: ir.IntegerScalar, summed: ir.IntegerScalar, squares: ir.IntegerScalar) -> ir.FloatingScalar:
    """Derive the sample standard deviation from exact sums of integers; null for fewer than two values."""
    # an exact integer, so never below zero, and null (not zero) where the divisor is zero
    spread = count * squares - summed * summed
    return ratio(spread, count * (count - 1)).sqrt()
