"""What is asked of a method: for whom, in which mode, among which items, around which basket."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.errors import InvalidModelOutputError
from models.next_best_product.profiles import Floats, Ints, Profiles, csr, flat

Mode = Literal["any", "new", "repeat", "basket"]
NOT_SCORED = -np.inf


@dataclass(frozen=True)
class Asked:
    """A question about n customers at one level.

    Parameters
    ----------
    profiles : Profiles
        Of the n customers.
    mode : str
        ``any``: the next basket; ``new``: never bought before; ``repeat``: bought before; ``basket``: completes one.
    allowed : bool array, shape (items,), optional
        Items that may be answered; default: all.
    baskets : tuple of int64 array, length n
        Items that lie in each customer's basket, rising; empty unless the mode is ``basket``.
    """

    profiles: Profiles
    mode: Mode
    allowed: NDArray[np.bool_] | None = None
    baskets: tuple[Ints, ...] = ()

    def __len__(self) -> int:
        return self.profiles.customers

    def chunk(self, start: int, stop: int) -> "Asked":
        """Return the question about the customers from ``start`` up to ``stop``."""
        return replace(self, profiles=self.profiles.chunk(start, stop), baskets=self.baskets[start:stop])

    def take(self, picked: Ints) -> "Asked":
        """Return the question about the given customers."""
        baskets = tuple(self.baskets[row] for row in picked.tolist()) if self.baskets else ()
        return replace(self, profiles=self.profiles.take(picked), baskets=baskets)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Say of whom anything is known: a history, or a basket; shape (n,)."""
        filled = np.array([len(basket) > 0 for basket in self.baskets], bool)
        return self.profiles.known | filled if len(filled) else self.profiles.known

    def basket_matrix(self) -> "sparse.csr_array":
        """Return the baskets as a sparse matrix of ones, shape (n, items)."""
        items, rows = flat(self.baskets)
        indptr = np.searchsorted(rows, np.arange(len(self) + 1))
        return csr(np.ones(len(items)), items, indptr, (len(self), self.profiles.items))

    @cached_property
    def open_items(self) -> NDArray[np.bool_]:
        """Say which items may be answered to whom, shape (n, items)."""
        shape = (len(self), self.profiles.items)
        fits = np.full(shape, self.mode != "repeat")
        if self.mode in ("new", "repeat"):
            fits[self.profiles.row, self.profiles.item] = self.mode == "repeat"
        for row, basket in enumerate(self.baskets):
            fits[row, basket] = False
        return fits if self.allowed is None else fits & self.allowed


def scored_only(scores: Floats, asked: Asked) -> Floats:
    """Put ``NOT_SCORED`` where an item may not be answered or nothing is known of the customer, shape (n, items).

    Raises
    ------
    InvalidModelOutputError
        A score is NaN, or infinite; below everything, it is not scored.
    """
    found = np.where(asked.open_items & asked.usable[:, None], scores, NOT_SCORED)
    # what is not a number would pass for not scored, and popular products for the answer
    if not (found < np.inf).all():
        raise InvalidModelOutputError("next-best-product: a score is not a number; roll the release back")
    return found
