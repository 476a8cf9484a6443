"""Customers for example requests: somebody whom no store knows, and one with a history of their own."""

from typing import Any

import numpy as np

from models.prediction import Served

NOBODY = "nobody-we-know"


def inline_customer(served: Served) -> dict[str, Any]:
    """Return a made-up customer with a complete history: two orders in the weeks before the store's as_of."""
    as_of = np.datetime64(served.store.as_of, "D")
    orders = [str(as_of - np.timedelta64(days, "D")) for days in (24, 10)]
    lines = [{"ordered_at": f"{day}T17:30:00", "quantity": 2, "amount": 7.98} for day in orders]
    return {"customer_id": "a-new-customer", "as_of": str(as_of), "order_lines": lines}
