"""Print how baskets of known customers and of strangers are completed, with and without hidden histories in training.

Needs nothing but a workspace's source::

    .venv/bin/python benchmarks/baskets.py [WORKSPACE]
"""

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from models import prediction_named
from models.next_best_product import two_stage
from models.next_best_product.asking import Asked
from models.next_best_product.learning import BUT_ONE, snapshot
from models.next_best_product.profiles import Events, Ints, profiles_of
from models.next_best_product.recommender import FittedRecommender
from models.ranking import TOP, measured
from models.settings import load_settings
from training.ingest import ensure_tables
from training.run import Trainer

NAME = "next-best-product"


def main(workspace: Path) -> None:
    """Print a Markdown table: NDCG of the first ten for one item of a basket by the others, on the test window."""
    settings = load_settings(workspace)
    today = datetime.now(UTC).date()
    intake = ensure_tables(settings, today=today, progress=lambda _: None)
    print(f"Measured {today}, Python {platform.python_version()}, {os.cpu_count()} cores.\n")
    print("| histories hidden in training | known customers | strangers | strangers, summed cosines |")
    print("| --- | --- | --- | --- |")
    for hidden in (0.0, two_stage.HIDDEN):
        two_stage.HIDDEN = hidden
        trainer = Trainer(settings, prediction_named(NAME, settings.models), intake)
        print(f"| {hidden:.0%} | {' | '.join(f'{figure:.3f}' for figure in figures(trainer))} |")


def figures(trainer: Trainer) -> list[float]:
    """Return the NDCG for known customers, for the same baskets without a history, and of summed cosines."""
    day = trainer.plan.test["basket"]
    fitted = trainer.fit("two_stage", day, trainer.prediction.tasks[-1].horizon)
    assert isinstance(fitted, FittedRecommender)
    level = fitted.levels["category"]
    assert isinstance(level.scorer, two_stage.TwoStage)
    at_test = trainer.examples.at([day])
    assert at_test.customers.histories is not None
    codes = level.vocabulary.codes(at_test.customers.histories.products)
    seen = snapshot(at_test, codes, len(level.vocabulary))
    asked, right = seen.question(BUT_ONE)
    taught = seen.taught(right)
    known = asked.take(taught)
    strangers = without_histories(known)
    cosines = np.where(strangers.open_items, level.scorer.generators.from_basket(strangers)[0], -1)
    lists: list[Sequence[Ints]] = [level.rank(known, TOP).items, level.rank(strangers, TOP).items]
    lists.append(list(np.argsort(-cosines, axis=1, kind="stable")[:, :TOP]))
    wanted = [right[row] for row in taught.tolist()]
    offered = level.statistics.buyers > 0
    nobody = [np.zeros(TOP, bool)] * len(wanted)
    return [measured(ranked, nobody, wanted, offered=offered).metrics()["ndcg_10"] for ranked in lists]


def without_histories(asked: Asked) -> Asked:
    """Return the same question about strangers."""
    nothing = np.empty(0, np.int64)
    return replace(asked, profiles=profiles_of(Events(len(asked), asked.profiles.items, nothing, nothing, nothing)))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
