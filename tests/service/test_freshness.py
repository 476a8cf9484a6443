import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from starlette.testclient import TestClient

from models.errors import ConfigError
from models.release import Releases
from models.settings import ServiceSettings, Settings, SourceSettings
from service.current import Current
from service.errors import FeaturesStaleError
from service.freshness import STALE_ENV, Freshness
from service.release import open_release
from service.serve import serve
from tests.service.releases import customer_ids, publish_again
from tests.service.test_metrics import figure
from tests.service.test_watch import eventually

PUBLISHED = datetime(2018, 1, 1, 5, tzinfo=UTC)
LIMIT = timedelta(hours=48)
ASKED = {"customers": customer_ids(1)}

OpenClient = Callable[[Path], TestClient]


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STALE_ENV, '{"churn": 48}')


@pytest.mark.usefixtures("limited")
def test_a_stale_store_is_refused_for_that_prediction_alone_and_a_new_one_answers_again(
    releases: Releases, open_client: OpenClient
) -> None:
    # the clock stands: how long the test takes says nothing
    with (
        time_machine.travel(PUBLISHED + LIMIT, tick=False) as clock,
        open_client(releases.folder) as client,
    ):
        assert client.post("/v1/churn", json=ASKED).status_code == 200
        errors = 'foresell_errors_total{code="features_stale",endpoint="/v1/churn"}'
        before = figure(client.get("/metrics").text, errors)
        clock.move_to(PUBLISHED + LIMIT + timedelta(minutes=6))
        refused = client.post("/v1/churn", json=ASKED)
        assert refused.status_code == 503
        assert refused.json()["error"] == {
            "code": "features_stale",
            "message": "churn: release r000001 was published 48.1 hours ago; at most 48 are allowed "
            "(service.stale_after_hours): foresell run publishes a new one",
            "field": None,
        }
        for other in ("repurchase", "next-best-product"):
            assert client.post(f"/v1/{other}", json=ASKED).status_code == 200
        for path in ("/readyz", "/livez", "/v1/models"):
            assert client.get(path).status_code == 200
        metrics = client.get("/metrics").text
        assert figure(metrics, errors) == before + 1
        # an age is the scraper's now minus this
        assert figure(metrics, "foresell_release_published_timestamp_seconds") == PUBLISHED.timestamp()
        publish_again(releases, "r000002", at=PUBLISHED + LIMIT)
        eventually(lambda: client.post("/v1/churn", json=ASKED).status_code == 200)
        assert client.post("/v1/churn", json=ASKED).json()["release"] == "r000002"


@pytest.mark.usefixtures("limited")
def test_a_store_from_the_future_is_not_stale_when_the_clock_went_back(
    published: Releases, open_client: OpenClient
) -> None:
    with time_machine.travel(PUBLISHED - timedelta(days=2)), open_client(published.folder) as client:
        assert client.post("/v1/churn", json=ASKED).status_code == 200


def test_no_age_is_too_old_unless_one_is_named(published: Releases, open_client: OpenClient) -> None:
    with time_machine.travel(PUBLISHED + timedelta(days=3_000)), open_client(published.folder) as client:
        assert client.post("/v1/churn", json=ASKED).status_code == 200


def test_the_age_is_of_the_release_by_the_clock_that_is_given(published: Releases) -> None:
    now = PUBLISHED.timestamp()
    current = Current(open_release(published.folder), Freshness({"churn": 0.5}, clock=lambda: now))
    assert current.served("churn").release == "r000001"
    now += 1_801
    with pytest.raises(FeaturesStaleError, match=r"published 0\.5 hours ago; at most 0\.5 are allowed"):
        current.served("churn")
    assert current.served("repurchase").release == "r000001"


@pytest.mark.parametrize("told", ["48", "churn=48", '{"churn": 0}', '{"churn": -1}', '{"churn": 1e999}', "[]", ""])
def test_no_age_is_too_old_and_it_is_said_when_the_environment_names_none(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, published: Releases, told: str
) -> None:
    monkeypatch.setenv(STALE_ENV, told)
    with caplog.at_level(logging.ERROR, "bentoml.foresell"):
        freshness = Freshness.of_environment(["churn"])
    freshness.check("churn", published.current())
    assert f"{STALE_ENV} = {told!r} is not hours by prediction" in caplog.text


def test_an_age_for_no_prediction_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, published: Releases
) -> None:
    monkeypatch.setenv(STALE_ENV, '{"chrun": 48}')
    with caplog.at_level(logging.ERROR, "bentoml.foresell"):
        Freshness.of_environment(["churn", "repurchase"])
    assert "there is no prediction 'chrun'; there are churn, repurchase" in caplog.text
    (tmp_path / "releases").symlink_to(published.folder)
    settings = Settings(
        workspace=tmp_path,
        source=SourceSettings(builtin="complete-journey"),
        service=ServiceSettings(stale_after_hours={"chrun": 48}),
    )
    with pytest.raises(
        ConfigError, match=r"service\.stale_after_hours: there is no prediction 'chrun'; there are churn"
    ):
        serve(settings)
