"""Reasons: what moved a customer's probability, folded to feature groups and said in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.features import GROUPS, catalogue
from models.messages import Reason
from models.methods import log_odds
from models.prediction import Customers, Direction, Fitted, Matrix, Scores
from models.settings import FeatureSettings

_FEWEST_FOLLOWED = 20


def group_effects(
    fitted: Fitted, customers: Customers, *, output: int, medians: Matrix, groups: Mapping[str, Sequence[int]]
) -> Scores:
    """Return what each feature group adds to the log-odds of one output.

    TreeSHAP contributions where the method has them; for any other method the change in log-odds when the group is set
    to its median.

    Parameters
    ----------
    fitted : Fitted
        The method.
    customers : Customers
        n rows.
    output : int
        Which output is explained.
    medians : float32 array, shape (f,)
        Median of each feature over the training examples; NaN = all null.
    groups : mapping of str to sequence of int
        Positions of each group's features.

    Returns
    -------
    float64 array, shape (n, groups)
    """
    contributions = getattr(fitted, "contributions", None)
    if contributions is not None:
        by_feature = contributions(customers, output)
        # np.take keeps rows together in memory: one row and many rows sum up alike
        folded = [np.take(by_feature, list(positions), axis=1).sum(axis=1) for positions in groups.values()]
        return np.column_stack(folded)
    odds = log_odds(fitted.score(customers)[:, output])
    without = [_with_medians(customers, medians, list(positions)) for positions in groups.values()]
    return np.column_stack([odds - log_odds(fitted.score(replaced)[:, output]) for replaced in without])


def group_directions(
    effects: Scores, customers: Customers, groups: Mapping[str, Sequence[int]]
) -> dict[str, Direction]:
    """Return the feature of each group that its effect follows most, and which way.

    Parameters
    ----------
    effects : float64 array, shape (n, groups)
        From ``group_effects``.
    customers : Customers
        n rows.
    groups : mapping of str to sequence of int
        Positions of each group's features.

    Notes
    -----
    Spearman's rank correlation (1904), over the customers whose value is known. A group without an effect, or whose
    features say the same of everybody, is left out.
    """
    found = {}
    for (group, positions), effect in zip(groups.items(), effects.T, strict=True):
        followed = {at: _rank_correlation(customers.features[:, at], effect) for at in positions}
        at = max(followed, key=lambda at: abs(followed[at]))
        if followed[at]:
            found[group] = Direction(customers.names[at], followed[at])
    return found


def _rank_correlation(values: NDArray[np.float32], effect: NDArray[np.float64]) -> float:
    known = ~np.isnan(values)
    # only the card asks; it takes forty megabytes, which what answers has no use for
    from scipy.stats import rankdata

    # a handful of customers would follow anything
    if known.sum() < _FEWEST_FOLLOWED or np.ptp(values[known]) == 0 or np.ptp(effect[known]) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(values[known]), rankdata(effect[known]))[0, 1])


def positions_by_group(settings: FeatureSettings) -> dict[str, list[int]]:
    """Return the positions of each group's features in the catalogue."""
    positions: dict[str, list[int]] = {}
    for position, feature in enumerate(catalogue(settings)):
        positions.setdefault(feature.group, []).append(position)
    return positions


def explain(
    effects: NDArray[np.float64], customers: Customers, groups: Sequence[str], count: int
) -> list[list[Reason]]:
    """Return the strongest reasons of each customer, in words.

    Parameters
    ----------
    effects : float64 array, shape (n, groups)
        What each group adds to the log-odds.
    customers : Customers
        n rows.
    groups : sequence of str
        Names of the columns of ``effects``.
    count : int
        Reasons a customer, at most; groups without an effect give none.
    """
    strongest = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :count]
    return [
        [
            _reason(groups[column], effects[row, column], values)
            for column in strongest[row]
            if effects[row, column] != 0
        ]
        for row, values in enumerate(_values(customers))
    ]


def _reason(group: str, effect: Any, values: Mapping[str, float]) -> Reason:
    return Reason(
        group=group,
        text=GROUPS[group].phrase(values),
        effect="raises" if effect > 0 else "lowers",
        log_odds=float(effect),
    )


def _values(customers: Customers) -> list[dict[str, float]]:
    return [dict(zip(customers.names, row, strict=True)) for row in customers.features.tolist()]


def _with_medians(customers: Customers, medians: Matrix, positions: list[int]) -> Customers:
    features = customers.features.copy()
    features[:, positions] = medians[positions]
    return Customers(customers.ids, customers.as_of, features, customers.names)
