"""The same tables and seed give the same bytes in any process: every method of every prediction, and the choice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from models import predictions
from tests.processes import code_environment, run_foresell
from tests.shop import open_shop

_DIGESTS = """
import hashlib, json, sys, tempfile
from datetime import date
from pathlib import Path
import models
from models.artifact import save_artifact
from models.settings import load_settings
from training.intake_report import load_report
from training.run import Trainer, train

settings = load_settings(Path(sys.argv[1]))
found = {}
for prediction in models.predictions(settings.models):
    trainer = Trainer(settings, prediction, load_report(settings))
    outcome = train(trainer)
    found[prediction.name, "chosen"] = outcome.method
    for method in outcome.methods:
        losses = b"".join(losses.tobytes() for losses in outcome.validation[method].values())
        found[prediction.name, method, "losses"] = hashlib.sha256(losses).hexdigest()
        with tempfile.TemporaryDirectory() as folder:
            artifact = trainer.artifact(method, trainer.plan.end)
            found[prediction.name, method, "artifact"] = save_artifact(Path(folder), artifact)
print(json.dumps({" ".join(key): value for key, value in found.items()}))
"""


# enough rows and items for numeric libraries to share a sum between threads where they may
_MANY = """
import hashlib, json
import numpy as np
from models.next_best_product.affinity import affinity_of
from models.next_best_product.profiles import profiles_of, unique_events
from models.rivals.logistic import FOUR_NUMBERS, RECENCY, WIDE
from tests.synthetic import examples

learnt = examples(4_000)
target = (learnt.labels["next_order_days"] < 30).astype(float)[:, None]
found = {}
for method in (RECENCY, FOUR_NUMBERS, WIDE):
    found[method.name] = method.fit(learnt.customers, target, horizons=[30], seed=1).weights
drawn = np.random.default_rng(1).integers(0, [2_000, 600, 90], (40_000, 3))
profiles = profiles_of(unique_events(*drawn.T, 2_000, 600))
found["affinity"] = affinity_of(profiles, np.ones(len(profiles.item))).weights
print(json.dumps({name: hashlib.sha256(weights.tobytes()).hexdigest() for name, weights in found.items()}))
"""


def digests(code: str, *arguments: str, **environment: str) -> dict[str, str]:
    """Fit in a process of its own, and return digests of what it made."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**code_environment(), **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_every_method_is_the_same_bytes_when_processes_hash_and_thread_otherwise(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    run_foresell("check", workspace=shop)
    one = digests(_DIGESTS, str(shop), PYTHONHASHSEED="1", OMP_NUM_THREADS="1")
    other = digests(_DIGESTS, str(shop), PYTHONHASHSEED="2", OMP_NUM_THREADS="4")
    assert one == other
    assert {key.split()[0] for key in one} == {prediction.name for prediction in predictions()}


@pytest.mark.slow
def test_fits_on_many_rows_are_the_same_bytes_however_many_threads_numeric_libraries_have() -> None:
    one = digests(_MANY, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    other = digests(_MANY, OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2")
    assert one == other
