"""The products of one open store as one fitted level sees them: names, groups, and what a filter leaves."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from models import columns as col
from models.errors import InvalidRequestError
from models.next_best_product.messages import Filters
from models.next_best_product.profiles import Codes, Ints
from models.next_best_product.vocabulary import Vocabulary
from models.products import GROUPINGS, bears, close_names, known_names

FEW = 1_000
"""Up to this many ids are looked up one by one: an index of a whole assortment costs more."""


@dataclass(frozen=True)
class Assortment:
    """The items of a level among a store's products.

    Parameters
    ----------
    products : pyarrow Table
        In rising order of the product id.
    vocabulary : Vocabulary
        The items.
    """

    products: pa.Table
    vocabulary: Vocabulary

    @cached_property
    def codes(self) -> Codes:
        """The item of each product, shape (products,); -1 = none."""
        return self.vocabulary.codes(self.products)

    @cached_property
    def _ids(self) -> pa.Array:
        return self.products[col.PRODUCT_ID].combine_chunks()

    def rows(self, ids: Sequence[str]) -> Ints:
        """Return the row of each product id, shape (len(ids),); -1 = not known."""
        if len(ids) > FEW:
            found = pc.index_in(pa.array(ids, pa.string()), self._ids).fill_null(-1)
            rows: Ints = found.to_numpy(zero_copy_only=False).astype(np.int64)
            return rows
        return np.array([self._row(each) for each in ids], np.int64)

    def items(self, ids: Sequence[str]) -> Ints:
        """Return the item of each product id, shape (len(ids),); -1 = not known, or no item."""
        rows = self.rows(ids)
        return np.where(rows >= 0, self.codes[rows], -1).astype(np.int64) if len(self.codes) else rows

    def name_of(self, item: int) -> dict[str, str | None]:
        """Return product_id, category and name of an item."""
        own = self.vocabulary.names[item]
        if self.vocabulary.column != col.PRODUCT_ID:
            return {"product_id": None, "category": own, "name": own}
        row = int(self._some_row[item])
        return {"product_id": own, "category": self._finest(row), "name": self._text(col.NAME, row)}

    def unknown(self, ids: Sequence[str]) -> list[str]:
        """Return the product ids that the store does not know, each once."""
        rows = self.rows(ids)
        return list(dict.fromkeys(each for each, row in zip(ids, rows.tolist(), strict=True) if row < 0))

    def allowed(self, filters: Filters) -> NDArray[np.bool_] | None:
        """Return which items a filter leaves, shape (items,); None = all.

        Raises
        ------
        InvalidRequestError
            A category or a brand that no product has; the message names close ones.
        """
        if filters == Filters():
            return None
        wanted = np.ones(self.products.num_rows, bool)
        if filters.categories is not None:
            wanted &= self._bears("categories", filters.categories, GROUPINGS)
        if filters.brands is not None:
            wanted &= self._bears("brands", filters.brands, (col.BRAND,))
        if filters.in_stock is not None:
            wanted &= self._mask(filters.in_stock)
        wanted &= ~self._mask(filters.exclude)
        allowed = np.zeros(len(self.vocabulary), bool)
        allowed[self.codes[wanted & (self.codes >= 0)]] = True
        return allowed

    def _mask(self, ids: Sequence[str]) -> NDArray[np.bool_]:
        mask = np.zeros(self.products.num_rows, bool)
        rows = self.rows(ids)
        mask[rows[rows >= 0]] = True
        return mask

    def _bears(self, field: str, names: Sequence[str], columns: tuple[str, ...]) -> NDArray[np.bool_]:
        known = self._names_in(columns)
        for position, name in enumerate(names):
            if name not in known:
                spelled = sorted(close_names(name, known, cutoff=0.6))
                hint = f"did you mean {', '.join(map(repr, spelled))}?" if spelled else "leave it out"
                raise InvalidRequestError(
                    f"filters.{field}: no product has {name!r}; {hint}", field=f"filters.{field}.{position}"
                )
        return bears(self.products, columns, names)

    def _names_in(self, columns: tuple[str, ...]) -> frozenset[str]:
        if columns not in self._names:
            self._names[columns] = frozenset(name for each in columns for name in known_names(self.products, each))
        return self._names[columns]

    @cached_property
    def _names(self) -> dict[tuple[str, ...], frozenset[str]]:
        return {}

    @cached_property
    def _some_row(self) -> Ints:
        """A product of each item, shape (items,); -1 = the store has none."""
        rows = np.full(len(self.vocabulary), -1)
        known = np.flatnonzero(self.codes >= 0)
        rows[self.codes[known]] = known
        return rows

    def _finest(self, row: int) -> str | None:
        found = (self._text(column, row) for column in GROUPINGS)
        return next((text for text in found if text is not None), None)

    def _text(self, column: str, row: int) -> str | None:
        if row < 0 or column not in self.products.column_names:
            return None
        text = self.products[column][row].as_py()
        return None if text is None else str(text)

    def _row(self, product_id: str) -> int:
        row = bisect_left(range(len(self._ids)), product_id, key=lambda at: self._ids[at].as_py())
        return row if row < len(self._ids) and self._ids[row].as_py() == product_id else -1
