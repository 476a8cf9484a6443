"""An artifact as an MLflow model, so that MLflow's own tools can load and call it. MLflow copies and runs this file.

Serving never comes here: the service and the batch job read releases. It loads where Foresell is installed.
"""

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from models.artifact import load_artifact
from training.scores import ARTIFACT, DIGEST, scores


class ArtifactModel(PythonModel):  # type: ignore[misc]  # MLflow is untyped
    """Loads an artifact once, after its bytes have been verified, and scores frames of features."""

    def load_context(self, context: Any) -> None:
        """Open the artifact that was logged with the model."""
        self._artifact = load_artifact(Path(context.artifacts[ARTIFACT]), context.model_config[DIGEST])

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Return the scores of a frame of features, a column for each output."""
        return scores(self._artifact, model_input)


set_model(ArtifactModel())
