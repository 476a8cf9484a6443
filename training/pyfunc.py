"""An artifact as an MLflow model, so that MLflow's own tools can load and call it. MLflow copies and runs this file.

Serving never comes here: the service and the batch job read releases. It loads where Foresell is installed.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from models.artifact import Artifact, load_artifact
from models.customer_prediction import CustomerPrediction
from models.prediction import Customers

ARTIFACT = "artifact"
DIGEST = "digest"


def scores(artifact: Artifact, features: pd.DataFrame) -> pd.DataFrame:
    """Score rows of features.

    Parameters
    ----------
    artifact : Artifact
        What was trained.
    features : DataFrame, n rows
        A column for each of ``artifact.names``; NaN is null.

    Returns
    -------
    DataFrame, n rows
        A column for each output, e.g. ``h30``: the probability within 30 days. NaN where the row is not eligible.
    """
    matrix = features[list(artifact.names)].to_numpy(np.float32, na_value=np.nan)
    as_of = np.full(len(matrix), np.datetime64("2000-01-01", "D"))
    customers = Customers([""] * len(matrix), as_of, matrix, artifact.names)
    prediction = artifact.prediction
    if not isinstance(prediction, CustomerPrediction):
        found = artifact.fitted.score(customers)
        return pd.DataFrame(found, columns=[f"output_{output}" for output in range(found.shape[1])])
    eligible = prediction.eligible(customers)
    figures = np.full((len(matrix), len(prediction.horizons)), np.nan)
    if eligible.any():
        figures[eligible] = prediction.score(artifact.fitted, customers.take(eligible))
    return pd.DataFrame(figures, columns=[f"h{days}" for days in prediction.horizons])


class ArtifactModel(PythonModel):  # type: ignore[misc]  # MLflow is untyped
    """Loads an artifact once, after its bytes have been verified, and scores frames of features."""

    def load_context(self, context: Any) -> None:
        """Open the artifact that was logged with the model."""
        self._artifact = load_artifact(Path(context.artifacts[ARTIFACT]), context.model_config[DIGEST])

    # MLflow reads type hints as a schema of its own; the signature says it better
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ARG002
        """Return the scores of a frame of features, a column for each output."""
        return scores(self._artifact, model_input)


set_model(ArtifactModel())
