"""Foresell's champion as an MLflow model: ids in the body, the same look-up, the same answer. MLflow runs this file."""

import os
from pathlib import Path
from typing import Any

from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from service.release import open_release


class Ids(PythonModel):  # type: ignore[misc]  # MLflow is untyped
    """Answers some customers."""

    def load_context(self, context: Any) -> None:
        """Open the release."""
        self.served = open_release(Path(os.environ["FORESELL_RELEASES"])).of("churn")

    def predict(self, context: Any, model_input: list[str], params: Any = None) -> list[dict[str, Any]]:
        """Answer some customers."""
        prediction = self.served.prediction
        answer = prediction.answer(self.served, prediction.request(customers=list(model_input)))
        return answer.model_dump(mode="json")["answers"]


set_model(Ids())
