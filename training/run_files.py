"""The files of a training run: plots, losses, evidence and the model card, as bytes by path."""

from collections.abc import Mapping
from dataclasses import asdict
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.parts import canonical_json
from training.card import Versions, render
from training.facts import task_title
from training.outcome import Outcome
from training.plots import importance_plot, plots

CARD = "model_card.html"
EVIDENCE = "evidence.json"
FACTS = "card.json"
LOSSES = "validation_losses.npz"
PLOTS = "plots"
IMPORTANCE = "importance"

_SEPARATOR = "/"


def run_files(outcome: Outcome, facts: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files of a training run.

    Parameters
    ----------
    outcome : Outcome
        What the training found.
    facts : mapping
        From ``training.facts.facts``.
    """
    drawn = _plots(outcome, facts["importance"])
    return {
        EVIDENCE: canonical_json(facts["evidence"]),
        FACTS: canonical_json(facts),
        LOSSES: losses_to_npz(outcome.validation),
        CARD: render(facts, drawn, Versions()).encode(),
        **{f"{PLOTS}/{name}.png": png for name, png in drawn.items()},
    }


def losses_to_npz(validation: Mapping[str, Mapping[str, NDArray[np.float64]]]) -> bytes:
    """Return method -> task tag -> losses as the bytes of a npz file, without a pickle."""
    arrays = {
        f"{method}{_SEPARATOR}{tag}": losses
        for method, by_task in validation.items()
        for tag, losses in by_task.items()
    }
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def losses_from_npz(content: bytes) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Return what ``losses_to_npz`` was given."""
    losses: dict[str, dict[str, NDArray[np.float64]]] = {}
    with np.load(BytesIO(content), allow_pickle=False) as arrays:
        for key in arrays.files:
            method, _, tag = key.partition(_SEPARATOR)
            losses.setdefault(method, {})[tag] = arrays[key]
    return losses


def _plots(outcome: Outcome, drivers: Mapping[str, float]) -> dict[str, bytes]:
    prediction = outcome.prediction
    drawn: dict[str, bytes] = {}
    for task in outcome.tasks:
        title = f"{prediction.name}, {task_title(asdict(task))}"
        measurements = {method: by_task[task.tag] for method, by_task in outcome.test.items()}
        found = plots(measurements, methods=outcome.methods, chosen=outcome.method, title=title)
        drawn |= {f"{task.tag}/{name}": png for name, png in found.items()}
    if drivers:
        drawn[IMPORTANCE] = importance_plot(
            drivers, title=f"{prediction.name} ({outcome.method})", what=prediction.drivers_are
        )
    return drawn
