"""The items of one level: what an artifact calls them, and which products of a table they are."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models import columns as col
from models.next_best_product.profiles import Codes

GROUPINGS = (col.SUBCATEGORY, col.CATEGORY, col.DEPARTMENT)
"""Columns of the product table that group products, the finest first."""


@dataclass(frozen=True)
class Vocabulary:
    """Items by name.

    Parameters
    ----------
    column : str
        The column of the product table that holds the items' names; ``product_id`` at product level.
    names : tuple of str
        The items, rising.
    excluded : tuple of str
        Products that bear one of these names in a grouping column are no item.
    """

    column: str
    names: tuple[str, ...]
    excluded: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def _values(self) -> pa.Array:
        return pa.array(self.names, pa.string())

    def codes(self, products: pa.Table) -> Codes:
        """Return the item of each product, shape (products,); -1 = none. Any table with our columns will do."""
        found = pc.index_in(products[self.column], self._values).fill_null(-1).to_numpy().astype(np.int32)
        return np.where(excluded(products, self.excluded), np.int32(-1), found)


def excluded(products: pa.Table, names: tuple[str, ...]) -> NDArray[np.bool_]:
    """Say which products bear one of the names in a grouping column, shape (products,)."""
    bears = np.zeros(products.num_rows, bool)
    for column in GROUPINGS:
        if names and column in products.column_names:
            bears |= pc.is_in(products[column], pa.array(names, pa.string())).to_numpy(zero_copy_only=False)
    return bears


def vocabulary_of(products: pa.Table, column: str, excluded: tuple[str, ...]) -> Vocabulary:
    """Return every name of a column as an item."""
    if column not in products.column_names:
        return Vocabulary(column, (), excluded)
    names = pc.unique(products[column]).drop_null().to_pylist()
    return Vocabulary(column, tuple(sorted(names)), excluded)


def grouping_of(products: pa.Table, wanted: str) -> str:
    """Return the wanted grouping column, or where it is empty the finest that is not."""
    filled = _filled(products)
    return wanted if wanted in filled else next(iter(filled), wanted)


def has_groupings(products: pa.Table) -> bool:
    """Say whether any product bears a category."""
    return bool(_filled(products))


def _filled(products: pa.Table) -> list[str]:
    present = (name for name in GROUPINGS if name in products.column_names)
    return [name for name in present if products[name].null_count < products.num_rows]


def kept(vocabulary: Vocabulary, wanted: NDArray[np.bool_]) -> Vocabulary:
    """Return the vocabulary of some of its items."""
    names = tuple(name for name, keep in zip(vocabulary.names, wanted.tolist(), strict=True) if keep)
    return Vocabulary(vocabulary.column, names, vocabulary.excluded)
