"""Traits: what sets the seeds apart, folded to feature groups and single categories, and said in words."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.features import GROUPS, catalogue
from models.lookalike.messages import MIN_SEEDS, Trait
from models.lookalike.space import Points, Space
from models.lookalike.tastes import Tastes, log_counts
from models.products import positions_of
from models.purchases import Histories
from models.settings import FeatureSettings

LEAST_DEVIATIONS = 0.2
TASTE = "taste"
TASTES = "Tastes (what is bought)"
MOST_TRAITS = 10


def traits_of(seeds: Points, background: Points, space: Space, settings: FeatureSettings) -> list[Trait]:
    """Return what sets the seeds apart, strongest first.

    One feature for each group, the one that differs most, and the categories that the seeds buy beyond what their
    features explain.

    Parameters
    ----------
    seeds : Points
        The seeds.
    background : Points
        A random sample of everybody.
    space : Space
        Says which direction is which feature.
    settings : FeatureSettings
        Of the features.
    """
    deviations = _apart(seeds, background)
    found = {feature.name: feature for feature in catalogue(settings)}
    strongest: dict[str, Trait] = {}
    for position, (name, value) in enumerate(zip(space.names, deviations[: len(space.names)].tolist(), strict=True)):
        feature = found[name]
        if abs(value) >= LEAST_DEVIATIONS and abs(value) > abs(_deviations(strongest, feature.group)):
            medians = [
                space.figure(position, float(np.median(each.vectors[:, position]))) for each in (seeds, background)
            ]
            told = _told(feature.description, [in_figures(median, feature.unit) for median in medians])
            strongest[feature.group] = _trait(feature.group, f"{GROUPS[feature.group].title}: {told}", value)
    ranked = sorted([*strongest.values(), *_liked(seeds, background, space)], key=lambda trait: -abs(trait.deviations))
    return ranked[:MOST_TRAITS]


def mean_apart(lists: Sequence[Points], everybody: Points, space: Space, settings: FeatureSettings) -> dict[str, float]:
    """Return how far lists of customers lie from everybody: the strongest feature of each group, mean over the lists.

    Returns
    -------
    dict of str to float
        Feature group, or ``TASTES``, -> standard deviations; empty where there is no list.
    """
    if not lists:
        return {}
    strengths = np.mean([np.abs(_apart(each, everybody)) for each in lists], axis=0)
    group_of = {feature.name: feature.group for feature in catalogue(settings)}
    groups = [*(group_of[name] for name in space.names), *([TASTES] * space.tastes.size)]
    found: dict[str, float] = {}
    for group, strength in zip(groups, strengths.tolist(), strict=True):
        found[group] = max(found.get(group, 0.0), strength)
    return found


def buyers_of_each(histories: Histories | None, tastes: Tastes) -> list[NDArray[np.int64]]:
    """Return the buyers of each category that at least ``MIN_SEEDS`` and at most half of the customers ever bought."""
    if histories is None or not tastes.categories:
        return []
    positions = positions_of(histories.products, tastes.level, tastes.categories)
    counts = log_counts(histories, positions, len(tastes.categories)).tocsc()
    buyers = np.split(counts.indices.astype(np.int64), counts.indptr[1:-1])
    return [np.sort(rows) for rows in buyers if MIN_SEEDS <= len(rows) <= len(histories) / 2]


def _apart(seeds: Points, background: Points) -> NDArray[np.float64]:
    """Return the distance of the seeds' mean from the background's in its standard deviations, shape (d,)."""
    gaps = seeds.vectors.mean(axis=0) - background.vectors.mean(axis=0)
    spread = background.vectors.std(axis=0)
    deviations: NDArray[np.float64] = np.divide(gaps, spread, out=np.zeros_like(gaps), where=spread > 0)
    return deviations


def _liked(seeds: Points, background: Points, space: Space) -> list[Trait]:
    """Return the categories that tell the seeds apart."""
    picked, _ = space.telling_likes(seeds, background)
    traits = []
    for like in picked.tolist():
        levels = [each.likes[:, like].astype(np.float64) for each in (seeds, background)]
        spread = float(levels[1].std())
        if spread > 0:
            category = space.tastes.categories[int(space.likes.columns[like])]
            medians = [f"{space.likes.purchases(np.median(each)):.0f}" for each in levels]
            told = _told(f"Purchases of {category}", medians)
            traits.append(_trait(TASTE, f"Taste: {told}", float(levels[0].mean() - levels[1].mean()) / spread))
    return traits


def _told(description: str, medians: Sequence[str]) -> str:
    what = description.rstrip(".")
    what = f"{what[0].lower()}{what[1:]}"
    return what if medians[0] == medians[1] else f"{what}: typically {medians[0]} against {medians[1]},"


def in_figures(value: float, unit: str) -> str:
    """Return a figure as people write it."""
    if unit == "share":
        return f"{value:.0%}"
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.1f}".removesuffix(".0")


def _deviations(strongest: dict[str, Trait], group: str) -> float:
    return strongest[group].deviations if group in strongest else 0.0


def _trait(group: str, told: str, value: float) -> Trait:
    side: Literal["higher", "lower"] = "higher" if value > 0 else "lower"
    text = f"{told} {side} than usual ({abs(value):.1f} deviations)"
    return Trait(group=group, text=text, direction=side, deviations=value)
