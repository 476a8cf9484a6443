"""Foresell's champion as an MLServer runtime: an id in the body, the same look-up, the same answer."""

import json
import os
from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from service.release import open_release


class Ids(MLModel):  # type: ignore[misc]  # MLServer is installed where this runs
    """Answers some customers."""

    async def load(self) -> bool:
        """Open the release."""
        self.served = open_release(Path(os.environ["FORESELL_RELEASES"])).of("churn")
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer with JSON in one string."""
        ids = StringCodec.decode_input(payload.inputs[0])
        prediction = self.served.prediction
        answer = prediction.answer(self.served, prediction.request(customers=ids)).model_dump(mode="json")
        output = StringCodec.encode_output("answer", [json.dumps(answer)])
        return InferenceResponse(model_name=self.name, outputs=[output])
