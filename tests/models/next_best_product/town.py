"""A town of customers whose habits are known by construction, for methods that learn from what came next.

Customer c orders every ten days and always buys the favourite ``f{c % 10}``; every other order holds another favourite
of somebody's too. Now and then the customer buys a lead ``a{j}`` for the first and only time: the next order then holds
its follower ``b{j}``, also for the only time.
"""

from datetime import date, timedelta
from functools import cache

import numpy as np
import pyarrow as pa

from models import columns as col
from models.prediction import Examples
from models.purchases import Histories, Purchases, purchases_of
from tests.models.next_best_product.corner_shop import AS_OF, examples_of

PEOPLE = 300
PAIRS = 5
FAVOURITES = 10
ORDERS = 30
CUTOFFS = 5
SPACING = 30
IDS = tuple(sorted([f"f{n}" for n in range(FAVOURITES)] + [f"{k}{j}" for k in "ab" for j in range(PAIRS)]))


def products(grouped: bool = True) -> pa.Table:
    """Return the products, two a category."""
    columns = {col.PRODUCT_ID: list(IDS), col.NAME: [each.upper() for each in IDS]}
    if grouped:
        columns[col.SUBCATEGORY] = [f"{each[0]}-{int(each[1:]) // 2}" for each in IDS]
    return pa.table(columns)


@cache
def purchases(seed: int = 1) -> Purchases:
    """Return what everybody bought before ``AS_OF``."""
    rng = np.random.default_rng(seed)
    now = int(np.datetime64(AS_OF, "D").astype(np.int64))
    lines: list[tuple[int, int, int]] = []
    for customer in range(PEOPLE):
        days = now - 10 * np.arange(ORDERS, 0, -1) + customer % 10
        bought = [{f"f{customer % FAVOURITES}"} for _ in days]
        for basket in bought:
            if rng.random() < 0.5:
                basket.add(f"f{rng.integers(FAVOURITES)}")
        for pair, order in enumerate(rng.choice(ORDERS - 1, PAIRS, replace=False)):
            bought[order].add(f"a{pair}")
            bought[order + 1].add(f"b{pair}")
        for day, basket in zip(days.tolist(), bought, strict=True):
            lines.extend((customer, IDS.index(each), day) for each in sorted(basket))
    customers, items, ordered = (list(each) for each in zip(*lines, strict=True))
    return purchases_of(customers, items, ordered, count=PEOPLE)


@cache
def examples(seed: int = 1, *, grouped: bool = True) -> Examples:
    """Return everybody at five cutoffs of a month each, the newest ``AS_OF``."""
    bought = purchases(seed)
    limit = np.datetime64(AS_OF, "D")
    as_of = np.repeat([limit - np.timedelta64(SPACING * back, "D") for back in range(CUTOFFS)][::-1], PEOPLE)
    rows = np.tile(np.arange(PEOPLE), CUTOFFS)
    later = [_later(bought, int(row), day) for row, day in zip(rows, as_of, strict=True)]
    known = Histories(products(grouped), bought, rows, as_of)
    return examples_of(known, [each[0] for each in later], [each[1] for each in later])


def _later(bought: Purchases, row: int, as_of: np.datetime64) -> tuple[list[str] | None, list[str] | None]:
    span = bought.span(row)
    ages = bought.days[span] - int(as_of.astype(np.int64))
    inside = (ages >= 0) & (ages < SPACING)
    if not inside.any():
        return None, None
    first = inside & (ages == ages[inside].min())
    found = [sorted({IDS[item] for item in bought.items[span][mask].tolist()}) for mask in (first, inside)]
    return found[0], found[1]


def day(back: int) -> date:
    """Return the cutoff so many months before the newest."""
    return AS_OF - timedelta(days=SPACING * back)


def new_buyers(cutoff: date) -> int:
    """Count who buys something in the window that they never bought before, from the bare purchases."""
    bought, now = purchases(), int(np.datetime64(cutoff, "D").astype(np.int64))
    found = 0
    for row in range(PEOPLE):
        span = bought.span(row)
        items, days = bought.items[span], bought.days[span]
        window = items[(days >= now) & (days < now + SPACING)]
        found += bool(set(window.tolist()) - set(items[days < now].tolist()))
    return found
