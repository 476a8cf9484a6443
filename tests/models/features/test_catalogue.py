from models.features import catalogue
from models.settings import FeatureSettings
from tests.models.features.builders import SETTINGS

NEEDED = {"recency_days", "orders", "spend", "tenure_days", "gap_median_days", "spend_90d", "orders_90d"}


def test_names_are_unique_and_described_when_attributes_are_configured():
    listed = catalogue(SETTINGS)
    assert len({feature.name for feature in listed}) == len(listed)
    assert all(feature.unit and feature.null and feature.description.endswith(".") for feature in listed)


def test_the_features_that_others_rely_on_are_there():
    names = {feature.name for feature in catalogue(FeatureSettings())}
    assert names >= NEEDED
    assert len(names) >= 45
