from dataclasses import replace
from datetime import date
from typing import ClassVar

import numpy as np
import pytest

from models import columns as col
from models.churn import LEVELS, NO_LEVEL, Churn, ChurnSettings
from models.prediction import Examples
from models.settings import FeatureSettings
from tests.synthetic import AS_OF, people

NAN = np.nan
CHURN = Churn(FeatureSettings(), ChurnSettings())


def target_of(
    next_order_days: list[float], *, recency_days: list[float] | None = None, observed_days: int = 40
) -> list:
    customers = people(recency_days=recency_days or [1.0] * len(next_order_days))
    limit = date.fromordinal(AS_OF.toordinal() + observed_days)
    found = CHURN.target(Examples(customers, {col.NEXT_ORDER_DAYS: np.array(next_order_days)}, limit))
    assert found.shape == (len(next_order_days), 1)
    return [None if np.isnan(value) else int(value) for value in found[:, 0]]


def test_churn_is_no_order_on_any_day_of_the_window():
    # the window of 30 days is day 0 .. 29
    assert target_of([0, 29, 30, NAN]) == [0, 0, 1, 1]


def test_churn_is_known_when_the_window_has_closed():
    assert target_of([5, NAN], observed_days=30) == [0, 1]
    assert target_of([5, NAN], observed_days=29) == [None, None]
    assert target_of([5, NAN], observed_days=0) == [None, None]


def test_churn_is_not_defined_for_those_who_are_not_eligible():
    assert target_of([5, 5, 5], recency_days=[60, 61, NAN]) == [0, None, None]


def test_an_order_after_the_limit_is_not_known():
    # the order on day 35 lies after the limit of day 30: the window of 30 days is empty either way
    assert target_of([35], observed_days=30) == target_of([NAN], observed_days=30) == [1]


def test_the_eligible_ordered_in_the_last_active_days():
    customers = people(recency_days=[1, 60, 61, NAN])
    assert CHURN.eligible(customers).tolist() == [True, True, False, False]
    shorter = Churn(FeatureSettings(), ChurnSettings(active_days=59))
    assert shorter.eligible(customers).tolist() == [True, False, False, False]
    assert "59 days" in shorter.not_eligible


def test_levels_are_cut_at_the_configured_thresholds():
    scores = np.array([[0.0], [0.1999], [0.2], [0.4999], [0.5], [1.0]])
    figures = CHURN.figures(scores, np.full(6, np.datetime64(AS_OF)))
    assert figures == {
        "probability": [0.0, 0.1999, 0.2, 0.4999, 0.5, 1.0],
        "level": ["low", "low", "medium", "medium", "high", "high"],
    }


def test_figures_are_empty_when_nobody_is_eligible():
    assert CHURN.figures(np.empty((0, 1)), np.empty(0, "datetime64[D]")) == {"probability": [], "level": []}


def test_the_one_horizon_is_the_one_task():
    churn = Churn(FeatureSettings(), ChurnSettings(horizon=45))
    assert churn.horizons == (45,)
    assert [(task.tag, task.horizon, task.chooses) for task in churn.tasks] == [("h45", 45, True)]


class Halves:
    """Everybody churns with probability 1/2, or with what is set."""

    def __init__(self, value: float = 0.5) -> None:
        self.value = value

    def score(self, customers):
        return np.full((len(customers), 1), self.value)


def test_only_eligible_customers_with_a_closed_window_are_measured():
    customers = people(recency_days=[1, 2, 3, 61])
    as_of = customers.as_of.copy()
    as_of[2] += np.timedelta64(11, "D")
    known = Examples(
        replace(customers, as_of=as_of), {col.NEXT_ORDER_DAYS: np.array([5, NAN, 5, 5])}, date(2018, 2, 10)
    )
    found = CHURN.measure(Halves(), known, CHURN.tasks[0])
    assert found.outcome.tolist() == [0, 1]
    assert found.loss == pytest.approx([np.log(2)] * 2)


@pytest.mark.parametrize("value", [NAN, np.inf, -0.01, 1.01])
def test_a_score_is_refused_when_it_is_no_probability(value):
    with pytest.raises(ValueError, match=r"churn: a probability is outside 0\.\.1 or not a number"):
        CHURN.score(Halves(value), people(recency_days=[1]))


class Tenths:
    """A fitted method whose probability is the recency in tenths."""

    method = "tenths"
    choices: ClassVar = {}

    def score(self, customers):
        return customers.column("recency_days").astype(float)[:, None] / 10

    def parts(self):
        return {}


def test_each_customer_has_the_level_of_its_answer_and_none_when_not_eligible():
    # 0.1, 0.2 and 0.5 against the thresholds 0.2 and 0.5; then somebody long gone, and somebody who never came
    customers = people(recency_days=[1, 2, 5, 61, NAN])
    levels = CHURN.prepare(Tenths(), customers)["level"]
    assert levels.dtype == np.int8
    assert [LEVELS[level] if level != NO_LEVEL else None for level in levels] == ["low", "medium", "high", None, None]
