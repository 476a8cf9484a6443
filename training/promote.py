"""Promotion: a challenger earns the champion's place on paired validation losses, or is refused with the table."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from models.artifact import Artifact
from models.errors import (
    ChallengerRefusedError,
    ConcurrentChangeError,
    ContractError,
    NotConvergedError,
    TrackingError,
    UnknownMethodError,
)
from models.metrics import bootstrap
from models.prediction import Task
from training.card import Versions
from training.drift import drift
from training.evaluate import Figure
from training.outcome import Losses, mean_loss
from training.registry import CHALLENGER, CHAMPION, EVALUATED, HELD, Version
from training.report import configured
from training.run import RELATIVE_MARGIN, Trainer, allowance, check_method, choose
from training.tracking import Tracker

THE_CHAMPION = "champion"
# they judge, and change neither what is fitted nor what it is measured on
_FREE = frozenset({"training.margin", "training.bootstrap_samples", "training.without"})


@dataclass(frozen=True)
class Comparison:
    """One line of the promotion table.

    Parameters
    ----------
    name : str
        A method, or "champion".
    loss : float
        Its mean validation loss.
    difference : Figure
        The challenger's loss minus its, paired by customer and fold; below 0 the challenger is better.
    """

    name: str
    loss: float
    difference: Figure

    def __str__(self) -> str:
        gap = self.difference
        return f"{self.name} {self.loss:.4f}, challenger {gap.value:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"


@dataclass(frozen=True)
class NotCompared:
    """One line of the promotion table without figures: what could not be fitted, or did not compete.

    Parameters
    ----------
    name : str
        A method, or "champion".
    why : str
        The message of the fit, or of the configuration.
    """

    name: str
    why: str

    def __str__(self) -> str:
        return f"{self.name} is not compared: {self.why}"


Table = tuple[Comparison | NotCompared, ...]


@dataclass(frozen=True)
class Promoted:
    """What a promotion did.

    Parameters
    ----------
    version : Version
        The champion now.
    table : tuple of Comparison or NotCompared
        What the challenger was compared with; empty where a served version was promoted by name.
    warnings : tuple of str
        What the run that the version comes from warned of, a sentence each: a leak makes its losses look good too.
    """

    version: Version
    table: Table
    warnings: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was done, and what it could not be compared with."""
        unknown = [str(line) for line in self.table if isinstance(line, NotCompared)]
        return "; ".join([f"version {self.version.version} is the champion", *unknown])


def promote(
    trainer: Trainer, tracker: Tracker, *, data: str, number: int | None = None, anyway: bool = False
) -> Promoted:
    """Compare the challenger with the champion and all methods, fit it again on every closed window, let it serve.

    Parameters
    ----------
    trainer : Trainer
        On the tables that the challenger was trained on.
    tracker : Tracker
        The registry.
    data : str
        Fingerprint of the tables.
    number : str, optional
        Promote this version in place of the alias ``challenger``.
    anyway : bool
        Whatever became of the order lines since the champion was trained.

    Raises
    ------
    ModelMissingError
        There is no challenger, or no such version.
    ContractError
        The tables or the settings are not the ones that the challenger was trained with.
    ChallengerRefusedError
        It is worse, and the message holds the table; or it learnt from order lines that are not those of the champion.
    ConcurrentChangeError
        Another promotion is at work, or changed the champion meanwhile.
    NotConvergedError
        The challenger does not converge on every closed window; nothing was registered.
    """
    name = trainer.prediction.name
    with locked(trainer.settings.workspace / "mlruns", name):
        challenger = tracker.version(name, number) if number else tracker.require_alias(name, CHALLENGER)
        evidence = tracker.evidence(challenger.run_id)
        if evidence["data"]["fingerprint"] != data:
            raise ContractError(
                f"the tables changed since {name} version {challenger.version} was trained: run foresell train {name}"
            )
        if changed := _changed(trainer, tracker, challenger):
            raise ContractError(
                f"{', '.join(changed)} changed since {name} version {challenger.version} was trained: "
                f"run foresell train {name}"
            )
        champion = tracker.version_by_alias(name, CHAMPION)
        if champion is not None and not anyway:
            _refuse_drift(trainer, tracker, challenger, champion)
        table = _judge(trainer, tracker, challenger, champion, evidence)
        trainer.progress(f"{name}: fitting version {challenger.version} again on every closed window")
        artifact = trainer.artifact(evidence["method"], trainer.plan.end, evidence["choices"])
        served = _register(tracker, artifact, challenger)
        make_champion(tracker, served, expected=champion)
        # it serves from now on: a registry that goes away here must not make that look refused
        with suppress(TrackingError):
            tracker.delete_alias(name, CHALLENGER)
    return Promoted(replace(served, aliases=(CHAMPION,)), table, _warnings(evidence))


def promote_served(tracker: Tracker, workspace: Path, version: Version) -> Promoted:
    """Let a version serve that was already fitted on every closed window, e.g. one that was rolled back.

    Somebody named it: it is compared with nothing, and is no longer held.

    Raises
    ------
    ConcurrentChangeError
        Another promotion is at work.
    """
    with locked(workspace / "mlruns", version.name):
        tracker.delete_version_tag(version.name, version.version, HELD)
        evidence = tracker.evidence(tracker.evaluated(version).run_id)
        make_champion(tracker, version, expected=tracker.version_by_alias(version.name, CHAMPION))
    return Promoted(tracker.version(version.name, version.version), (), _warnings(evidence))


def _warnings(evidence: Mapping[str, Any]) -> tuple[str, ...]:
    # a run of before there were any has none
    return tuple(evidence.get("warnings", ()))


def make_champion(tracker: Tracker, version: Version, *, expected: Version | None) -> None:
    """Point the alias at a version, if it still points where it did.

    Raises
    ------
    ConcurrentChangeError
        Somebody else moved it meanwhile; nothing was changed.
    """
    found = tracker.version_by_alias(version.name, CHAMPION)
    if (found and found.version) != (expected and expected.version):
        raise ConcurrentChangeError(
            f"the champion of {version.name} became version {found and found.version} meanwhile: promote again"
        )
    tracker.set_alias(version.name, CHAMPION, version.version)


@contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Let one promotion of a prediction run at a time.

    Raises
    ------
    ConcurrentChangeError
        Another one is at work.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / f".promote-{name}.lock", timeout=0):
            yield
    except Timeout:
        raise ConcurrentChangeError(f"another promotion of {name} is at work: wait for it, then run again") from None


def _register(tracker: Tracker, artifact: Artifact, challenger: Version) -> Version:
    """Log and register what was fitted again, with the card of the version that was evaluated."""
    name = challenger.name
    with tracker.run(name, f"serve {name} {challenger.version}", kind="serve", parent=challenger.run_id) as run_id:
        tracker.log_artifact(run_id, artifact)
        tracker.log_parameters(run_id, {"method": artifact.fitted.method, "evaluated.version": str(challenger.version)})
        served = tracker.register(name, run_id, tags={EVALUATED: str(challenger.version)})
        versions = Versions(challenger.version, served.version, run_id)
        for card_of in (run_id, challenger.run_id):
            tracker.log_card(card_of, of=challenger.run_id, versions=versions)
    return served


def _refuse_drift(trainer: Trainer, tracker: Tracker, challenger: Version, champion: Version) -> None:
    """Refuse what losses cannot show: a challenger that was taught by spoilt tables is measured on them too."""
    run_id = tracker.evaluated(champion).run_id
    then = tracker.days(run_id)
    forgotten = trainer.forgotten_ids - tracker.forgotten_ids(run_id)
    if then and (changes := list(drift(then, trainer.days, forgotten=max(forgotten, 0)))):
        raise ChallengerRefusedError(
            f"{challenger.name} version {challenger.version} is refused: the order lines are not those that the "
            f"champion, version {champion.version}, learnt from: {'; '.join(changes)}. The champion is unchanged; "
            f"correct the source and train again, or run foresell promote {challenger.name} --anyway if this is meant"
        )


def _judge(
    trainer: Trainer, tracker: Tracker, challenger: Version, champion: Version | None, evidence: Mapping[str, Any]
) -> Table:
    prediction, margin = trainer.prediction, trainer.settings.training.margin
    losses = tracker.validation_losses(challenger.run_id)
    method = evidence["method"]
    compared = [
        _compared(prediction.tasks, losses[method], losses[other], other) for other in losses if other != method
    ]
    unknown = [NotCompared(other, why) for other, why in evidence.get("left_out", {}).items()]
    measured = tuple(name for name in prediction.methods if name in losses)
    best = choose(measured, prediction.tasks, losses, margin=margin)
    beaten_by = None if best == method else best
    if champion is not None:
        try:
            incumbent, theirs = _fitted_again(trainer, tracker, champion)
        except (NotConvergedError, UnknownMethodError) as error:
            # it cannot be fitted on what is known now: it only grows older, and holds nobody up
            unknown.append(NotCompared(THE_CHAMPION, error.message))
        else:
            compared.append(_compared(prediction.tasks, losses[method], theirs, THE_CHAMPION))
            allowed = allowance(compared[-1].loss, margin)
            # as good is good enough for what is as simple
            simpler = prediction.methods.index(method) >= prediction.methods.index(incumbent)
            if compared[-1].difference.value > (allowed if simpler else -allowed):
                beaten_by = THE_CHAMPION
    if beaten_by:
        loss = mean_loss(prediction.tasks, losses[method])
        lines = "; ".join(str(line) for line in (*compared, *unknown))
        raise ChallengerRefusedError(
            f"{prediction.name} version {challenger.version} ({method}, validation loss {loss:.4f}) is refused: "
            f"{beaten_by} is better, or as good within {margin} (at most {RELATIVE_MARGIN:.1%} of the loss) and "
            f"simpler. {lines}. The champion is unchanged"
        )
    return (*compared, *unknown)


def _fitted_again(trainer: Trainer, tracker: Tracker, champion: Version) -> tuple[str, Mapping[str, Losses]]:
    """Return the champion's method and its losses on the challenger's cutoffs: neither has seen those windows."""
    evaluated = tracker.evaluated(champion)
    evidence = tracker.evidence(evaluated.run_id)
    check_method(trainer.prediction, evidence["method"])
    own = f"predictions.{champion.name}."
    # choices are frozen, but hold for the horizons of their time alone: one number of trees for each
    still_hold = not any(path.startswith(own) for path in _changed(trainer, tracker, evaluated))
    return evidence["method"], trainer.validation_losses(
        evidence["method"], evidence["choices"] if still_hold else None
    )


def _changed(trainer: Trainer, tracker: Tracker, version: Version) -> list[str]:
    """Name the settings that have another value than when a version was trained."""
    then = tracker.parameters(version.run_id)
    now = configured(trainer.prediction, trainer.settings)
    return [path for path, value in now.items() if path not in _FREE and then.get(path) != value]


def _compared(tasks: Sequence[Task], ours: Mapping[str, Losses], theirs: Mapping[str, Losses], name: str) -> Comparison:
    choosing = [task.tag for task in tasks if task.chooses]
    # each task weighs the same, however many customers it has
    shares = [(ours[tag] - theirs[tag]) / (len(choosing) * len(ours[tag])) for tag in choosing]
    gaps = np.concatenate(shares) * sum(map(len, shares))
    interval = bootstrap(lambda w: {"gap": float(np.average(gaps, weights=w))}, units=len(gaps), draws=500, seed=0)
    return Comparison(name, mean_loss(tuple(tasks), theirs), Figure(float(gaps.mean()), *interval["gap"]))
