"""Synthetic customers who bought the items themselves, so that generators and rankers are replayed on opening."""

import numpy as np
import pyarrow as pa

from models import columns as col
from models.next_best_product.recommender import FittedRecommender
from models.purchases import Histories, purchases_of

SEED = 7
PURCHASES = 60
MAX_PRODUCTS = 500
AGES = 200


def golden_histories(fitted: FittedRecommender, count: int) -> Histories:
    """Return made-up purchases before 2000-01-01, the same for the same items.

    Parameters
    ----------
    fitted : FittedRecommender
        Its vocabularies are bought from.
    count : int
        Customers.
    """
    rng = np.random.default_rng(SEED)
    now = np.datetime64("2000-01-01", "D")
    names = {level.vocabulary.column: level.vocabulary.names for level in fitted.levels.values()}
    ids = names.get(col.PRODUCT_ID, ())[:MAX_PRODUCTS] or ("golden",)
    drawn = {column: rng.integers(len(each), size=len(ids)) for column, each in names.items() if each}
    columns = {column: [names[column][pick] for pick in picks] for column, picks in drawn.items()}
    products = pa.table({**columns, col.PRODUCT_ID: list(ids)})
    customers = rng.integers(count, size=count * PURCHASES).tolist()
    days = now.astype(int) - rng.integers(1, AGES, size=len(customers))
    bought = purchases_of(customers, rng.integers(len(ids), size=len(customers)).tolist(), days.tolist(), count=count)
    return Histories(products, bought, np.arange(count), np.full(count, now))
