"""A small synthetic shop: a workspace whose whole path runs in seconds."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np

CONFIG = """
[source.order_lines]
path = "orders.csv"

[cutoffs]
folds = 1

[training]
bootstrap_samples = 20

[predictions.churn]
active_days = 30
horizon = 14

[predictions.repurchase]
horizons = [7, 14]

[predictions.lookalike]
horizon = 14
queries = 3
"""

FIRST_DAY = date(2024, 1, 1)
DAYS = 200
# the customer who ordered once, long ago, and the one who is there on the last day
LAPSED, FAITHFUL = "000", "001"


def open_shop(folder: Path, *, customers: int = 300, seed: int = 7) -> Path:
    """Write a workspace: customers with a rhythm of their own, some of whom stop; two lines an order."""
    rng = np.random.default_rng(seed)
    lines = ["customer_id,ordered_at,order_id,product_id,quantity,amount"]
    for number in range(2, customers):
        day, gap, stop = rng.integers(0, 40), rng.gamma(2, 6) + 1, rng.integers(60, 2 * DAYS)
        while day < min(DAYS, stop):
            lines += _order(f"{number:03d}", int(day), rng)
            day += max(1, round(rng.exponential(gap)))
    for day in range(0, DAYS, 4):
        lines += _order(FAITHFUL, day, rng)
    lines += _order(LAPSED, 3, rng)
    lines += [f"{number:03d}" + line[3:] for number in range(2, 40) for line in _order("xxx", DAYS - 1, rng)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "orders.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "foresell.toml").write_text(CONFIG, encoding="utf-8")
    return folder


def _order(customer: str, day: int, rng: np.random.Generator) -> list[str]:
    at = f"{FIRST_DAY + timedelta(day)}T{rng.integers(8, 20):02d}:30:00"
    return [
        f"{customer},{at},{customer}-{day},p{rng.integers(30)},{rng.integers(1, 4)},{rng.integers(100, 5000) / 100:.2f}"
        for _ in range(2)
    ]
