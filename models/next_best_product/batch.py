"""Answers as columns: the batch job's output."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from models import columns as col

SCHEMA = pa.schema(
    {
        col.CUSTOMER_ID: pa.string(),
        col.STATUS: pa.string(),
        col.EXPLANATION: pa.string(),
        col.AS_OF: pa.date32(),
        col.RANK: pa.int32(),
        col.ITEM: pa.string(),
        col.NAME: pa.string(),
        col.SCORE: pa.float64(),
        col.REASON: pa.string(),
        col.FALLBACK: pa.bool_(),
    }
)
_OF_CUSTOMER = (col.CUSTOMER_ID, col.STATUS, col.EXPLANATION, col.AS_OF)


def as_table(answers: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return a row for each product of each customer; one without any has one row of nulls.

    Parameters
    ----------
    answers : sequence of mapping
        The fields of ``NextBestProductAnswer``, in the order wanted.
    """
    rows = [
        (*(each[name] for name in _OF_CUSTOMER), *product)
        for each in answers
        for product in _products(each["products"])
    ]
    columns = zip(*rows, strict=True) if rows else [()] * len(SCHEMA)
    return pa.table([pa.array(list(column), field.type) for column, field in zip(columns, SCHEMA, strict=True)], SCHEMA)


def _products(products: Sequence[Mapping[str, Any]]) -> list[tuple[object, ...]]:
    if not products:
        return [(None,) * (len(SCHEMA) - len(_OF_CUSTOMER))]
    return [
        (
            rank,
            each["product_id"] or each["category"],
            each["name"],
            each["score"],
            each["reason"]["text"],
            each["fallback"],
        )
        for rank, each in enumerate(products, start=1)
    ]
