"""Examples in which all customers look the same: each method has finite scores, or says in a line why not."""

from dataclasses import replace

import numpy as np
import pytest

from models import prediction_named, predictions
from models.errors import NotConvergedError, NotEnoughDataError
from models.prediction import Examples
from tests.synthetic import NAMES, examples

METHODS = [(prediction.name, method) for prediction in predictions() for method in prediction.methods]
SOMEBODY = {"orders": 5, "recency_days": 9, "tenure_days": 49, "spend": 60, "gap_median_days": 10}


def alike(constant: float) -> Examples:
    """Customers with the features of one, whatever they bought; features that are not named are a constant."""
    learnt = examples(200)
    features = np.full_like(learnt.customers.features, constant)
    for name, value in SOMEBODY.items():
        features[:, NAMES.index(name)] = value
    return replace(learnt, customers=replace(learnt.customers, features=features))


@pytest.mark.parametrize("constant", [0.0, np.nan], ids=["zeros", "nulls"])
@pytest.mark.parametrize(("name", "method"), METHODS)
def test_a_method_has_finite_scores_or_one_line_when_features_are_constant(
    name: str, method: str, constant: float
) -> None:
    prediction, learnt = prediction_named(name), alike(constant)
    refused = None
    try:
        fitted = prediction.fit(method, learnt, horizon=prediction.tasks[-1].horizon, seed=1)
    except (NotEnoughDataError, NotConvergedError) as error:
        refused = error
    if refused is not None:
        assert "\n" not in refused.message
        return
    for task in prediction.tasks:
        measured = prediction.measure(fitted, learnt, task)
        assert len(measured.loss)
        assert np.isfinite(measured.loss).all()
