"""Churn and repurchase on the published lines, and the difference to each rival pooled over one retailer's lines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.competition import DRAWS, SEED, Competition, compete, plain
from benchmarks.quality.lines import COMPLETE_JOURNEY, LINES, Line
from models.boosting import Boosting
from models.customer_prediction import CustomerPrediction
from models.methods import Method
from models.metrics import BinaryMeasurement, bootstrap
from models.prediction import Measurement, Prediction
from training.evaluate import Figure
from training.run import Trainer

JUDGED_BY = ("auc", "log_loss", "brier")
QUICK = tuple(
    line
    for line in LINES
    if (line.prediction, line.source, line.horizon)
    in {("repurchase", COMPLETE_JOURNEY, 30), ("churn", COMPLETE_JOURNEY, 30), ("churn", "ta-feng", 28)}
)
TREES = Boosting()
"""Our trees without the rest of the blend: published, and no competitor of the product's own."""
_FLOOR_UNITS, _FLOOR_DRAWS = 4_000_000, (20, 200)


@dataclass(frozen=True)
class Pool:
    """One line's share of a pooled difference: who was measured, and each method's measurement."""

    ids: Sequence[str]
    chosen: str
    measurements: Mapping[str, Measurement]


def run(workspaces: Path, *, quick: bool, progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure the lines; returns plain data."""
    lines, pools = [], []
    for line in QUICK if quick else LINES:
        progress(line.title)
        trainer = line.trainer(workspaces)
        _add(TREES, trainer.prediction)
        (found,) = compete(trainer, references=(TREES.name,))
        lines.append(result(line, trainer, found))
        if line.judged and line.source == COMPLETE_JOURNEY:
            pools.append(_pool(line, trainer, found))
    return {"lines": lines, "pooled": {"source": COMPLETE_JOURNEY, "lines": len(pools), "paired": pooled(pools)}}


def _add(method: Method, prediction: Prediction) -> None:
    """Let a prediction have one more method, the last one."""
    assert isinstance(prediction, CustomerPrediction)
    prediction.candidates = (*prediction.candidates, method)  # type: ignore[misc]


def result(line: Line, trainer: Trainer, found: Competition) -> dict[str, Any]:
    """Return one line as plain data."""
    tag = f"h{line.horizon}"
    outcome = _binary(found.test[found.chosen][tag]).outcome
    measured = found.figures(tag)
    published = published_of(line)
    return {
        "title": line.title,
        "prediction": line.prediction,
        "source": line.source,
        "horizon": line.horizon,
        "active_days": line.active_days,
        "test": line.test.isoformat(),
        "validation": [day.isoformat() for day in trainer.plan.validation[tag]],
        "judged": line.judged,
        "customers": len(outcome),
        "published_customers": line.customers,
        "happened": float(outcome.mean()),
        "chosen": found.chosen,
        "rivals": list(found.rivals),
        "left_out": dict(found.left_out),
        "methods": {
            name: {
                "figures": measured[name],
                "floor": floor(_binary(found.test[name][tag])),
                "validation_loss": found.validation.get(name),
            }
            for name in found.test
        },
        "paired": found.paired(tag),
        "published": published,
    }


def published_of(line: Line) -> list[dict[str, Any]]:
    """Return the published AUCs: which methods of ours each is of (any of them), or none, and the figure."""
    recency, four_numbers, bg_nbd, pareto_nbd, logistic, trees = line.published
    if line.prediction == "churn":
        # one figure stands for the better of the two
        counts = [{"methods": ["bg_nbd", "pareto_nbd"], "title": "best of BG/NBD, Pareto/NBD", "auc": bg_nbd}]
    else:
        counts = [
            {"methods": ["bg_nbd"], "title": "BG/NBD", "auc": bg_nbd},
            {"methods": ["pareto_nbd"], "title": "Pareto/NBD", "auc": pareto_nbd},
        ]
    return [
        {"methods": ["recency"], "title": "recency", "auc": recency},
        {"methods": ["rfm_logistic"], "title": "LR, four numbers", "auc": four_numbers},
        *counts,
        {"methods": ["wide_logistic"], "title": "LR, ~60 features", "auc": logistic},
        {"methods": [TREES.name], "title": "LightGBM, ~60 features", "auc": trees},
    ]


def floor(measurement: BinaryMeasurement) -> float:
    """Return the calibration error that chance alone would show."""
    draws = int(np.clip(_FLOOR_UNITS // max(len(measurement.outcome), 1), *_FLOOR_DRAWS))
    return measurement.calibration_floor(draws=draws, seed=SEED)


def pooled(pools: Sequence[Pool]) -> dict[str, dict[str, Any]]:
    """Return rival -> metric -> mean over lines of (Foresell minus rival), with its interval over customers.

    A draw has a customer equally often in each line that the customer is in: the lines are not independent.
    """
    if not pools:
        return {}
    everybody, positions = np.unique(
        np.concatenate([np.asarray(pool.ids, object) for pool in pools]).astype(str), return_inverse=True
    )
    ends = np.cumsum([len(pool.ids) for pool in pools])[:-1]
    places = np.split(positions, ends)
    common = [name for name in pools[0].measurements if all(name in pool.measurements for pool in pools)]
    return {name: _pooled_against(name, pools, places, len(everybody)) for name in common}


def _pooled_against(
    rival: str, pools: Sequence[Pool], places: Sequence[NDArray[np.int64]], everybody: int
) -> dict[str, Any]:
    def difference(weights: NDArray[np.float64]) -> dict[str, float]:
        each = []
        for pool, at in zip(pools, places, strict=True):
            ours = pool.measurements[pool.chosen].metrics(weights[at])
            theirs = pool.measurements[rival].metrics(weights[at])
            each.append({name: ours[name] - theirs[name] for name in JUDGED_BY})
        return {name: float(np.mean([line[name] for line in each])) for name in JUDGED_BY}

    intervals = bootstrap(difference, units=everybody, draws=DRAWS, seed=SEED)
    value = difference(np.ones(everybody))
    return plain({name: Figure(value[name], *intervals[name]) for name in JUDGED_BY})


def _pool(line: Line, trainer: Trainer, found: Competition) -> Pool:
    measurements = {name: each[f"h{line.horizon}"] for name, each in found.test.items()}
    ids = trainer.eligible_at(line.test).ids
    assert len(ids) == len(measurements[found.chosen].loss)
    return Pool(ids, found.chosen, {name: measurements[name] for name in (*found.rivals, found.chosen)})


def _binary(measurement: Measurement) -> BinaryMeasurement:
    assert isinstance(measurement, BinaryMeasurement)
    return measurement
