"""A past cutoff of the corner shop, with what came next, for methods that choose there."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from models.next_best_product.learning import Learnt, Past, Snapshot
from tests.models.next_best_product.corner_shop import events

Bought = Sequence[tuple[int, int]]
DAY = date(2017, 12, 1)


def snapshot_of(people: Sequence[Bought], basket: Sequence[int], window: Sequence[int] = ()) -> Snapshot:
    """Return customers by what they bought, (item, age); the first 120 bought the basket and the window next."""
    lines = [(row, item, age) for row, bought in enumerate(people) for item, age in bought]
    some, none = (np.array(basket, np.int64), np.array(window, np.int64)), np.empty(0, np.int64)
    baskets, windows = (tuple(each if row < 120 else none for row in range(len(people))) for each in some)
    return Snapshot(events(lines, customers=len(people)), baskets, windows)


def learnt_with(past: Snapshot, now: Snapshot | None = None) -> Learnt:
    """Return what there is to learn from; the cutoff before the newest past one must not be read."""

    def never() -> Snapshot:
        raise AssertionError("an older cutoff was read")

    return Learnt(now or past, (Past(DAY, "newest", lambda: past), Past(DAY, "older", never)), {})
