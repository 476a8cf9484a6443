from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models import predictions
from models.customer_prediction import CustomerPrediction
from models.prediction import Served
from models.release import Releases
from service.release import open_release

LINE = {"ordered_at": "2017-12-20T10:00:00", "product_id": "1", "order_id": "o1", "quantity": 1, "amount": 3.5}


def test_each_prediction_answers_its_own_examples_within_its_schema(client: TestClient, published: Releases) -> None:
    for name, served in open_release(published.folder).served.items():
        for asked in served.prediction.examples(served):
            response = client.post(f"/v1/{name}", json=asked)
            assert response.status_code == 200, response.text
            served.prediction.response.model_validate_json(response.content)


def test_answers_keep_to_their_own_schema(client: TestClient) -> None:
    ids = [*(f"c{number:06d}" for number in range(200)), "nobody"]
    for prediction in predictions():
        if isinstance(prediction, CustomerPrediction):
            response = client.post(f"/v1/{prediction.name}", json={"customers": ids, "reasons": 1})
            prediction.response.model_validate_json(response.content)


def answers(client: TestClient, path: str, **body: Any) -> dict[str, Any]:
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    parsed: dict[str, Any] = response.json()
    return parsed


@pytest.mark.parametrize("path", ["/v1/churn", "/v1/repurchase"])
def test_each_customer_is_answered_in_order_when_known_unknown_and_inline(client: TestClient, path: str) -> None:
    inline = {"customer_id": "new", "as_of": "2018-01-01", "order_lines": [LINE]}
    body = answers(client, path, customers=["c000003", "nobody", inline, "c000001"])
    assert [answer["customer_id"] for answer in body["answers"]] == ["c000003", "nobody", "new", "c000001"]
    assert body["answers"][1]["status"] == "unknown_customer"
    assert body["answers"][2]["status"] == "ok"


def test_the_envelope_names_model_release_and_as_of_when_answered(client: TestClient) -> None:
    body = answers(client, "/v1/churn", customers=["c000001"])
    assert body["model"] == {"name": "churn", "version": "2", "run_id": "a" * 32}
    assert body["release"] == "r000001"
    assert body["as_of"] == "2018-01-01"


def test_the_answer_is_the_same_when_it_is_asked_alone_or_among_many(client: TestClient) -> None:
    ids = [f"c{number:06d}" for number in range(200)]
    many = answers(client, "/v1/repurchase", customers=ids)["answers"]
    assert [answers(client, "/v1/repurchase", customers=[each])["answers"][0] for each in ids[:20]] == many[:20]


def test_reasons_come_when_asked_for(client: TestClient) -> None:
    ids = [f"c{number:06d}" for number in range(20)]
    body = answers(client, "/v1/churn", customers=ids, reasons=2)
    assert any(answer["reasons"] for answer in body["answers"])
    assert all(len(answer["reasons"] or []) <= 2 for answer in body["answers"])


def test_models_says_what_serves(client: TestClient) -> None:
    response = client.get("/v1/models", follow_redirects=False)
    assert response.status_code == 200
    body = response.json()
    assert body["release"] == "r000001"
    assert body["customers"] == 200
    churn = body["models"]["churn"]
    assert churn["model"]["version"] == "2"
    assert churn["evaluated_version"] == "1"
    assert churn["evidence"]["metrics"] == {"test.auc.h30": 0.8}
    assert "recency_days" in churn["features"]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/metrics"])
def test_probes_answer_when_a_release_is_open(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_the_page_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/")
    assert page.url.path == "/docs"
    assert "https://" not in page.text
    assert "http://" not in page.text
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-light-32x32.png"):
        assert asset in page.text
        assert client.get(f"/static_content/{asset}").status_code == 200


@pytest.mark.parametrize("count", [1, 100])
def test_a_figure_that_is_not_finite_is_never_sent(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    from models.churn import Churn

    monkeypatch.setattr(Churn, "adjust", lambda self, scores: np.append(scores[:-1], [[np.nan]], axis=0))
    # with reasons the model is asked anew
    response = client.post("/v1/churn", json={"customers": ["c000001"] * count, "reasons": 1})
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "invalid_model_output"


def test_no_internals_are_shown_when_a_prediction_fails(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.churn import Churn

    def broken(self: Churn, served: Served, request: Any) -> Any:
        raise RuntimeError("secret")

    monkeypatch.setattr(Churn, "reply", broken)
    response = client.post("/v1/churn", json={"customers": ["c000001"]})
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal"
    assert "secret" not in response.text


def test_the_answer_comes_at_once_when_a_page_fails(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    # BentoML's timeout would wait a minute for an answer that an exception has made impossible
    monkeypatch.setattr("service.pages.encode", lambda response: 1 // 0)
    response = client.get("/v1/models", headers={"X-Request-Id": "crm-42"})
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal"
    assert response.headers["X-Request-Id"] == "crm-42"
    assert response.elapsed.total_seconds() < 5


def test_unknown_paths_leave_one_metric_label_when_there_are_many(client: TestClient) -> None:
    for number in range(5):
        client.get(f"/invented/{number}")
    assert "invented" not in client.get("/metrics").text


def test_the_service_says_why_when_nothing_is_published(open_client: Any, tmp_path: Any) -> None:
    with open_client(tmp_path) as client:
        assert client.get("/livez").status_code == 200
        for response in (
            client.get("/readyz"),
            client.get("/v1/models"),
            client.post("/v1/churn", json={"customers": ["c000001"]}),
        ):
            assert response.status_code == 503
            assert response.json()["error"]["code"] == "no_release"


def test_the_service_says_why_when_no_folder_is_named(open_client: Any) -> None:
    with open_client(None) as client:
        response = client.get("/readyz")
        assert response.status_code == 503
        assert "FORESELL_RELEASES" in response.json()["error"]["message"]


def test_the_service_lives_but_is_not_ready_when_opening_fails_unforeseen(
    open_client: Any, published: Releases, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr("service.current.open_release", broken)
    with open_client(published.folder) as client:
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").json()["error"]["code"] == "release_unusable"
