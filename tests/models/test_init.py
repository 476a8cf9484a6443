import pytest

from models import prediction_from, prediction_named, predictions
from models.churn import ChurnSettings
from models.errors import UnknownPredictionError
from models.settings import FeatureSettings, ModelSettings


def test_every_prediction_is_found_and_named_once():
    names = [prediction.name for prediction in predictions()]
    assert {"churn", "repurchase"} <= set(names)
    assert len(names) == len(set(names))


def test_a_prediction_has_its_own_section_and_defaults_elsewhere():
    zone = FeatureSettings(timezone="Europe/Berlin")
    churn, repurchase, *_ = predictions(ModelSettings(features=zone, predictions={"churn": {"horizon": 20}}))
    assert churn.settings == ChurnSettings(horizon=20)
    assert repurchase.settings == repurchase.Settings()
    assert churn.features == repurchase.features == zone


def test_a_prediction_is_found_by_name():
    assert prediction_named("repurchase").name == "repurchase"
    with pytest.raises(
        UnknownPredictionError, match="unknown prediction 'chrn'; the predictions are churn, repurchase"
    ):
        prediction_named("chrn")


def test_a_prediction_comes_back_from_the_settings_of_its_artifact():
    made = prediction_from("churn", FeatureSettings(), ChurnSettings(horizon=20).model_dump(mode="json"))
    assert made.settings == ChurnSettings(horizon=20)


def test_an_artifact_of_a_prediction_that_is_gone_is_refused():
    with pytest.raises(UnknownPredictionError, match="unknown prediction 'lookback'"):
        prediction_from("lookback", FeatureSettings(), {})
