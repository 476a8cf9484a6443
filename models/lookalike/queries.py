"""The questions that lookalike methods are measured by: some buyers of a category are seeds, the others are hidden."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import columns as col
from models.errors import NotEnoughDataError
from models.lookalike.fitted import FittedLookalike
from models.lookalike.messages import MIN_SEEDS
from models.lookalike.space import Points
from models.lookalike.tastes import usable_level
from models.metrics import RECALL_SHARES, QueryMeasurement
from models.prediction import Examples
from models.products import known_names, listed, positions_of

ANY_ORDER = "any order"
_WINDOW_SHARES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
_DRAW_SEED = 1

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Query:
    """One question.

    Parameters
    ----------
    name : str
        E.g. the category.
    seeds : int64 array, shape (m,)
        Rows of the customers to look like.
    pool : int64 array, shape (n,)
        Rows of the customers to rank; no seeds among them.
    hidden : bool array, shape (n,)
        Which of the pool are to be found.
    """

    name: str
    seeds: Rows
    pool: Rows
    hidden: Mask


def measured(fitted: FittedLookalike, points: Points, queries: Sequence[Query]) -> QueryMeasurement:
    """Learn from each query's seeds and look where the hidden land."""
    auc, recall = np.empty(len(queries)), np.empty((len(queries), len(RECALL_SHARES)))
    for at, query in enumerate(queries):
        background = points.take(fitted.drawn_from(query.pool))
        (scores,) = fitted.ranker([points.take(query.seeds)], background)(points.take(query.pool))
        auc[at], recall[at] = area(scores, query.hidden), recalls(scores, query.hidden)
    return QueryMeasurement(auc, recall)


def area(scores: Vector, hidden: Mask) -> float:
    """Return the chance that a hidden customer scores above another one; ties count half."""
    # only training asks; it takes forty megabytes, which what answers has no use for
    from scipy.stats import rankdata

    found = int(hidden.sum())
    ranks = rankdata(scores)[hidden].sum()
    return float((ranks - found * (found + 1) / 2) / (found * (len(hidden) - found)))


def recalls(scores: Vector, hidden: Mask) -> Vector:
    """Return the share of the hidden among the best of the pool, for each of ``RECALL_SHARES`` of it."""
    caught = np.concatenate([[0], np.cumsum(hidden[np.argsort(-scores, kind="stable")])])
    sizes = np.round(np.array(RECALL_SHARES) * len(scores)).astype(np.int64)
    found: Vector = caught[sizes] / caught[-1]
    return found


def draw_queries(
    examples: Examples, level: str, *, new: bool, horizon: int, active_days: int, seeds: int, most: int
) -> list[Query]:
    """Draw the queries of one cutoff by rule, the same whatever method is measured.

    Parameters
    ----------
    examples : Examples
        Customers at one cutoff.
    level : str
        Wanted column of the product table.
    new : bool
        Rank only those who never bought the category before.
    horizon : int
        Days of the window.
    active_days : int
        Rank only those with an order in this many days.
    seeds : int
        Seeds a query; half of the buyers where there are fewer than twice as many.
    most : int
        Queries at most.

    Raises
    ------
    NotEnoughDataError
        No category has twice ``MIN_SEEDS`` buyers, and nor have orders of any kind.
    """
    customers = examples.customers
    active = customers.column("recency_days") <= active_days
    found = list(_category_queries(examples, level, active, new=new, seeds=seeds, most=most))
    found = found or list(_order_queries(examples, active, new=new, horizon=horizon, seeds=seeds, most=most))
    if not found:
        raise NotEnoughDataError(
            f"no category has {2 * MIN_SEEDS} buyers in the {horizon} days from {customers.as_of.max()}: lengthen "
            "predictions.lookalike.horizon, choose a coarser predictions.lookalike.level, or bring more customers"
        )
    return found


def window_buyers(examples: Examples, level: str) -> tuple[list[str], Mask, Mask]:
    """Return the categories, who bought each in the window, and who had bought it before: (n, categories) each."""
    histories = examples.customers.histories
    assert histories is not None
    names = known_names(histories.products, level)
    positions = positions_of(histories.products, level, names)
    shape = (len(examples), len(names))
    buyers, later = listed(histories.products, examples.labels[col.WINDOW_PRODUCTS])
    rows, items, _ = histories.bought()
    return names, _table(buyers, positions[later], shape), _table(rows, positions[items], shape)


def past_lists(examples: Examples, level: str, *, horizon: int, active_days: int) -> list[tuple[Mask, Mask]]:
    """Return lists of one cutoff whose window has closed: who might have been on each, and who was.

    The buyers of each category, and those who bought it for the first time; where there are no products, those who
    ordered within each of some shares of the window. Lists of fewer than ``MIN_SEEDS`` customers, and lists
    that leave fewer, are left out.

    Parameters
    ----------
    examples : Examples
        n customers at one cutoff.
    level, horizon, active_days
        See ``draw_queries``.

    Returns
    -------
    list of tuple of bool arrays, each of shape (n,)
    """
    active = examples.customers.column("recency_days") <= active_days
    histories = examples.customers.histories
    # one by one: of the lists of many products few are kept
    asked: Iterator[tuple[Mask, Mask]]
    if histories is None or not histories.products.num_rows or col.WINDOW_PRODUCTS not in examples.labels:
        asked = ((active, examples.labels[col.NEXT_ORDER_DAYS] < horizon * share) for share in _WINDOW_SHARES)
    else:
        _, later, before = window_buyers(examples, usable_level(histories.products, level))
        asked = ((universe, bought) for bought, known in zip(later.T, before.T, strict=True)
                 for universe in (active, active & ~known))  # fmt: skip
    lists = ((universe, universe & members) for universe, members in asked)
    return [
        (universe, members)
        for universe, members in lists
        if members.sum() >= MIN_SEEDS and (universe & ~members).sum() >= MIN_SEEDS
    ]


def _category_queries(
    examples: Examples, level: str, active: Mask, *, new: bool, seeds: int, most: int
) -> Iterator[Query]:
    histories = examples.customers.histories
    if histories is None or not histories.products.num_rows or col.WINDOW_PRODUCTS not in examples.labels:
        return
    names, later, before = window_buyers(examples, usable_level(histories.products, level))
    universes = active[:, None] & ~before if new else np.broadcast_to(active[:, None], later.shape)
    buyers = (later & universes).sum(axis=0)
    enough = np.flatnonzero((buyers >= 2 * MIN_SEEDS) & (universes.sum(axis=0) - buyers >= MIN_SEEDS))
    rng = np.random.default_rng(_DRAW_SEED)
    # those with room for all seeds and as many hidden come first
    drawn = sorted(rng.permutation(enough).tolist(), key=lambda at: buyers[at] < 2 * seeds)[:most]
    for at in drawn:
        yield _query(names[at], universes[:, at], later[:, at], seeds, rng)


def _order_queries(
    examples: Examples, active: Mask, *, new: bool, horizon: int, seeds: int, most: int
) -> Iterator[Query]:
    """Where no category can be asked for: who orders at all, or (new) who comes back after a pause of a window."""
    ordered = examples.labels[col.NEXT_ORDER_DAYS] < horizon
    paused = active & (examples.customers.column("recency_days") > horizon)
    for universe in (paused, active) if new else (active,):
        buyers = int((ordered & universe).sum())
        if buyers >= 2 * MIN_SEEDS and universe.sum() - buyers >= MIN_SEEDS:
            rng = np.random.default_rng(_DRAW_SEED)
            yield from (_query(ANY_ORDER, universe, ordered, seeds, rng) for _ in range(most))
            return


def _query(name: str, universe: Mask, buyers: Mask, seeds: int, rng: np.random.Generator) -> Query:
    wanted = np.flatnonzero(universe & buyers)
    drawn = np.sort(rng.choice(wanted, min(seeds, len(wanted) // 2), replace=False))
    pool = np.setdiff1d(np.flatnonzero(universe), drawn, assume_unique=True)
    return Query(name, drawn, pool, buyers[pool])


def _table(rows: Rows, columns: Rows, shape: tuple[int, int]) -> Mask:
    table = np.zeros(shape, bool)
    known = columns >= 0
    table[rows[known], columns[known]] = True
    return table
