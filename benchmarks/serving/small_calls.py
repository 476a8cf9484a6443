"""What one customer by id costs, beside the usual model servers around the same model."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import mlflow
import numpy as np
import pandas as pd

from benchmarks.serving.load import Call, alternated
from benchmarks.serving.servers import bentoml_service, foresell, mlflow_service, mlserver
from models.blend import FittedBlend
from models.boosting import FittedBoosting
from models.examples import inline_customer
from models.prediction import Served
from service.release import OpenRelease

REASONED, HISTORY = "Foresell: churn, one id, one reason", "Foresell: churn, a history of two lines"
OURS, REPURCHASE = "Foresell: churn, one id", "Foresell: repurchase, one id, every horizon"
LEAN = "lean BentoML: echo and Booster.predict"
CALLS = 800
FEWER = 160
"""Of what takes tens of milliseconds."""

LIMITS = {
    "BentoML, defaults: floats in the body": 0.5,
    "BentoML, defaults: our look-up": 0.5,
    "MLServer: floats in the body": 0.7,
    "MLServer: our look-up": 0.7,
    "mlflow models serve: named floats in the body": 0.05,
    "mlflow models serve: our look-up": 0.05,
    LEAN: 1.35,
}
"""What churn by id may cost at most, as a share of each peer."""
REPURCHASE_LIMIT = 1.6


def run(releases: Path, opened: OpenRelease, work: Path, *, progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure one call of each in alternated rounds; returns plain data."""
    churn = opened.of("churn")
    booster = _booster(churn, work)
    ids = _known(churn)
    floats = [0.0 if np.isnan(each) else float(each) for each in churn.store.features[0].tolist()]
    environment = {
        "FORESELL_RELEASES": str(releases.resolve()),
        "PEER_BOOSTER": str(booster),
        "BENTOML_HOME": str(work / "bentos"),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    # LightGBM's default of a thread for each core costs a row many times as much: told so, peers are cheaper
    told = environment | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with ExitStack() as servers:
        progress("starting Foresell and its peers")
        ours = servers.enter_context(foresell(releases, work / "bentos"))
        lean = servers.enter_context(bentoml_service("lean:Lean", told))
        default_floats = servers.enter_context(bentoml_service("defaults:Floats", told))
        default_ids = servers.enter_context(bentoml_service("defaults:Ids", told))
        their = servers.enter_context(mlserver(environment, work / "mlserver"))
        told_their = servers.enter_context(mlserver(told, work / "mlserver-one-thread"))
        signed, bare = (_lightgbm_model(booster, churn, work, signed=each) for each in (True, False))
        flow_signed = servers.enter_context(mlflow_service(signed, environment))
        flow_floats = servers.enter_context(mlflow_service(bare, told))
        flow_ids = servers.enter_context(mlflow_service(_ids_model(work), told))
        progress("measuring")
        customers = {"customers": ids}
        frame = {"columns": list(churn.store.names), "data": [floats]}
        tensor = {"name": "x", "shape": [1, len(floats)], "datatype": "FP32", "data": floats}
        names = {"name": "ids", "shape": [1], "datatype": "BYTES", "data": ids}
        spent = alternated(
            {
                OURS: (ours, Call.of("/v1/churn", customers, CALLS)),
                REPURCHASE: (ours, Call.of("/v1/repurchase", customers, CALLS)),
                REASONED: (ours, Call.of("/v1/churn", {**customers, "reasons": 1}, CALLS)),
                HISTORY: (ours, Call.of("/v1/churn", {"customers": [inline_customer(churn)]}, FEWER)),
                "lean BentoML: echo": (lean, Call.of("/echo", customers, CALLS)),
                LEAN: (lean, Call.of("/echo_predict", customers, CALLS)),
                "lean BentoML: floats in the body, echoed, and Booster.predict": (
                    lean, Call.of("/echo_floats", {"features": floats}, CALLS)
                ),
                "BentoML, defaults: floats in the body": (
                    default_floats, Call.of("/predict", {"features": floats}, CALLS)
                ),
                "BentoML, defaults: our look-up": (default_ids, Call.of("/predict", customers, CALLS)),
                "MLServer: floats in the body": (
                    their, Call.of("/v2/models/floats/infer", {"inputs": [tensor]}, CALLS)
                ),
                "MLServer, one thread: floats in the body": (
                    told_their, Call.of("/v2/models/floats/infer", {"inputs": [tensor]}, CALLS)
                ),
                "MLServer: our look-up": (told_their, Call.of("/v2/models/ids/infer", {"inputs": [names]}, CALLS)),
                "mlflow models serve: named floats in the body": (
                    flow_signed, Call.of("/invocations", {"dataframe_split": frame}, FEWER)
                ),
                "mlflow models serve, no signature, one thread: floats in the body": (
                    flow_floats, Call.of("/invocations", {"inputs": [floats]}, FEWER)
                ),
                "mlflow models serve: our look-up": (flow_ids, Call.of("/invocations", {"inputs": ids}, FEWER)),
            }
        )  # fmt: skip
    return {
        "looked_up": _reply_microseconds(churn, ids),
        "asked": _reply_microseconds(replace(churn, prepared={}), ids),
        "method": churn.fitted.method,
        "features": len(floats),
        "calls": {name: each.plain for name, each in spent.items()},
    }


def _reply_microseconds(served: Served, ids: list[str]) -> float:
    """Return the processor time of a reply in this process, without a server."""
    request, spent = served.prediction.request(customers=ids), []
    for _ in range(6):
        began = process_time()
        for _ in range(1_000):
            served.prediction.reply(served, request)
        spent.append(1_000 * (process_time() - began))
    return median(spent[1:])


def _known(served: Served) -> list[str]:
    """Return somebody who has a prediction."""
    return served.known_customers(1)[:1]


def booster_of(served: Served) -> Any:
    """Return the booster of the prediction's first horizon; its peers have that alone."""
    fitted = served.fitted
    trees = fitted.trees if isinstance(fitted, FittedBlend) else fitted
    if not isinstance(trees, FittedBoosting):
        raise SystemExit(
            f"{fitted.method} serves {served.prediction.name}, which has no trees: train on another history"
        )
    return trees.boosters[0]


def _booster(served: Served, work: Path) -> Path:
    path = work / "booster.txt"
    booster_of(served).save_model(path)
    return path.resolve()


def _lightgbm_model(booster: Path, served: Served, work: Path, *, signed: bool) -> Path:
    """Save the booster as an MLflow model, with a signature, as MLflow's pages do, or without."""
    import lightgbm

    path = _emptied(work / ("mlflow-signed" if signed else "mlflow-floats"))
    rows = pd.DataFrame(served.store.features[:5].astype(np.float64), columns=list(served.store.names))
    model = lightgbm.Booster(model_file=booster)
    signature = mlflow.models.infer_signature(rows, model.predict(rows.to_numpy())) if signed else None
    mlflow.lightgbm.save_model(model, path, signature=signature, pip_requirements=["lightgbm"])
    return path


def _ids_model(work: Path) -> Path:
    path = _emptied(work / "mlflow-ids")
    code = Path(__file__).with_name("peers") / "mlflow_ids.py"
    mlflow.pyfunc.save_model(path, python_model=str(code), pip_requirements=["mlflow"], input_example=None)
    return path


def _emptied(folder: Path) -> Path:
    """Return a folder without what an earlier run left in it: that would be another model."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder
