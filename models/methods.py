"""What a method of estimating event probabilities is: our model and every rival of it are one."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.errors import NotEnoughDataError
from models.prediction import Customers, Fitted, Scores

MIN_EXAMPLES = 100
MAX_EXAMPLES = 200_000
"""Examples that one fit learns from: more cost time and moved no figure (docs/decisions/0013)."""


class Method(Protocol):
    """Estimates the probability of an event within each of several horizons."""

    @property
    def name(self) -> str:
        """Short name; part of metric names."""

    def fit(
        self,
        customers: Customers,
        target: Scores,
        *,
        horizons: Sequence[int],
        seed: int,
        choices: Mapping[str, Any] | None = None,
    ) -> Fitted:
        """Fit on past cutoffs.

        Parameters
        ----------
        customers : Customers
            n rows; all customers, eligible or not.
        target : float64 array, shape (n, k)
            1 where the event happened within the horizon, 0 where not, NaN where the row is not eligible or not known.
        horizons : sequence of int, length k
            Days.
        seed : int
            Seed of every draw.
        choices : mapping, optional
            The choices of an earlier fit, frozen; what is not among them is chosen anew.

        Raises
        ------
        NotEnoughDataError
            A horizon has fewer than ``MIN_EXAMPLES`` known examples, or only one class.
        NotConvergedError
            The fit found no answer.
        """

    def load(self, parts: Mapping[str, bytes]) -> Fitted:
        """Return what ``Fitted.parts`` gave; the bytes must have been verified."""


def log_odds(probability: NDArray[Any]) -> Scores:
    """Return log(p / (1 - p)), with p kept a hair inside (0, 1)."""
    p = np.minimum(np.maximum(probability.astype(np.float64), 1e-9), 1 - 1e-9)
    odds: Scores = np.log(p) - np.log1p(-p)
    return odds


def check_target(target: Scores, horizons: Sequence[int]) -> None:
    """Refuse a target that nothing can be learnt from.

    Raises
    ------
    NotEnoughDataError
        Says the horizon, what there is and what is needed.
    """
    for horizon, column in zip(horizons, target.T, strict=True):
        known = column[~np.isnan(column)]
        if len(known) < MIN_EXAMPLES:
            raise NotEnoughDataError(
                f"{len(known)} examples with a closed window of {horizon} days, at least {MIN_EXAMPLES} are needed: "
                "shorten the horizon, lower cutoffs.min_history_days, or bring more history"
            )
        if len(np.unique(known)) < 2:
            raise NotEnoughDataError(
                f"every example of {horizon} days has the same outcome ({known[0]:.0f}): change the horizon"
            )
