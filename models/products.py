"""The product table: its grouping columns, the names in them, and which products bear a name."""

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models import columns as col

GROUPINGS = (col.SUBCATEGORY, col.CATEGORY, col.DEPARTMENT)
"""Columns that group products, the finest first."""


def filled(products: pa.Table, columns: Iterable[str]) -> list[str]:
    """Return those of the columns that are there and hold anything, in the order given."""
    present = (column for column in columns if column in products.column_names)
    return [column for column in present if products[column].null_count < products.num_rows]


def known_names(products: pa.Table, column: str) -> list[str]:
    """Return the values of a column, rising; none where there is no such column."""
    if column not in products.column_names:
        return []
    names: list[str] = sorted(pc.unique(products[column]).drop_null().to_pylist())
    return names


def positions_of(products: pa.Table, column: str, names: Sequence[str]) -> NDArray[np.int64]:
    """Return each product's position in ``names`` by its value in a column, shape (products,); -1 = in none of them."""
    if column not in products.column_names:
        return np.full(products.num_rows, -1)
    found = pc.index_in(products[column].combine_chunks(), pa.array(names, pa.string()))
    positions: NDArray[np.int64] = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return positions


def bears(products: pa.Table, columns: Iterable[str], names: Collection[str]) -> NDArray[np.bool_]:
    """Say which products bear one of the names in one of the columns, shape (products,)."""
    found = np.zeros(products.num_rows, bool)
    wanted = pa.array(list(names), pa.string())
    for column in (each for each in columns if each in products.column_names):
        found |= pc.is_in(products[column], wanted).to_numpy(zero_copy_only=False)
    return found


def listed(products: pa.Table, lists: Iterable[Iterable[str] | None]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Look up lists of product ids.

    Parameters
    ----------
    products : pyarrow Table
        To look them up in; an id that it does not have is left out.
    lists : iterable, length n
        Product ids; None = none.

    Returns
    -------
    tuple of int64 arrays, each of shape (m,)
        For each id found, the position of its list and its row in ``products``; rising by list.
    """
    ids = [[] if each is None else list(each) for each in lists]
    owners = np.repeat(np.arange(len(ids)), [len(each) for each in ids])
    wanted = pa.array([product for each in ids for product in each], pa.string())
    found = pc.index_in(wanted, products[col.PRODUCT_ID].combine_chunks())
    rows = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return owners[rows >= 0], rows[rows >= 0]


def close_names(wanted: str, names: Collection[str], *, cutoff: float) -> list[str]:
    """Return up to three names that are spelled much like the one wanted, whatever their case, the closest first."""
    by_key = {name.casefold(): name for name in sorted(names)}
    return [by_key[key] for key in get_close_matches(wanted.casefold(), list(by_key), n=3, cutoff=cutoff)]
