"""Traits: what sets the seeds apart, folded to feature groups and said in words."""

import numpy as np

from models.features import GROUPS, catalogue
from models.lookalike.messages import Trait
from models.lookalike.space import Points, Space
from models.settings import FeatureSettings

LEAST_DEVIATIONS = 0.2
MOST_TRAITS = 10


def traits_of(seeds: Points, background: Points, space: Space, settings: FeatureSettings) -> list[Trait]:
    """Return what sets the seeds apart, strongest first: one feature for each group, the one that differs most.

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
    gaps = seeds.vectors.mean(axis=0) - background.vectors.mean(axis=0)
    spread = background.vectors.std(axis=0)
    deviations = np.divide(gaps, spread, out=np.zeros_like(gaps), where=spread > 0)
    found = {feature.name: feature for feature in catalogue(settings)}
    strongest: dict[str, Trait] = {}
    for name, value in zip(space.names, deviations[: len(space.names)].tolist(), strict=True):
        feature = found[name]
        if abs(value) >= LEAST_DEVIATIONS and abs(value) > abs(_deviations(strongest, feature.group)):
            strongest[feature.group] = _trait(feature.group, feature.description, value)
    ranked = sorted(strongest.values(), key=lambda trait: -abs(trait.deviations))
    return ranked[:MOST_TRAITS]


def _deviations(strongest: dict[str, Trait], group: str) -> float:
    return strongest[group].deviations if group in strongest else 0.0


def _trait(group: str, description: str, value: float) -> Trait:
    what = description.rstrip(".")
    told = f"{what[0].lower()}{what[1:]}"
    side = "higher" if value > 0 else "lower"
    return Trait(
        group=group,
        text=f"{GROUPS[group].title}: {told} {side} than usual ({abs(value):.1f} deviations)",
        direction="higher" if value > 0 else "lower",
        deviations=value,
    )
