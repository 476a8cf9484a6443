"""Answers as columns: the batch job's output."""

from collections.abc import Sequence

import pyarrow as pa

from models import columns as col
from models.next_best_product.messages import NextBestProductAnswer

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


def as_table(answers: Sequence[NextBestProductAnswer]) -> pa.Table:
    """Return a row for each product of each customer; one without any has one row of nulls.

    Parameters
    ----------
    answers : sequence of NextBestProductAnswer
        In the order wanted.
    """
    rows = [
        (each.customer_id, each.status, each.explanation, each.as_of, *product)
        for each in answers
        for product in _products(each)
    ]
    columns = zip(*rows, strict=True) if rows else [()] * len(SCHEMA)
    return pa.table([pa.array(list(column), field.type) for column, field in zip(columns, SCHEMA, strict=True)], SCHEMA)


def _products(answer: NextBestProductAnswer) -> list[tuple[object, ...]]:
    if not answer.products:
        return [(None,) * 6]
    return [
        (rank, each.product_id or each.category, each.name, each.score, each.reason.text, each.fallback)
        for rank, each in enumerate(answer.products, start=1)
    ]
