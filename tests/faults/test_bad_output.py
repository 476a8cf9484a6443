"""Row 7 of what is promised: a model's figure that is not finite is an error, counted, and never an answer.

Its golden rows may well be right: what is broken here is broken in memory, after the release was opened.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import lightgbm
import numpy as np
import pytest
from starlette.testclient import TestClient

from models.lookalike.audience import VECTORS
from models.next_best_product.asking import Asked
from models.next_best_product.profiles import Floats
from models.next_best_product.recommender import FittedRecommender, Scorer
from models.prediction import Customers, Fitted, Scores
from models.release import Releases
from service.app import _PAGES
from service.current import Current
from service.openapi import ErrorBody
from tests.service.conftest import client_of
from tests.service.releases import customer_ids

LINE = {"ordered_at": "2017-12-20T10:00:00", "product_id": "1", "order_id": "o1", "quantity": 1, "amount": 3.5}
INLINE = {"customer_id": "new", "as_of": "2018-01-01", "order_lines": [LINE]}
NOT_FINITE = (np.nan, np.inf, -np.inf)


@pytest.fixture(scope="module")
def client(sound: Releases) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as monkeypatch, client_of(sound.folder, monkeypatch) as opened:
        yield opened


@pytest.fixture
def current(client: TestClient) -> Iterator[Current]:
    """What the service answers from; a test may put something else in its place."""
    found: Current = _PAGES.state.current
    before = found.release
    yield found
    found.swap(before)


@dataclass(frozen=True)
class Broken:
    """A fitted method whose scores are all the same figure."""

    fitted: Fitted
    figure: float

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fitted, name)

    def score(self, customers: Customers) -> Scores:
        return np.full_like(self.fitted.score(customers), self.figure)


def without_figures(value: Any) -> Any:
    """Return the same with NaN for every figure of every array in it."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return np.full_like(value, np.nan)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: without_figures(getattr(value, field.name)) for field in fields(value)})
    if isinstance(value, dict):
        return {key: without_figures(each) for key, each in value.items()}
    return value


def put(current: Current, prediction: str, fitted: Any, **other: Any) -> None:
    release = current.release
    broken = replace(release.served[prediction], fitted=fitted, **other)
    current.swap(replace(release, served={**release.served, prediction: broken}))


def counted(client: TestClient, prediction: str) -> float:
    """Return how many such errors the metrics tell of."""
    told = [line for line in client.get("/metrics").text.splitlines() if line.startswith("foresell_errors_total{")]
    label = f'endpoint="/v1/{prediction}"'
    return sum(float(line.split()[-1]) for line in told if label in line and 'code="invalid_model_output"' in line)


@pytest.mark.parametrize(
    ("figure", "body"),
    [
        *((figure, {"customers": customer_ids(3)}) for figure in NOT_FINITE),
        (np.nan, {"customers": customer_ids()[1:2]}),
        (np.nan, {"customers": customer_ids() * 3}),
        (np.inf, {"customers": customer_ids(), "reasons": 1}),
        (np.nan, {"customers": [INLINE]}),
    ],
    ids=["nan", "inf", "-inf", "one customer", "many customers", "reasons", "a history"],
)
@pytest.mark.parametrize("prediction", ["churn", "repurchase"])
def test_a_score_that_is_not_finite_is_an_error_that_is_counted(
    client: TestClient, current: Current, prediction: str, body: dict[str, Any], figure: float
) -> None:
    before = counted(client, prediction)
    # without the scores that the release holds of everybody: the model is asked
    put(current, prediction, Broken(current.release.served[prediction].fitted, figure), prepared={})
    answer = client.post(f"/v1/{prediction}", json=body)
    assert answer.status_code == 500, answer.text[:500]
    assert ErrorBody.model_validate_json(answer.content).error.code == "invalid_model_output"
    assert counted(client, prediction) == before + 1


def test_a_ranker_that_returns_no_figure_is_an_error_that_is_counted(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"customers": customer_ids(3)}
    assert client.post("/v1/next-best-product", json=body).status_code == 200
    before = counted(client, "next-best-product")
    monkeypatch.setattr(lightgbm.Booster, "predict", lambda self, rows, **_: np.full(len(rows), np.nan))
    answer = client.post("/v1/next-best-product", json=body)
    assert answer.status_code == 500, answer.text[:500]
    assert ErrorBody.model_validate_json(answer.content).error.code == "invalid_model_output"
    assert counted(client, "next-best-product") == before + 1


@dataclass(frozen=True)
class BrokenScorer:
    """A scorer whose scores are all the same figure."""

    scorer: Scorer
    figure: float

    def __getattr__(self, name: str) -> Any:
        return getattr(self.scorer, name)

    def score(self, asked: Asked) -> Floats:
        return np.full((len(asked), asked.profiles.items), self.figure)


@pytest.mark.parametrize("figure", [np.nan, np.inf])
@pytest.mark.parametrize("mode", ["any", "new", "repeat", "basket"])
def test_products_of_a_method_without_figures_are_an_error(
    client: TestClient, current: Current, mode: str, figure: float
) -> None:
    fitted = current.release.served["next-best-product"].fitted
    assert isinstance(fitted, FittedRecommender)
    levels = {name: replace(level, scorer=BrokenScorer(level.scorer, figure)) for name, level in fitted.levels.items()}
    body: dict[str, Any] = {"customers": customer_ids(3), "mode": mode}
    if mode == "basket":
        body["basket"] = [LINE["product_id"]]
    put(current, "next-best-product", replace(fitted, levels=levels))
    answer = client.post("/v1/next-best-product", json=body)
    assert answer.status_code == 500, answer.text[:500]
    assert ErrorBody.model_validate_json(answer.content).error.code == "invalid_model_output"


def test_an_audience_of_a_model_without_figures_is_an_error(client: TestClient, current: Current) -> None:
    served = current.release.served["lookalike"]
    (body, *_) = served.prediction.examples(served)
    assert client.post("/v1/lookalike", json=body).status_code == 200
    before = counted(client, "lookalike")
    prepared = {name: without_figures(array) for name, array in served.prepared.items()}
    put(current, "lookalike", without_figures(served.fitted), prepared=prepared)
    answer = client.post("/v1/lookalike", json=body)
    assert answer.status_code == 500, answer.text[:500]
    assert ErrorBody.model_validate_json(answer.content).error.code == "invalid_model_output"
    assert counted(client, "lookalike") == before + 1


def test_an_audience_is_an_error_when_one_customer_of_all_has_no_figure(client: TestClient, current: Current) -> None:
    served = current.release.served["lookalike"]
    (body, *_) = served.prediction.examples(served)
    vectors = served.prepared[VECTORS].copy()
    vectors[np.setdiff1d(np.arange(len(vectors)), served.store.rows_of(body["seeds"]))[-1]] = np.nan
    put(current, "lookalike", served.fitted, prepared={**served.prepared, VECTORS: vectors})
    answer = client.post("/v1/lookalike", json=body)
    assert answer.status_code == 500, answer.text[:500]
    assert ErrorBody.model_validate_json(answer.content).error.code == "invalid_model_output"
