"""Customers for example requests: somebody whom no store knows, and one with a history of their own."""

from typing import Any

import numpy as np

from models import columns as col
from models.prediction import Served
from models.store import Store

NOBODY = "nobody-we-know"
_PURCHASES = 1_000_000


def inline_customer(served: Served) -> dict[str, Any]:
    """Return a made-up customer with a complete history: two orders in the weeks before the store's as_of."""
    as_of = np.datetime64(served.store.as_of, "D")
    orders = [str(as_of - np.timedelta64(days, "D")) for days in (24, 10)]
    product = next(iter(bought_most(served.store, 1)), None)
    line = {col.PRODUCT_ID: product, "quantity": 2, "amount": 7.98}
    lines = [{"ordered_at": f"{day}T17:30:00", **line} for day in orders]
    return {"customer_id": "a-new-customer", "as_of": str(as_of), "order_lines": lines}


def bought_most(store: Store, count: int) -> list[str]:
    """Return the ids of the products that are bought most, as far as the first purchases tell; none without any."""
    bought = np.bincount(store.purchases.items[:_PURCHASES])
    most = np.argsort(-bought, kind="stable")[:count]
    return [str(store.products[col.PRODUCT_ID][row].as_py()) for row in most.tolist() if bought[row]]
