"""BentoML with what costs most left off, as Foresell runs it, around as little as can be."""

import os

import bentoml
import lightgbm
import numpy as np
from pydantic import BaseModel, ConfigDict


class Customers(BaseModel):
    """A body as Foresell's."""

    model_config = ConfigDict(extra="forbid")
    customers: list[str]


class Row(BaseModel):
    """A body with the features in it."""

    model_config = ConfigDict(extra="forbid")
    features: list[float]


@bentoml.service(
    workers=1,
    tracing={"excluded_urls": [".*"]},
    logging={"access": {"enabled": False}},
    metrics={"enabled": True},
)
class Lean:
    """Echoes."""

    def __init__(self) -> None:
        self.booster = lightgbm.Booster(model_file=os.environ["PEER_BOOSTER"])
        self.row = np.zeros((1, self.booster.num_feature()), np.float32)

    @bentoml.api
    async def echo(self, body: Customers, /) -> Customers:
        """Return the body."""
        return body

    @bentoml.api
    async def echo_predict(self, body: Customers, /) -> Customers:
        """Predict a row that is there already, and return the body."""
        self.booster.predict(self.row, num_threads=1)
        return body

    @bentoml.api
    async def echo_floats(self, body: Row, /) -> Row:
        """Predict the row in the body, and return it."""
        self.booster.predict(np.array([body.features]), num_threads=1)
        return body
