import pytest

from models.errors import ConfigError
from models.features import catalogue
from models.settings import FeatureSettings
from tests.models.features.builders import Person, event, features_of


def test_events_count_by_kind_when_the_kind_is_configured():
    row = features_of(
        Person(events=[event(4), event(4), event(30, "cart"), event(31, "cart"), event(90, "scan"), event(0)])
    )
    assert (row["events_30d"], row["events_90d"], row["event_recency_days"]) == (3, 5, 4)
    assert (row["events_view_30d"], row["events_cart_30d"]) == (2, 1)


def test_a_kind_is_spelled_as_a_name_when_it_has_blanks():
    names = [feature.name for feature in catalogue(FeatureSettings(event_kinds=("Add to cart!",)))]
    assert "events_add_to_cart_30d" in names


def test_the_catalogue_refuses_when_two_kinds_share_a_name():
    with pytest.raises(ConfigError, match="'events_add_30d' would name two features"):
        catalogue(FeatureSettings(event_kinds=("add", "Add!")))
