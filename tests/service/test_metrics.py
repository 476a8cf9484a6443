from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models import prediction_named
from models.customer_prediction import CustomerPrediction
from models.release import Releases
from service.guard import UNKNOWN_PATH
from service.metrics import FEW, AnswerMetrics
from tests.service.releases import customer_ids

OpenClient = Callable[[Path], TestClient]


def figure(text: str, name: str) -> float:
    """Return a figure of ``GET /metrics``; what has not been counted yet is not there, and 0."""
    return float(next((line.split()[-1] for line in text.splitlines() if line.startswith(f"{name} ")), 0))


def grown(before: str, after: str) -> dict[str, float]:
    """Return by how much our own figures grew."""
    names = {line.rpartition(" ")[0] for line in after.splitlines() if line.startswith("foresell_")}
    growth = {name: figure(after, name) - figure(before, name) for name in names}
    return {name: by for name, by in growth.items() if by}


@pytest.fixture
def answers() -> AnswerMetrics:
    from prometheus_client import REGISTRY

    for collector in list(REGISTRY._collector_to_names):
        REGISTRY.unregister(collector)
    return AnswerMetrics()


def text() -> str:
    """Return what ``GET /metrics`` says, of all processes together."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry).decode()


def churn_reply(scores: list[float | None]) -> dict[str, Any]:
    return {
        "answers": [
            {"customer_id": f"c{row}", "status": "unknown_customer" if score is None else "ok", "probability": score}
            for row, score in enumerate(scores)
        ]
    }


@pytest.mark.parametrize("count", [1, FEW, FEW + 1, 1_000])
def test_scores_are_counted_in_the_same_buckets_however_many_there_are(answers: AnswerMetrics, count: int) -> None:
    churn = prediction_named("churn")
    # on the bounds of buckets, too
    scores = [0.0, 1.0, 0.05, 0.1, *np.random.default_rng(1).random(count)][:count]
    scores = [float(score) for score in scores]
    before = text()
    for score in scores:
        answers.observe(churn, churn_reply([score]))
    one_by_one, start = grown(before, text()), text()
    answers.observe(churn, churn_reply([*scores]))
    together = grown(start, text())
    assert together.keys() == one_by_one.keys()
    for name, by in one_by_one.items():
        assert together[name] == pytest.approx(by), name
    assert together['foresell_answers_total{prediction="churn",status="ok"}'] == count
    assert together['foresell_score_bucket{horizon="30",le="1.0",prediction="churn"}'] == count


def test_who_has_no_score_is_counted_by_status_alone(answers: AnswerMetrics) -> None:
    before = text()
    answers.observe(prediction_named("churn"), churn_reply([None]))
    answers.observe(prediction_named("churn"), churn_reply([None, None]))
    assert grown(before, text()) == {'foresell_answers_total{prediction="churn",status="unknown_customer"}': 3}


def test_the_first_horizon_that_was_asked_for_is_counted(published: Releases, open_client: OpenClient) -> None:
    asked = {"customers": customer_ids(3)}
    with open_client(published.folder) as client:
        before = client.get("/metrics").text
        assert client.post("/v1/repurchase", json=asked).status_code == 200
        assert client.post("/v1/repurchase", json={**asked, "horizons": [30, 90]}).status_code == 200
        after = client.get("/metrics").text
    growth = grown(before, after)
    for horizon in (7, 30):
        assert growth[f'foresell_score_bucket{{horizon="{horizon}",le="+Inf",prediction="repurchase"}}'] == 3
    assert not any('horizon="90"' in name for name in growth)


def test_latencies_are_told_apart_below_a_millisecond(published: Releases, open_client: OpenClient) -> None:
    with open_client(published.folder) as client:
        assert client.post("/v1/churn", json={"customers": customer_ids(1)}).status_code == 200
        lines = client.get("/metrics").text.splitlines()
    buckets = [line for line in lines if line.startswith("bentoml_service_request_duration_seconds_bucket{")]
    assert any('endpoint="/v1/churn"' in line and 'le="0.0005"' in line for line in buckets)


def test_products_and_audiences_are_counted_without_scores(published: Releases, open_client: OpenClient) -> None:
    with open_client(published.folder) as client:
        before = client.get("/metrics").text
        assert client.post("/v1/next-best-product", json={"customers": [*customer_ids(2), "nobody"]}).status_code == 200
        assert client.post("/v1/lookalike", json={"seeds": customer_ids(60), "size": 5}).status_code == 200
        growth = grown(before, client.get("/metrics").text)
    assert growth == {
        'foresell_answers_total{prediction="next-best-product",status="ok"}': 2,
        'foresell_answers_total{prediction="next-best-product",status="unknown_customer"}': 1,
        'foresell_answers_total{prediction="lookalike",status="ok"}': 5,
    }


def test_every_error_is_counted_once_whoever_made_it_and_labels_are_ours_alone(
    published: Releases, open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_client(published.folder) as client:
        outside = TestClient(client.app, "http://198.51.100.7", raise_server_exceptions=False)
        before = client.get("/metrics").text
        for invented in range(20):
            assert client.post(f"/v1/invented-{invented}").status_code == 404
        assert client.get("/v1/churn").status_code == 405
        assert client.post("/v1/churn", content=b"{").status_code == 415
        assert client.post("/v1/churn", json={"customers": []}).status_code == 422
        assert outside.post("/v1/churn", json={"customers": ["a"]}).status_code == 401
        assert outside.get("/nowhere").status_code == 401
        assert client.post("/v1/churn", json={"customers": ["a"]}).status_code == 200
        after = client.get("/metrics").text
    growth = {name: by for name, by in grown(before, after).items() if "foresell_errors_total" in name}
    expected = {
        (UNKNOWN_PATH, "unknown_route"): 20,
        ("/v1/churn", "method_not_allowed"): 1,
        ("/v1/churn", "unsupported_media_type"): 1,
        ("/v1/churn", "invalid_request"): 1,
        ("/v1/churn", "unauthorized"): 1,
        (UNKNOWN_PATH, "unauthorized"): 1,
    }
    assert growth == {
        f'foresell_errors_total{{code="{code}",endpoint="{path}"}}': count for (path, code), count in expected.items()
    }
    assert "invented" not in after
    assert "nowhere" not in after


def test_an_answer_that_is_not_finite_is_counted_as_an_error_and_not_as_an_answer(
    published: Releases, open_client: OpenClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_client(published.folder) as client:
        monkeypatch.setattr(CustomerPrediction, "adjust", lambda self, scores: scores * np.nan)
        before = client.get("/metrics").text
        # with reasons the model is asked anew
        assert client.post("/v1/churn", json={"customers": customer_ids(9), "reasons": 1}).status_code == 500
        growth = grown(before, client.get("/metrics").text)
    assert growth == {'foresell_errors_total{code="invalid_model_output",endpoint="/v1/churn"}': 1}
