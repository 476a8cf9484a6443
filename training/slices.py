"""How good a model is for parts of the customers: new and old, big and small spenders, by attribute; and the worst."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from models.metrics import BinaryMeasurement
from models.prediction import Customers, Measurement
from models.settings import Attribute
from training.evaluate import Figure
from training.headline import LOWER_IS_BETTER, Headline, headline, interval, mean

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

FEW_CUSTOMERS, FEW_EVENTS = 100, 10
"""A slice with fewer customers, or with fewer to whom it happened or did not, is too small to judge."""
_THIRDS = (1 / 3, 2 / 3)


@dataclass(frozen=True)
class Slice:
    """Some of the customers of the test window.

    Parameters
    ----------
    name : str
        For people.
    customers : int
        How many.
    events : int or None
        To how many of them it happened; None = there is no event, or too small to judge: of a few customers the
        number would tell what single ones did.
    figure : Figure or None
        The headline figure with its 95 % interval; None = too small to judge.
    rest : Figure or None
        By how much it is better (above 0) or worse than that of all others; None = they are too few to judge.
    gap : Figure or None
        Mean probability minus the share to whom it happened; None also where there is no probability.
    """

    name: str
    customers: int
    events: int | None
    figure: Figure | None = None
    rest: Figure | None = None
    gap: Figure | None = None


@dataclass(frozen=True)
class Slices:
    """Every slice of one task.

    Parameters
    ----------
    metric : str
        The headline figure.
    each : tuple of Slice
        In the order of the card.
    worst : str or None
        The slice that is worse than all others beyond doubt, if any, and the one by the widest margin; the doubt allows
        for the number of slices (Bonferroni).
    most_off : str or None
        The slice whose probabilities are off beyond the same doubt.
    """

    metric: str
    each: tuple[Slice, ...]
    worst: str | None = None
    most_off: str | None = None


def slices(measurement: Measurement, parts: Mapping[str, Mask]) -> Slices:
    """Measure parts of the customers.

    Parameters
    ----------
    measurement : Measurement
        Of n units that are customers.
    parts : mapping of str to bool array, each of shape (n,)
        Who belongs to each.
    """
    figures = [_measured(measurement, name, inside) for name, inside in parts.items()]
    judged = [(each, found) for each, found in figures if found]
    # two-sided, and half of it for each of so many slices
    z = float(norm.ppf(1 - 0.025 / max(len(judged), 1)))
    worse = {each.name: found.rest[0] + z * found.rest[1] for each, found in judged}
    off = {each.name: abs(found.gap[0]) - z * found.gap[1] for each, found in judged if found.gap}
    worst, most_off = min(worse, key=worse.__getitem__, default=None), max(off, key=off.__getitem__, default=None)
    return Slices(
        headline(measurement).metric,
        tuple(each for each, _ in figures),
        worst if worst and worse[worst] < 0 else None,
        most_off if most_off and off[most_off] > 0 else None,
    )


@dataclass(frozen=True)
class _Found:
    """Value and standard error of the difference to the rest, and of the gap."""

    rest: tuple[float, float]
    gap: tuple[float, float] | None


def _measured(measurement: Measurement, name: str, inside: Mask) -> tuple[Slice, _Found | None]:
    binary = isinstance(measurement, BinaryMeasurement)
    size = int(inside.sum())
    if _too_small(measurement, inside):
        return Slice(name, size, None), None
    events = int(measurement.outcome[inside].sum()) if isinstance(measurement, BinaryMeasurement) else None
    here, elsewhere = (_headline(measurement, rows) for rows in (inside, ~inside))
    sense = -1 if here.metric in LOWER_IS_BETTER else 1
    # nobody is in both, so that the two vary by themselves
    difference = sense * (here.value - elsewhere.value), float(np.hypot(here.error, elsewhere.error))
    known = not _too_small(measurement, ~inside)
    gap = _gap(measurement, inside) if binary else None
    measured = Slice(
        name,
        size,
        events,
        figure=here.figure,
        rest=interval(*difference) if known else None,
        gap=gap.figure if gap else None,
    )
    return measured, _Found(difference if known else (0.0, 0.0), (gap.value, gap.error) if gap else None)


def _too_small(measurement: Measurement, rows: Mask) -> bool:
    size = int(rows.sum())
    events = int(measurement.outcome[rows].sum()) if isinstance(measurement, BinaryMeasurement) else FEW_EVENTS
    rarer = min(events, size - events) if isinstance(measurement, BinaryMeasurement) else events
    return size < FEW_CUSTOMERS or rarer < FEW_EVENTS


def _headline(measurement: Measurement, rows: Mask) -> Headline:
    if isinstance(measurement, BinaryMeasurement):
        return headline(BinaryMeasurement(measurement.outcome[rows], measurement.probability[rows]))
    whole = headline(measurement)
    return mean(whole.metric, (whole.influence + whole.value)[rows])


def _gap(measurement: Measurement, rows: Mask) -> Headline:
    assert isinstance(measurement, BinaryMeasurement)
    return mean("gap", (measurement.probability - measurement.outcome)[rows])


def parts_of(
    customers: Customers, attributes: Sequence[Attribute], values: Mapping[str, Sequence[str | None]]
) -> dict[str, Mask]:
    """Return the parts that figures are sliced by.

    Parameters
    ----------
    customers : Customers
        n of them at the test cutoff.
    attributes : sequence of Attribute
        The configured ones that are not sensitive.
    values : mapping of str to sequence of str or None, each of length n
        Each attribute's value of each customer.
    """
    parts = dict(_orders(customers))
    for attribute in attributes:
        if attribute.name in values:
            parts |= dict(_levels(attribute, values[attribute.name]))
    # nobody is no part, and nor is everybody
    return {name: inside for name, inside in parts.items() if inside.any() and not inside.all()}


def _orders(customers: Customers) -> Iterator[tuple[str, Mask]]:
    names = set(customers.names)
    if "tenure_days" in names:
        days = customers.column("tenure_days")
        yield from _ends(days, "New: first order at most {} days ago", "Old: first order more than {} days ago")
    if "orders" in names:
        orders = customers.column("orders")
        yield "One order so far", orders == 1
        yield "Two to four orders", (orders >= 2) & (orders <= 4)
        yield "Five orders or more", orders >= 5
    if "spend" in names:
        spend = customers.column("spend")
        yield from _ends(spend, "Small spenders: {} at most", "Big spenders: more than {}")


def _ends(values: NDArray[np.float32], low: str, high: str) -> Iterator[tuple[str, Mask]]:
    """Yield the lowest and the highest third; values that everybody shares have neither."""
    known = values[~np.isnan(values)]
    if not len(known) or known.min() == known.max():
        return
    first, second = np.quantile(known, _THIRDS, method="lower")
    for told, edge, rows in ((low, first, values <= first), (high, second, values > second)):
        if rows.any():
            yield told.format(f"{edge:,.0f}" if abs(edge) >= 100 else f"{edge:.4g}"), rows  # fractions matter below


def _levels(attribute: Attribute, values: Sequence[str | None]) -> Iterator[tuple[str, Mask]]:
    title = attribute.name.replace("_", " ")
    held = np.array([value or "" for value in values])
    if attribute.kind == "numeric":
        numbers = np.array([_number(value) for value in values], np.float32)
        yield from _ends(numbers, f"{title}: {{}} at most", f"{title}: more than {{}}")
    for level in attribute.levels:
        yield f"{title}: {level}", held == level
    unknown = np.isin(held, attribute.levels, invert=True) if attribute.levels else np.isnan(numbers)
    if unknown.any() and not unknown.all():
        yield f"{title}: unknown", unknown


def _number(value: str | None) -> float:
    try:
        return float(value) if value else np.nan
    except ValueError:
        return np.nan
