"""Services as BentoML's own pages begin them: defaults, and functions that are not coroutines."""

import os
from pathlib import Path
from typing import Any

import bentoml
import lightgbm
import numpy as np

from service.release import open_release


@bentoml.service
class Floats:
    """The booster around sixty and more floats in the body."""

    def __init__(self) -> None:
        self.booster = lightgbm.Booster(model_file=os.environ["PEER_BOOSTER"])

    @bentoml.api
    def predict(self, features: list[float]) -> float:
        """Return a probability."""
        return float(self.booster.predict(np.array([features]), num_threads=1)[0])


@bentoml.service
class Ids:
    """Foresell's champion around an id in the body: the same look-up, the same answer."""

    def __init__(self) -> None:
        self.served = open_release(Path(os.environ["FORESELL_RELEASES"])).of("churn")

    @bentoml.api
    def predict(self, customers: list[str]) -> dict[str, Any]:
        """Answer some customers."""
        prediction = self.served.prediction
        return prediction.answer(self.served, prediction.request(customers=customers)).model_dump(mode="json")
