"""A backtest: at each of the last months every method learns what was known then, and is measured on what came next."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import fmean
from typing import Any

import numpy as np

from models import columns as col
from models.errors import NotConvergedError, NotEnoughDataError
from models.metrics import BinaryMeasurement
from models.prediction import Fitted, Measurement, Prediction, Task
from models.settings import Settings
from training.backtest.origins import Origins, origins
from training.backtest.pooled import Codes, Difference, pooled
from training.competing import LEFT_OUT
from training.cutoffs import plan
from training.evaluate import Figure
from training.headline import LOWER_IS_BETTER, Headline, headline, mean, units_of
from training.intake_report import IntakeReport
from training.levels import choosing_losses
from training.progress import Progress, silent
from training.report import calibration_floor
from training.run import Trainer, choose


@dataclass(frozen=True)
class Measured:
    """One method in one window.

    Parameters
    ----------
    headline, loss : Figure
        With 95 % intervals.
    against, loss_against : Figure or None
        The difference to what was served in the window, paired, with its 95 % interval; None = it was served.
    calibration_error : float or None
        Over ten bins; None = it gives no probabilities.
    off : Figure or None
        Mean probability minus the share to whom it happened.
    """

    headline: Figure
    loss: Figure
    against: Figure | None
    loss_against: Figure | None
    calibration_error: float | None
    off: Figure | None


@dataclass(frozen=True)
class Window:
    """One task at one origin.

    Parameters
    ----------
    day : date
        The origin: what was known before it is learnt, the window begins there.
    customers : int
        Units that were measured.
    rate : float or None
        Share to whom it happened.
    chosen : str or None
        The method that earlier windows choose, of those that converge here; None = no earlier window had closed.
    served : str
        The same, or our first method where nothing chose.
    floor : float or None
        Calibration error that what was served would show by chance alone.
    methods : mapping of str to Measured
        Every method that converged.
    """

    day: date
    customers: int
    rate: float | None
    chosen: str | None
    served: str
    floor: float | None
    methods: Mapping[str, Measured]


@dataclass(frozen=True)
class Course:
    """One task over the months.

    Parameters
    ----------
    task : Task
        What is measured.
    metric : str
        The headline figure.
    windows : tuple of Window
        Oldest first.
    against, loss_against : mapping of str to Figure
        By method, the mean over its windows of method minus served, with its 95 % interval; a method that was always
        served has none. Whoever is in several windows counts as one customer.
    units : str
        What is measured in a window: ``customers`` or ``queries``.
    """

    task: Task
    metric: str
    windows: tuple[Window, ...]
    against: Mapping[str, Figure] = field(default_factory=dict)
    loss_against: Mapping[str, Figure] = field(default_factory=dict)
    units: str = "customers"

    @property
    def methods(self) -> tuple[str, ...]:
        """Those that were measured at all, in the prediction's order."""
        return tuple(dict.fromkeys(method for window in self.windows for method in window.methods))

    @property
    def shared(self) -> tuple[Window, ...]:
        """The windows that every method has: a mean over others would compare methods on different months."""
        return tuple(window for window in self.windows if set(self.methods) <= set(window.methods))

    def mean(self, method: str | None) -> float | None:
        """Return a method's mean headline figure over the shared windows; None = there is none.

        The method None is what was served.
        """
        values = [window.methods[method or window.served].headline.value for window in self.shared]
        return fmean(values) if values else None

    def verdict(self, difference: Figure | None) -> str:
        """Say whether a method is ``better`` or ``worse`` than what was served beyond doubt; empty = neither."""
        if difference is None or difference.low <= 0 <= difference.high or not np.isfinite(difference.low):
            return ""
        return "better" if (difference.low > 0) != (self.metric in LOWER_IS_BETTER) else "worse"


@dataclass(frozen=True)
class Backtest:
    """What a backtest found.

    Parameters
    ----------
    prediction : Prediction
        As configured.
    as_of : date
        Midnight after the last complete day.
    courses : tuple of Course
        One for each task that chooses, where it could be measured.
    left_out : tuple of str
        What was not measured, and why, a sentence each.
    folds : int
        Earlier windows that choose at most.
    """

    prediction: Prediction
    as_of: date
    courses: tuple[Course, ...]
    left_out: tuple[str, ...]
    folds: int

    @property
    def sentence(self) -> str:
        """The result in a line."""
        told = []
        for course in self.courses:
            if not course.shared:
                told.append(f"{course.task.tag}: no window has every method, so that there are no means to compare")
                continue
            others = ", ".join(f"{method} {course.mean(method):.3f}" for method in course.methods)
            count = f"{len(course.shared)} window{'s' if len(course.shared) > 1 else ''}"
            told.append(f"{course.task.tag} {course.metric} as served {course.mean(None):.3f} over {count} ({others})")
        return "; ".join(told)


def backtest(
    settings: Settings,
    prediction: Prediction,
    intake: IntakeReport,
    *,
    months: int,
    progress: Progress = silent,
) -> Backtest:
    """Fit and measure every method at the last months' origins.

    Parameters
    ----------
    settings : Settings
        The workspace's configuration.
    prediction : Prediction
        What is predicted.
    intake : IntakeReport
        The tables.
    months : int
        Windows at most.
    progress : callable
        Told what happens now.

    Raises
    ------
    NotEnoughDataError
        The history is too short for even one month, or nobody can be measured.
    """
    first_day = intake.tables[col.ORDER_LINES].first_day
    assert first_day is not None  # intake refuses a history without a usable order line
    try:
        whole = plan(settings.cutoffs, prediction.tasks, first_day=first_day, end=intake.as_of)
    except NotEnoughDataError as error:
        raise NotEnoughDataError(f"no backtest of even one month: {error.message}") from None
    days = origins(whole, prediction.tasks, settings.cutoffs, months=months)
    trainer = Trainer(settings, prediction, intake, progress, laid=days.laid())
    found = Measurements(trainer, days)
    for at, day in enumerate(days.fitted):
        found.measure(day, share=at / len(days.fitted))
    courses = [_course(task, found) for task in days.tasks]
    measured = tuple(course for course in courses if course.windows)
    if not measured:
        raise NotEnoughDataError(f"no window could be measured: {'; '.join(found.left_out)}")
    left_out = (*found.left_out, *days.not_shown)
    return Backtest(prediction, intake.as_of, measured, left_out, settings.cutoffs.folds)


class Measurements:
    """Every method's measurement at every origin.

    Parameters
    ----------
    trainer : Trainer
        Fits and measures.
    days : Origins
        Where.
    """

    def __init__(self, trainer: Trainer, days: Origins) -> None:
        self.trainer = trainer
        self.days = days
        self.at: dict[tuple[date, str], dict[str, Measurement]] = {}
        """(origin, task tag) -> method -> measurement."""
        self.units: dict[tuple[date, str], Codes | None] = {}
        """(origin, task tag) -> who the units are; None = no customers, or nobody says."""
        self._codes: dict[str, int] = {}
        absent = [method for method in trainer.prediction.methods if method not in trainer.competing]
        self.left_out = [f"{method} is left out: {LEFT_OUT}" for method in absent]

    def measure(self, day: date, *, share: float) -> None:
        """Fit every method at an origin, and measure it on each task whose window has closed."""
        for method in self.trainer.competing:
            self.trainer.progress(f"{self.trainer.prediction.name}: {method} at {day}", share)
            try:
                fitted = self.trainer.fit(method, day, self.days.horizon(day))
                for task in self.days.tasks:
                    if self.days.measured(task, day):
                        measured = self.trainer.measured(fitted, task, day)
                        self.at.setdefault((day, task.tag), {})[method] = measured
                        if (day, task.tag) not in self.units:
                            self.units[day, task.tag] = self._units(fitted, task, day, count=len(measured.loss))
            except NotConvergedError as error:
                self.left_out.append(f"{method} is left out at {day}: {error.message}")
            except NotEnoughDataError as error:
                # what one method cannot be taught or measured on, no other can: the day is left out as a whole
                self.left_out.append(f"{day} is left out: {error.message}")
                for task in self.days.tasks:
                    self.at.pop((day, task.tag), None)
                break
        # no other origin uses them
        self.trainer.forget_fits()

    def _units(self, fitted: Fitted, task: Task, day: date, *, count: int) -> Codes | None:
        window = self.trainer.window(task, day)
        rows = self.trainer.prediction.units(fitted, window, task)
        if rows is None or len(rows) != count:
            return None
        ids = window.customers.ids
        codes = (self._codes.setdefault(ids[row], len(self._codes)) for row in rows.tolist())
        return np.fromiter(codes, np.int64, len(rows))

    def chosen(self, day: date) -> str | None:
        """Return the method that the windows closed by a day choose, of those that converge there; None = none had."""
        losses: dict[str, dict[str, Any]] = {}
        tasks = []
        for task in self.days.tasks:
            folds = [self.at[fold, task.tag] for fold in self.days.chosen_by(task, day) if (fold, task.tag) in self.at]
            if not folds:
                continue
            tasks.append(task)
            for method in set.intersection(*(set(fold) for fold in folds)):
                losses.setdefault(method, {})[task.tag] = choosing_losses([fold[method] for fold in folds])
        here = [set(self.at[day, task.tag]) for task in self.days.tasks if (day, task.tag) in self.at]
        # a training too leaves out what does not converge, and chooses among the others
        possible = [each for each in self.trainer.competing if all(each in methods for methods in here)]
        complete = [each for each in possible if len(losses.get(each, ())) == len(tasks) > 0]
        margin = self.trainer.settings.training.margin
        return choose(complete, tuple(tasks), losses, margin=margin) if complete else None


def _course(task: Task, found: Measurements) -> Course:
    by_day = {day: found.at.get((day, task.tag), {}) for day in sorted(found.days.shown)}
    windows = tuple(
        _window(day, measured, found.chosen(day), found.trainer) for day, measured in by_day.items() if measured
    )
    first = next((each for measured in by_day.values() for each in measured.values()), None)
    metric = headline(first).metric if first else ""
    against, losses = (_against(task, found, windows, figure) for figure in (headline, _loss))
    return Course(task, metric, windows, against, losses, units=units_of(first) if first else "customers")


def _against(
    task: Task, found: Measurements, windows: Sequence[Window], figure: Callable[[Measurement], Headline]
) -> dict[str, Figure]:
    """Return the mean over windows of each method minus what was served."""
    differences: dict[str, list[Difference]] = {}
    for window in windows:
        measured, units = found.at[window.day, task.tag], found.units[window.day, task.tag]
        served = figure(measured[window.served])
        for method in measured:
            if method != window.served:
                difference = figure(measured[method]).less(served)
                differences.setdefault(method, []).append(Difference(difference, units))
    counts = {method: sum(method in window.methods for window in windows) for method in differences}
    means = {method: pooled(each, windows=counts[method]) for method, each in differences.items()}
    return {method: each for method, each in means.items() if each}


def _loss(measurement: Measurement) -> Headline:
    return mean("loss", measurement.loss)


def _window(day: date, measured: Mapping[str, Measurement], chosen: str | None, trainer: Trainer) -> Window:
    served = chosen or next(iter(measured))
    reference = measured[served]
    rate = float(reference.outcome.mean()) if isinstance(reference, BinaryMeasurement) else None
    floor = calibration_floor(reference, seed=trainer.settings.training.seed)
    methods = {method: _measured(each, None if method == served else reference) for method, each in measured.items()}
    return Window(day, len(reference.loss), rate, chosen, served, floor, methods)


def _measured(measurement: Measurement, reference: Measurement | None) -> Measured:
    first, loss = headline(measurement), _loss(measurement)
    binary = measurement if isinstance(measurement, BinaryMeasurement) else None
    return Measured(
        headline=first.figure,
        loss=loss.figure,
        against=first.minus(headline(reference)) if reference else None,
        loss_against=loss.minus(_loss(reference)) if reference else None,
        calibration_error=binary.metrics()["calibration_error"] if binary else None,
        off=mean("off", binary.probability - binary.outcome).figure if binary else None,
    )
