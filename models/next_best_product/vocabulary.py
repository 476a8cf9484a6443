"""The items of one level: what an artifact calls them, and which products of a table they are."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.next_best_product.profiles import Codes
from models.products import GROUPINGS, bears, filled, known_names, positions_of


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

    def codes(self, products: pa.Table) -> Codes:
        """Return the item of each product, shape (products,); -1 = none. Any table with our columns will do."""
        found = positions_of(products, self.column, self.names).astype(np.int32)
        return np.where(bears(products, GROUPINGS, self.excluded), np.int32(-1), found)


def vocabulary_of(products: pa.Table, column: str, excluded: tuple[str, ...]) -> Vocabulary:
    """Return every name of a column as an item."""
    return Vocabulary(column, tuple(known_names(products, column)), excluded)


def grouping_of(products: pa.Table, wanted: str) -> str:
    """Return the wanted grouping column, or where it is empty the finest that is not."""
    return next(iter(filled(products, (wanted, *GROUPINGS))), wanted)


def kept(vocabulary: Vocabulary, wanted: NDArray[np.bool_]) -> Vocabulary:
    """Return the vocabulary of some of its items."""
    names = tuple(name for name, keep in zip(vocabulary.names, wanted.tolist(), strict=True) if keep)
    return Vocabulary(vocabulary.column, names, vocabulary.excluded)
