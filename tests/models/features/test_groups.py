import math

import pytest

from models.features import GROUPS, catalogue
from tests.models.features.builders import SETTINGS


def test_every_feature_belongs_to_a_group_and_every_group_has_one():
    assert {feature.group for feature in catalogue(SETTINGS)} == set(GROUPS)


@pytest.mark.parametrize("name", GROUPS)
@pytest.mark.parametrize("value", [math.nan, 0.0, 1.0, 2.5, None])
def test_a_phrase_has_no_nan_when_values_are_unknown(name, value):
    names = [feature.name for feature in catalogue(SETTINGS)]
    values = {} if value is None else dict.fromkeys(names, value)
    phrase = GROUPS[name].phrase(values)
    assert phrase
    assert "nan" not in phrase
    assert not phrase.endswith(".")


@pytest.mark.parametrize(
    ("name", "values", "phrase"),
    [
        ("recency", {"recency_days": 63, "gap_median_days": 14}, "last order 63 days ago, usually every 14"),
        ("recency", {"recency_days": 1, "gap_median_days": math.nan}, "last order 1 day ago"),
        ("frequency", {"orders": 12, "orders_90d": 3}, "12 orders in all, 3 in the last 90 days"),
        ("spend", {"spend": 1200.5, "spend_90d": 0}, "spent 1,200.50 in all, 0.00 in the last 90 days"),
        ("contacts", {"contacts": 4, "contacts_answered": 1}, "answered 1 of 4 contacts"),
        ("trend", {"orders_trend_30d": 0.5}, "orders 50% as often in the last 30 days as in the 60 before"),
    ],
)
def test_a_phrase_says_the_figures_when_they_are_known(name, values, phrase):
    assert GROUPS[name].phrase(values) == phrase
