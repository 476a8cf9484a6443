"""Next-best-product at three cutoffs of each published split: every method as it is served, list by list."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.quality.competition import Competition, compete
from benchmarks.quality.lines import COMPLETE_JOURNEY, EVERYBODY, TA_FENG, workspace
from models import prediction_named
from models.settings import CutoffSettings, TrainingSettings
from training.cutoffs import Plan, plan
from training.run import Trainer

NAME = "next-best-product"
NEXT_BASKET, NEW = "next_basket", "new"
# so many buyers no single product has: categories are measured alone
NO_PRODUCTS = {"min_buyers": 10_000_000}
# the rankers learn from the newest cutoffs whose windows have closed, a few of them four weeks apart
TAUGHT_WITHIN = timedelta(160)
TWO_STAGES = "candidates + LightGBM"


@dataclass(frozen=True)
class Items:
    """What is recommended on one split, with the published figures.

    Parameters
    ----------
    title : str
        What the items are.
    tags : mapping of str to str
        Mode -> the tag of the prediction's task.
    published : mapping of str to mapping of str to float
        Mode -> method -> NDCG of the first ten at the newest cutoff.
    """

    title: str
    tags: Mapping[str, str]
    published: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Split:
    """One retailer's cutoffs, the newest of which is the published one, and its items."""

    source: str
    cutoffs: tuple[date, ...]
    own: Mapping[str, Any]
    min_history_days: int
    items: tuple[Items, ...]


def _published(*figures: float | None) -> dict[str, float]:
    names = ("most_popular", "personal_frequency", "decayed_frequency", "tifu_knn", "up_cf", "item_knn", "ease", "als",
             TWO_STAGES)  # fmt: skip
    return {name: figure for name, figure in zip(names, figures, strict=True) if figure is not None}


MODES = (NEXT_BASKET, NEW, "repeat", "basket")
TYPES = Items(
    "cj product types",
    {mode: mode for mode in MODES},
    {
        NEXT_BASKET: _published(0.199, 0.323, 0.335, 0.333, 0.242, 0.166, 0.267, 0.130, 0.336),
        NEW: _published(0.088, None, None, 0.085, 0.099, 0.096, 0.097, 0.083, 0.108),
    },
)
PRODUCTS = Items(
    "cj items",
    {mode: f"product_{mode}" for mode in (NEXT_BASKET, NEW)},
    {
        NEXT_BASKET: _published(0.092, 0.224, 0.240, 0.239, 0.231, 0.076, 0.198, 0.107, 0.243),
        NEW: _published(0.043, None, None, 0.039, 0.050, 0.045, 0.053, 0.047, 0.062),
    },
)
SUBCLASSES = Items(
    "ta-feng subclasses",
    {mode: mode for mode in MODES},
    {
        NEXT_BASKET: _published(0.139, 0.234, 0.233, 0.231, 0.227, 0.144, 0.178, 0.193, 0.248),
        NEW: _published(0.119, None, None, 0.171, 0.131, 0.147, 0.150, 0.073, 0.136),
    },
)
SPLITS = (
    Split(COMPLETE_JOURNEY, (date(2017, 12, 1), date(2017, 11, 1), date(2017, 10, 2)), {}, 60, (TYPES, PRODUCTS)),
    Split(
        TA_FENG,
        (date(2001, 2, 15), date(2001, 2, 1), date(2001, 1, 18)),
        {"horizon": 14, "category_column": "category", **NO_PRODUCTS},
        29,
        (SUBCLASSES,),
    ),
)
QUICK = (Split(COMPLETE_JOURNEY, SPLITS[0].cutoffs[:1], NO_PRODUCTS, 60, (TYPES,)),)


def run(workspaces: Path, *, quick: bool, progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure every split at every cutoff; returns plain data."""
    rows = []
    for split in QUICK if quick else SPLITS:
        trainer, plans = _trainer(split, workspaces)
        competitions = compete(trainer, plans, lambda text, _=None, split=split: progress(f"{split.source}: {text}"))
        for day, found in zip(split.cutoffs, competitions, strict=True):
            for items in split.items:
                rows += [result(split, items, mode, day, found) for mode in items.tags]
    return {"rows": rows}


def result(split: Split, items: Items, mode: str, day: date, found: Competition) -> dict[str, Any]:
    """Return one mode at one cutoff as plain data."""
    tag = items.tags[mode]
    return {
        "items": items.title,
        "mode": mode,
        "test": day.isoformat(),
        "customers": len(found.test[found.chosen][tag].loss),
        "chosen": found.chosen,
        "choices": found.choices[found.chosen].get("product" if tag.startswith("product_") else "category", {}),
        "rivals": list(found.rivals),
        "left_out": dict(found.left_out),
        "methods": {name: {"figures": each} for name, each in found.figures(tag).items()},
        "paired": found.paired(tag),
        "published": items.published.get(mode, {}) if day == split.cutoffs[0] else {},
    }


def _trainer(split: Split, workspaces: Path) -> tuple[Trainer, list[Plan]]:
    """Return what fits and measures on all cutoffs, and the plan of each."""
    settings, intake = workspace(split.source, workspaces)
    cutoffs = CutoffSettings(newest_test=split.cutoffs[0], min_history_days=split.min_history_days)
    update = {"cutoffs": cutoffs, "training": TrainingSettings(max_examples=EVERYBODY)}
    own = {**settings.predictions.get(NAME, {}), **split.own}
    models = settings.models.model_copy(update={"predictions": {NAME: own}})
    prediction = prediction_named(NAME, models)
    first_day = intake.tables["order_lines"].first_day
    assert first_day is not None

    def laid(newest: date) -> Plan:
        moved = cutoffs.model_copy(update={"newest_test": newest})
        return plan(moved, prediction.tasks, first_day=first_day, end=intake.as_of)

    plans = [laid(day) for day in split.cutoffs]
    # one grid for all: a fit at a day is the same, whether the day validates or tests; older days teach nothing
    oldest = min(day for each in plans[-1].validation.values() for day in each) - TAUGHT_WITHIN
    grid = tuple(day for day in plans[0].grid if oldest <= day <= split.cutoffs[0])
    plans = [replace(each, grid=grid) for each in plans]
    tag = prediction.tasks[0].tag
    needed = sorted({day for each in plans for day in (*each.validation[tag], each.test[tag])})
    everything = replace(plans[0], validation=dict.fromkeys(plans[0].validation, tuple(needed)))
    return Trainer(settings.model_copy(update=update), prediction, intake, laid=everything), plans
