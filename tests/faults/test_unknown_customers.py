"""Row 8 of what is promised: who is unknown or not eligible is told so in the own place; nobody's score is made up.

What holds for the answers of any prediction and any method is in ``tests/contracts``; here they are asked over HTTP.
"""

from typing import Any

import pytest
from starlette.testclient import TestClient

from models import predictions
from models.messages import AboutCustomers
from models.prediction import Prediction
from models.release import Releases
from models.store import open_store
from tests.service.releases import AS_OF, NAMES, customer_ids

ABOUT_CUSTOMERS = tuple(each for each in predictions() if issubclass(each.request, AboutCustomers))
UNKNOWN = ("nobody", "C000001", "c000001 ", "顾客", "x" * 256)
TOLD = frozenset({"customer_id", "status", "explanation", "as_of"})


def long_gone(sound: Releases) -> list[str]:
    """Return customers of the store who have not ordered for longer than churn is defined for."""
    store = open_store(sound.part(sound.current().store))
    recency = store.features[:, NAMES.index("recency_days")]
    gone = [each for each, days in zip(customer_ids(), recency, strict=True) if days > 60]
    assert gone
    return gone[:3]


def without_history() -> dict[str, Any]:
    return {"customer_id": "new", "as_of": AS_OF.isoformat(), "order_lines": []}


def ask(client: TestClient, prediction: Prediction, customers: list[Any]) -> list[dict[str, Any]]:
    answer = client.post(f"/v1/{prediction.name}", json={"customers": customers})
    assert answer.status_code == 200, answer.text
    answers: list[dict[str, Any]] = answer.json()["answers"]
    ids = [each["customer_id"] if isinstance(each, dict) else each for each in customers]
    assert [each["customer_id"] for each in answers] == ids
    return answers


def leaves(value: Any) -> list[Any]:
    """Return every figure and text in a part of an answer, but for the days of its horizons."""
    if isinstance(value, dict):
        return [leaf for name, each in value.items() if name not in ("horizon", "days") for leaf in leaves(each)]
    return [leaf for each in value for leaf in leaves(each)] if isinstance(value, list) else [value]


def assert_not_scored(prediction: Prediction, answer: dict[str, Any]) -> None:
    if prediction.name != "next-best-product":
        assert {leaf for name, value in answer.items() if name not in TOLD for leaf in leaves(value)} <= {None}
        return
    # what sells best, and said to be no more than that
    assert answer["products"]
    assert all(product["fallback"] for product in answer["products"])


@pytest.mark.parametrize("prediction", ABOUT_CUSTOMERS, ids=lambda each: each.name)
def test_who_is_unknown_is_told_so_beside_who_is_answered(sound_client: TestClient, prediction: Prediction) -> None:
    known = list(customer_ids(20))
    alone = ask(sound_client, prediction, known)
    mixed = ask(sound_client, prediction, [one for pair in zip(known, UNKNOWN * 4, strict=True) for one in pair])
    # the others' answers are those that they get without them
    assert mixed[::2] == alone
    assert "ok" in {each["status"] for each in alone}
    for answer in mixed[1::2]:
        assert answer["status"] == "unknown_customer"
        assert_not_scored(prediction, answer)


@pytest.mark.parametrize("prediction", ABOUT_CUSTOMERS, ids=lambda each: each.name)
def test_who_is_not_eligible_is_told_so_and_why(
    sound_client: TestClient, sound: Releases, prediction: Prediction
) -> None:
    gone = long_gone(sound) if prediction.name == "churn" else []
    answers = ask(sound_client, prediction, [*gone, without_history(), customer_ids()[0]])
    for answer in answers[:-1]:
        assert answer["status"] == "not_eligible"
        assert answer["explanation"]
        assert_not_scored(prediction, answer)


@pytest.mark.parametrize("prediction", ABOUT_CUSTOMERS, ids=lambda each: each.name)
def test_a_call_about_nobody_that_is_known_is_answered(sound_client: TestClient, prediction: Prediction) -> None:
    answers = ask(sound_client, prediction, list(UNKNOWN))
    assert {each["status"] for each in answers} == {"unknown_customer"}


def test_seeds_that_are_unknown_are_named_and_nobody_is_scored_for_them(sound_client: TestClient) -> None:
    (prediction,) = (each for each in predictions() if not issubclass(each.request, AboutCustomers))
    seeds = customer_ids()[:40]
    asked = {"seeds": [*seeds, *UNKNOWN], "size": 20}
    answer = sound_client.post(f"/v1/{prediction.name}", json=asked).json()
    assert sorted(answer["seeds_unknown"]) == sorted(UNKNOWN)
    assert answer["seeds_unknown_count"] == len(UNKNOWN)
    without = sound_client.post(f"/v1/{prediction.name}", json={"seeds": seeds, "size": 20}).json()
    assert answer["audience"] == without["audience"]
    assert {each["customer_id"] for each in answer["audience"]} <= set(customer_ids()) - set(seeds)
    refused = sound_client.post(f"/v1/{prediction.name}", json={"seeds": list(UNKNOWN), "size": 20})
    assert refused.status_code == 422
