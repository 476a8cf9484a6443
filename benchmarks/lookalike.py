"""Print how lookalike finds the hidden buyers of the published queries, beside its rivals and the published figures.

Run after ``foresell check`` on Complete Journey::

    .venv/bin/python benchmarks/lookalike.py [WORKSPACE]

A query: of those who bought a category in the 30 days from 2017-11-01, some are the seeds and the others are hidden
among all customers with an order in the 180 days before (NEW: among those of them who had never bought it). The seeds
are ``default_rng(1000 * sum of the name's code points + seeds).choice(sorted buyers, seeds, replace=False)``; they are
left out of the ranking. The settings were chosen on other queries at earlier cutoffs; these figures were seen
meanwhile.
"""

import sys
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from time import process_time

import ibis
import numpy as np

from models import columns as col
from models import prediction_named
from models.engines import open_duckdb
from models.features import features
from models.lookalike.audience import CURVE_SHARES
from models.lookalike.audience import ranked as ranked_by
from models.lookalike.fitted import FittedLookalike
from models.lookalike.queries import Query, measured, window_buyers
from models.lookalike.space import Points
from models.prediction import Examples
from models.settings import Settings, load_settings
from training.frame import as_customers, histories, population

AS_OF, LIMIT, ACTIVE_DAYS, HORIZON = date(2017, 11, 1), date(2017, 12, 1), 180, 30
OFTEN = ("BACON", "CITRUS", "DELI MEATS", "TOMATOES")
BUYERS = (*OFTEN, "BROOMS AND MOPS", "FROZEN MEAT", "FRZN NOVELTIES/WTR ICE", "PEPPERS-ALL", "REFRIGERATED",
          "SPRING/SUMMER SEASONAL")  # fmt: skip
NEW = ("TURKEY", "FROZEN PIE/DESSERTS", "CHRISTMAS  SEASONAL", "BAKING NEEDS", "CANNED MILK", "DRY SAUCES/GRAVY",
       "FLOUR & MEALS", "FRUIT - SHELF STABLE")  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Queries of one kind, with the published mean AUC: spend rank, centroid, logistic regression."""

    title: str
    names: tuple[str, ...]
    seeds: int
    new: bool
    published: tuple[float, float, float]


GROUPS = (
    Group("category buyers, 50 seeds", BUYERS, 50, False, (0.733, 0.741, 0.762)),
    Group("category buyers, 200 seeds", OFTEN, 200, False, (0.752, 0.755, 0.788)),
    Group("NEW buyers of a category, 50 seeds", NEW, 50, True, (0.695, 0.639, 0.711)),
)


def main(workspace: Path) -> None:
    """Print the table, the curves and the cost of a query."""
    settings = load_settings(workspace)
    examples = frame(settings)
    prediction = prediction_named("lookalike", settings.models)
    methods = {name: prediction.fit(name, examples, horizon=HORIZON, seed=1) for name in prediction.methods}
    everybody = methods["seed_logistic"].space.points(examples.customers)  # type: ignore[attr-defined]
    print("| queries | method | mean AUC | published | recall in the first 10 % |\n| --- | --- | --- | --- | --- |")
    for group in GROUPS:
        queries = drawn(examples, group)
        for name, published in zip(("spend_rank", "centroid", "seed_logistic"), group.published, strict=True):
            fitted = methods[name]
            assert isinstance(fitted, FittedLookalike)
            found = measured(fitted, everybody, queries).metrics()
            print(f"| {group.title} ({len(queries)}) | {name} | {found['auc']:.3f} | {published:.3f} | "
                  f"{found['recall_at_10pct']:.3f} |")  # fmt: skip
    ours = methods["seed_logistic"]
    assert isinstance(ours, FittedLookalike)
    for group in GROUPS:
        curves(ours, everybody, drawn(examples, group), group.title)


def frame(settings: Settings) -> Examples:
    """Compute everybody known at the cutoff, what they had bought, and what they bought next."""
    prediction = prediction_named("lookalike", settings.models)
    keys = [col.AS_OF, col.CUSTOMER_ID]
    with open_duckdb(settings.tables) as engine:
        people = population(engine.tables, AS_OF).mutate(**{col.AS_OF: ibis.literal(AS_OF).cast("date")})
        spine = engine.spine(people.to_pyarrow())
        known = features(engine.tables, spine, settings.features).order_by(keys).to_pyarrow()
        later = prediction.labels(engine.tables, spine).order_by(keys).to_pyarrow()
        customers = as_customers(known, settings.features)
        customers = replace(customers, histories=histories(engine, customers, AS_OF))
    labels = {name: later[name].to_numpy(zero_copy_only=False) for name in later.column_names if name not in keys}
    return Examples(customers, labels, LIMIT)


def drawn(examples: Examples, group: Group) -> list[Query]:
    """Draw a group's queries by the published rule; rows are in the order of the ids."""
    names, later, before = window_buyers(examples, col.CATEGORY)
    active = examples.customers.column("recency_days") <= ACTIVE_DAYS
    queries = []
    for name in group.names:
        at = names.index(name)
        universe = active & ~before[:, at] if group.new else active
        buyers = np.flatnonzero(later[:, at] & universe)
        seeds = np.random.default_rng(1000 * sum(map(ord, name)) + group.seeds).choice(
            buyers, group.seeds, replace=False
        )
        pool = np.setdiff1d(np.flatnonzero(universe), seeds)
        queries.append(Query(name, np.sort(seeds), pool, later[pool, at]))
    return queries


def curves(fitted: FittedLookalike, everybody: Points, queries: list[Query], title: str) -> None:
    """Print the recall that cross-validation on the seeds expects beside the one among the hidden, and the cost."""
    expected, true, spend, seconds = [], [], [], 0.0
    for query in queries:
        started = process_time()
        ranked = ranked_by(
            fitted, everybody.take(query.seeds), everybody.take(fitted.drawn_from(query.pool)), [everybody]
        )
        sizes = [max(1, round(len(query.pool) * share)) for share in CURVE_SHARES]
        points = ranked.quality(query.seeds, query.pool, sizes)
        seconds += process_time() - started
        order = query.pool[np.argsort(-ranked.scores[query.pool], kind="stable")]
        caught = np.cumsum(np.isin(order, query.pool[query.hidden]))
        true.append([caught[size - 1] / caught[-1] for size in sizes])
        expected.append([point.expected_recall for point in points])
        spend.append([point.spend_rank_recall for point in points])
    print(f"\n{title}: {seconds / len(queries):.2f} processor seconds a query with its curve")
    print(
        f"| audience | {' | '.join(f'{share:.0%}' for share in CURVE_SHARES)} |\n| --- |{' --- |' * len(CURVE_SHARES)}"
    )
    for name, rows in (("expected recall", expected), ("true recall", true), ("expected of the spend rank", spend)):
        print(f"| {name} | {' | '.join(f'{value:.3f}' for value in np.mean(rows, axis=0))} |")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
