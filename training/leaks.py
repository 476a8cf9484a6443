"""Two checks of every training for figures that are too good: shuffled labels, and a single feature.

A leak is worse than a weak model: what it knows of the future in the tables it does not know when it serves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from models.boosting import Boosting, FittedBoosting
from models.errors import NotConvergedError, NotEnoughDataError
from models.features import catalogue
from models.metrics import BinaryMeasurement
from models.prediction import Customers, Examples, Fitted, Measurement, Prediction, Scores, Task
from models.ranking import RankingMeasurement
from models.settings import FeatureSettings
from training.cutoffs import Plan
from training.headline import area

LEARNT, MEASURED = 20_000, 10_000
"""Examples that a check learns from and is measured on at most."""
Z = 3.3
"""Standard errors beyond which shuffled labels are not chance: once in a thousand runs without a leak."""
FEW = 30
"""Examples of the rarer outcome below which neither check is made: with a handful, chance looks like a leak."""
TOLD = frozenset({"attributes", "contacts", "events"})
"""Groups of features that a user's own tables tell, of which nobody but their owner knows when they were written."""
ALONE = 0.98
"""The AUC from which a feature of a group in ``TOLD`` is too good alone. Features of orders are free of leaks by test,
and may rightly reach it: who has not ordered for years hardly does."""
COST = 0.02
"""AUC that leaving one feature out may cost at the lower end of its interval. On the samples it cost .005 at most: what
one feature says, others say too, and only a leak says something of its own. The levels of an attribute are one thing,
and left out together; two things that leak the same hide each other from this rule, though not from ``ALONE``."""
TREES = 100
SHUFFLED, SINGLE = "shuffled labels", "single feature"
NO_MEANING = "it has no meaning here"


@dataclass(frozen=True)
class Check:
    """One check.

    Parameters
    ----------
    name : str
        For people.
    passed : bool or None
        None = it could not be made, or has no meaning here.
    told : str
        What was found, in a sentence.
    """

    name: str
    passed: bool | None
    told: str


def not_made(why: str) -> tuple[Check, ...]:
    """Return both checks as not made."""
    return tuple(Check(name, None, f"it could not be made: {why}") for name in (SHUFFLED, SINGLE))


def leak_checks(window: "Window", newest: "Window", measured: Measurement, *, fitted: Fitted) -> tuple[Check, ...]:
    """Make both checks.

    Parameters
    ----------
    window : Window
        The newest validation window of the first task that chooses: labels are shuffled there.
    newest : Window
        The test window of that task: single features are looked at there, since what the tables say today, whatever
        the cutoff, says most of the days before today.
    measured : Measurement
        Of the task, on any window: its kind says which checks have a meaning.
    fitted : Fitted
        Our first method at that window, which is fitted anew with what it chose.
    """
    if isinstance(measured, RankingMeasurement):
        chance = "what many buy is found whatever the labels say, so there is no chance level to compare with"
        score = "products are ranked by who bought them, and no feature of a customer is a score of a product"
        return Check(SHUFFLED, None, f"{NO_MEANING}: {chance}"), Check(SINGLE, None, f"{NO_MEANING}: {score}")
    if not isinstance(measured, BinaryMeasurement):
        unread = "each request brings what is learnt from, and training reads no label that could be shuffled"
        return Check(SHUFFLED, None, f"{NO_MEANING}: {unread}"), _single(newest)
    return _shuffled(window, fitted), _single(newest)


@dataclass(frozen=True)
class Window:
    """A bounded sample of what a fit at one cutoff learns from and is measured on."""

    prediction: Prediction
    plan: Plan
    task: Task
    day: date
    examples: Examples
    seed: int

    def sample(self, *, shuffled: bool) -> tuple[Examples, Examples]:
        """Return what is learnt from, and the window; with ``shuffled`` labels nobody's are their own."""
        rng = np.random.default_rng(self.seed)
        days = self.examples.customers.as_of
        drawn = np.zeros(len(self.examples), bool)
        at_limit = days == np.datetime64(self.day, "D")
        learnt = np.isin(days, np.array(self.plan.training(self.day, self.task.horizon)[:-1], dtype="datetime64[D]"))
        for rows, most in ((np.flatnonzero(learnt), LEARNT), (np.flatnonzero(at_limit), MEASURED)):
            drawn[rng.permutation(rows)[:most]] = True
        sample = self.examples.take(drawn)
        if shuffled:
            sample = _with_shuffled_labels(sample, self.prediction.eligible(sample.customers), rng)
        window = sample.at([self.day]).known_by(self.day + timedelta(self.task.horizon))
        return self.plan.examples(sample, self.day, self.task.horizon), window


def _with_shuffled_labels(examples: Examples, eligible: NDArray[np.bool_], rng: np.random.Generator) -> Examples:
    order = np.arange(len(examples))
    for day in np.unique(examples.customers.as_of):
        rows = np.flatnonzero((examples.customers.as_of == day) & eligible)
        order[rows] = rng.permutation(rows)
    return replace(examples, labels={name: values[order] for name, values in examples.labels.items()})


def _shuffled(window: Window, original: Fitted) -> Check:
    learnt, later = window.sample(shuffled=True)
    if few := _too_few(*(_known(window, each)[1] for each in (learnt, later))):
        return Check(SHUFFLED, None, few)
    prediction, task, method = window.prediction, window.task, original.method
    try:
        fitted = prediction.fit(method, learnt, horizon=task.horizon, seed=window.seed, choices=original.choices)
        measured = prediction.measure(fitted, later, task)
    except (NotEnoughDataError, NotConvergedError) as error:
        return Check(SHUFFLED, None, f"it could not be made: {error.message}")
    assert isinstance(measured, BinaryMeasurement)
    found = area(measured.outcome, measured.probability)
    n, events = len(measured.outcome), measured.outcome.sum()
    # the error of a rank sum when nothing is known (Mann and Whitney 1947)
    far = Z * float(np.sqrt((n + 1) / (12 * events * (n - events))))
    chance = f"chance is {0.5 - far:.3f} to {0.5 + far:.3f}"
    if abs(found.value - 0.5) <= far:
        return Check(SHUFFLED, True, f"taught shuffled labels, {method} reaches an AUC of {found.value:.3f}; {chance}")
    told = (
        f"taught shuffled labels, {method} still reaches an AUC of {found.value:.3f}, where {chance}: it has seen the "
        "windows that it is measured on; do not trust its figures"
    )
    return Check(SHUFFLED, False, told)


def _single(window: Window) -> Check:
    learnt, later = window.sample(shuffled=False)
    (before, known), (after, truth) = (_known(window, each) for each in (learnt, later))
    if few := _too_few(known, truth):
        return Check(SINGLE, None, few)
    alone = np.array([_alone(feature, known) for feature in before.features.T])
    try:
        whole = _fit(before, known, window)
    except NotEnoughDataError as error:
        return Check(SINGLE, None, f"it could not be made: {error.message}")
    strength = np.abs(whole.contributions(after.take(np.arange(min(len(after), 500))), 0)).mean(axis=0)
    reached = area(truth, whole.score(after)[:, 0])
    outside = _told(window.prediction, before)
    attributes = _attributes(window.prediction)
    told = []
    for suspect in dict.fromkeys((*_best(alone), *_best(np.where(outside, alone, 0)), *_best(strength))):
        name = before.names[suspect]
        levels = attributes.get(name, (name,))
        without = _fit(_blank(before, levels), known, window).score(_blank(after, levels))[:, 0]
        rest = area(truth, without)
        left = "without it" if len(levels) == 1 else f"without the {len(levels)} levels of its attribute"
        figures = (
            f"alone it reaches an AUC of {alone[suspect]:.3f}; small trees reach {reached.value:.3f} with all features "
            f"and {rest.value:.3f} {left}"
        )
        if (outside[suspect] and alone[suspect] >= ALONE) or reached.minus(rest).low > COST:
            when = "find out when its values become known: it may say what the customer did later"
            return Check(SINGLE, False, f"{name} is too good to be true: {figures}; {when}")
        told.append(f"no feature is too good; the best is {name}: {figures}")
    return Check(SINGLE, True, told[0])


def _known(window: Window, examples: Examples) -> tuple[Customers, Scores]:
    """Return the customers whose outcome of the task is known, and it."""
    target = window.prediction.target(examples)
    horizons = getattr(window.prediction, "horizons", (window.task.horizon,))
    column = target[:, horizons.index(window.task.horizon)]
    known = ~np.isnan(column)
    return examples.customers.take(known), column[known]


def _fit(customers: Customers, outcome: Scores, window: Window) -> FittedBoosting:
    choices = {"trees": [TREES]}
    horizons = [window.task.horizon]
    return Boosting().fit(customers, outcome[:, None], horizons=horizons, seed=window.seed, choices=choices)


def _alone(feature: NDArray[np.float32], outcome: Scores) -> float:
    """Return the AUC of a feature as a score, in whichever direction; nulls are the lowest or the highest."""
    filled = (np.where(np.isnan(feature), fill, feature) for fill in (-np.inf, np.inf))
    return max(0.5 + abs(area(outcome, each).value - 0.5) for each in filled)


def _blank(customers: Customers, names: Sequence[str]) -> Customers:
    features = customers.features.copy()
    features[:, np.isin(customers.names, names)] = np.nan
    return replace(customers, features=features)


def _attributes(prediction: Prediction) -> dict[str, tuple[str, ...]]:
    """Return by each feature of an attribute the names of all of that attribute's."""
    found: dict[str, tuple[str, ...]] = {}
    for attribute in prediction.features.attributes:
        alone = catalogue(FeatureSettings(attributes=(attribute,)))
        names = tuple(each.name for each in alone if each.group == "attributes")
        found |= dict.fromkeys(names, names)
    return found


def _told(prediction: Prediction, customers: Customers) -> NDArray[np.bool_]:
    """Say which features are of a group in ``TOLD``, shape (f,)."""
    names = {each.name for each in catalogue(prediction.features) if each.group in TOLD}
    return np.array([name in names for name in customers.names], bool)


def _best(figures: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the column of the highest figure; none where all are 0."""
    return (int(figures.argmax()),) if figures.any() else ()


def _too_few(learnt: Scores, later: Scores) -> str:
    """Say why examples to learn from and to be measured on are too few for a check; empty = they are not."""
    for outcome, where in ((learnt, "to learn from"), (later, "to be measured on")):
        events = int(min(outcome.sum(), len(outcome) - outcome.sum()))
        if events < FEW:
            count = f"{events or 'none'} {'has' if events == 1 else 'have'} the rarer outcome"
            return f"it could not be made: of {len(outcome):,} examples {where}, {count}, and {FEW} are needed"
    return ""
