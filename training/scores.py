"""The scores of an artifact as a data frame with named columns: what its MLflow model returns."""

import numpy as np
import pandas as pd

from models.artifact import Artifact
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
        A column for each of ``artifact.names``; NaN is null. A prediction that reads purchases is given none.

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
