"""A prediction's challenger: made by a training, and put in the champion's place; what is told of both."""

from collections.abc import Callable
from typing import Any

from models.prediction import Prediction
from models.settings import Settings
from training.card import Versions
from training.promote import promote, promote_served
from training.run import Trainer, train
from training.tracking import CHALLENGER, Tracker
from training.tune import TimeLimit, tune


def make_challenger(trainer: Trainer, method: str | None = None, tuning: TimeLimit | None = None) -> dict[str, Any]:
    """Let the methods compete and register the winner as the challenger.

    Parameters
    ----------
    trainer : Trainer
        What they learn from.
    method : str, optional
        Takes this one whatever validation says.
    tuning : TimeLimit, optional
        How long better parameters are looked for; default: not at all.

    Returns
    -------
    dict
        Prediction, run, version, method and a sentence; of a tuning the sentence that says what it came to.
    """
    name, tracker = trainer.prediction.name, Tracker(trainer.settings)
    with tracker.run(name, f"train {name}", kind="train") as run_id:
        tuned = tune(trainer, tracker, parent=run_id, limit=tuning).sentence if tuning else None
        outcome = train(trainer, method)
        trainer.progress(f"{name}: logging the run")
        tracker.log_outcome(run_id, outcome, trainer.intake)
        tracker.log_days(run_id, trainer.days, forgotten_ids=trainer.forgotten_ids)
        version = tracker.register(name, run_id, aliases=(CHALLENGER,))
        # until here nobody knew the number
        tracker.log_card(run_id, of=run_id, versions=Versions(version.version))
    sentence = f"version {version.version} is the challenger: {outcome.summary}"
    return {
        "prediction": name,
        "run_id": run_id,
        "version": version.version,
        "method": outcome.method,
        **({"tuning": tuned} if tuned else {}),
        "sentence": f"{tuned}; {sentence}" if tuned else sentence,
    }


def promote_challenger(
    settings: Settings,
    prediction: Prediction,
    trainer: Callable[[], Trainer],
    number: int | None = None,
    *,
    anyway: bool = False,
) -> dict[str, Any]:
    """Let the challenger, or a version by its number, serve.

    Parameters
    ----------
    settings : Settings
        The workspace's configuration.
    prediction : Prediction
        Whose challenger.
    trainer : Callable
        Makes what the comparison learns from; called only where there is something to compare.
    number : int, optional
        The version.
    anyway : bool
        Whatever became of the order lines since the champion was trained.

    Returns
    -------
    dict
        Prediction, version, the table of the comparison, a sentence, and what the promoted run warned of.
    """
    tracker = Tracker(settings)
    tracker.close_abandoned()
    named = tracker.version(prediction.name, number) if number else None
    if named is not None and named.is_served:
        promoted = promote_served(tracker, settings.workspace, named)
    else:
        if named is None:
            tracker.require_alias(prediction.name, CHALLENGER)  # before the long work
        made = trainer()
        promoted = promote(made, tracker, data=made.intake.fingerprint, number=number, anyway=anyway)
    return {
        "prediction": prediction.name,
        "version": promoted.version.version,
        "table": [str(line) for line in promoted.table],
        "sentence": promoted.sentence,
        "warnings": list(promoted.warnings),
    }
