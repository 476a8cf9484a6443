from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models import columns as col
from models import prediction_named
from models.metrics import BinaryMeasurement, QueryMeasurement
from models.prediction import Examples, Prediction
from models.ranking import measured
from models.settings import Attribute, CutoffSettings, FeatureSettings, ModelSettings, TrainingSettings
from tests.training.outcomes import NAMES, examples
from training.cutoffs import Plan, plan
from training.inspection import inspect
from training.leaks import SHUFFLED, SINGLE, Check, Window, leak_checks

CHURN = prediction_named("churn")
(TASK,) = CHURN.tasks
PLAN = plan(CutoffSettings(), CHURN.tasks, first_day=date(2017, 1, 1), end=date(2017, 12, 1))
DAY = PLAN.validation["h30"][0]
EVENT = BinaryMeasurement(np.zeros(1), np.zeros(1))
FITTED = SimpleNamespace(method="blend", choices={"trees": [100]})


def history() -> Examples:
    """The same customers anew at each cutoff of a fit at the validation window, and at the window."""
    days = PLAN.training(DAY, 30)
    each = [examples(300, seed=seed) for seed in range(len(days))]
    first = each[0].customers
    as_of = np.repeat(np.array(days, dtype="datetime64[D]"), 300)
    features = np.concatenate([one.customers.features for one in each])
    labels = np.concatenate([one.labels[col.NEXT_ORDER_DAYS] for one in each])
    # as in any history, what one feature says others say too
    features[:, NAMES.index("recency_2nd_days")] = features[:, NAMES.index("recency_days")] + 3
    people = replace(first, ids=[""] * len(as_of), as_of=as_of, features=features)
    return Examples(people, {col.NEXT_ORDER_DAYS: labels}, PLAN.end)


def checks(
    examples: Examples, laid: Plan = PLAN, kind: object = EVENT, prediction: Prediction = CHURN, fitted: Any = FITTED
):
    window = Window(prediction, laid, TASK, DAY, examples, seed=1)
    return {check.name: check for check in leak_checks(window, window, kind, fitted=fitted)}


def test_labels_are_shuffled_before_a_validation_window_and_features_looked_at_in_the_test_window(monkeypatch):
    def days(window, newest, *_, **__):
        return tuple(Check(name, True, str(each.day)) for name, each in ((SHUFFLED, window), (SINGLE, newest)))

    monkeypatch.setattr("training.inspection.leak_checks", days)
    nobody = SimpleNamespace(
        prediction=CHURN,
        plan=PLAN,
        examples=examples(4),
        settings=SimpleNamespace(training=TrainingSettings(), features=FeatureSettings()),
        progress=lambda *_: None,
        fit=lambda *_: FITTED,
        customers_on_test=lambda *_: None,
    )
    found = inspect(nobody, "blend", {"blend": {"h30": EVENT}})
    assert [check.told for check in found.checks] == [str(DAY), str(PLAN.test["h30"])]


def test_an_honest_history_passes_both_checks():
    found = checks(history())
    assert {name: check.passed for name, check in found.items()} == {SHUFFLED: True, SINGLE: True}
    assert "no feature is too good; the best is recency_" in found[SINGLE].told


class Careless(Plan):
    """Lets a fit learn from the very window that it is measured on."""

    def examples(self, examples: Examples, limit: date, horizon: int) -> Examples:
        return examples.known_by(limit + timedelta(horizon))


def test_shuffled_labels_fail_when_a_fit_has_seen_its_validation_window():
    found = checks(history(), Careless(**vars(PLAN)))[SHUFFLED]
    assert found.passed is False
    assert "it has seen the windows that it is measured on; do not trust its figures" in found.told


def planted(noise: float, feature: str = NAMES[-1]) -> Examples:
    """A history one of whose features, the last by default, tells the outcome, but for some."""
    honest = history()
    churned = CHURN.target(honest)[:, 0]
    rng = np.random.default_rng(5)
    told = np.where(rng.random(len(honest)) < noise, rng.integers(0, 2, len(honest)), np.nan_to_num(churned))
    features = honest.customers.features.copy()
    features[:, NAMES.index(feature)] = told
    return replace(honest, customers=replace(honest.customers, features=features))


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_a_feature_that_knows_the_outcome_is_named(noise):
    leaky = planted(noise)
    found = checks(leaky)[SINGLE]
    assert found.passed is False
    assert found.told.startswith(f"{leaky.customers.names[-1]} is too good to be true: alone it reaches an AUC of")
    assert found.told.endswith("find out when its values become known: it may say what the customer did later")


def test_an_attribute_that_knows_the_outcome_is_named_though_each_level_repeats_the_other():
    attribute = Attribute(name="gone", kind="categorical", levels=("yes", "no"))
    knowing = prediction_named("churn", ModelSettings(features=FeatureSettings(attributes=(attribute,))))
    leaky = planted(0.2)
    told = leaky.customers.column(NAMES[-1])
    levels = np.column_stack((told, 1 - told))
    customers = replace(
        leaky.customers,
        features=np.column_stack((leaky.customers.features[:, :-1], levels)),
        names=(*NAMES[:-1], "attribute_gone_yes", "attribute_gone_no"),
    )
    found = checks(replace(leaky, customers=customers), prediction=knowing)[SINGLE]
    assert found.passed is False
    assert found.told.startswith("attribute_gone_yes is too good to be true: alone it reaches an AUC of 0.895")
    assert "without the 2 levels of its attribute; find out when" in found.told


def test_a_feature_whose_nulls_know_the_outcome_is_named():
    leaky = planted(0.0)
    features = leaky.customers.features
    features[features[:, -1] == 1, -1] = np.nan
    assert checks(leaky)[SINGLE].passed is False


def lapsed(feature: str) -> Examples:
    """A history in which two features say alike, and rightly, who has gone."""
    told = planted(0.0, feature)
    features = told.customers.features
    features[:, NAMES.index("recency_2nd_days")] = features[:, NAMES.index(feature)]
    return told


def test_a_feature_of_orders_may_tell_the_outcome_alone_and_one_of_a_users_own_tables_may_not():
    honest, leaky = checks(lapsed("recency_days"))[SINGLE], checks(lapsed("event_recency_days"))[SINGLE]
    assert honest.passed is True
    assert "alone it reaches an AUC of 1.000" in honest.told
    assert leaky.passed is False
    # the feature of orders is as good, and comes first
    assert leaky.told.startswith("event_recency_days is too good to be true: alone it reaches an AUC of 1.000")


def rare(events: int, where: str) -> Examples:
    """A history in which so many do not come back, either at the cutoffs that are learnt from or in the window."""
    honest = history()
    eligible = ~np.isnan(CHURN.target(honest)[:, 0])
    at_window = honest.customers.as_of == np.datetime64(DAY, "D")
    closed = honest.customers.as_of + np.timedelta64(30, "D") <= np.datetime64(DAY, "D")
    days = np.where(np.arange(len(honest)) % 2, 5.0, 100.0)
    rows = np.flatnonzero(eligible & (at_window if where == "window" else closed))
    days[rows] = 5
    days[rows[:events]] = 100
    return replace(honest, labels={col.NEXT_ORDER_DAYS: days})


@pytest.mark.parametrize("where", ["window", "learnt"])
def test_neither_check_is_made_with_fewer_than_thirty_events(where):
    few, enough = checks(rare(29, where)), checks(rare(30, where))
    assert [check.passed for check in few.values()] == [None, None]
    for check in few.values():
        place = "to be measured on" if where == "window" else "to learn from"
        assert f"examples {place}, 29 have the rarer outcome, and 30 are needed" in check.told
    assert None not in [check.passed for check in enough.values()]


def test_a_check_with_one_outcome_says_that_there_is_no_other():
    honest = history()
    nobody_left = replace(honest, labels={col.NEXT_ORDER_DAYS: np.zeros(len(honest))})
    for check in checks(nobody_left).values():
        assert check.passed is None
        assert "examples to learn from, none have the rarer outcome" in check.told


@pytest.mark.parametrize(
    ("kind", "passed"),
    [
        (measured([], [], [], offered=np.zeros(0, bool)), {SHUFFLED: None, SINGLE: None}),
        (QueryMeasurement(np.zeros(1), np.zeros((1, 14))), {SHUFFLED: None, SINGLE: True}),
    ],
)
def test_a_check_without_a_meaning_says_so(kind, passed):
    # what a fit chose may take a minute to find out, and nobody needs it here
    found = checks(history(), kind=kind, fitted=SimpleNamespace(method="blend"))
    assert {name: check.passed for name, check in found.items()} == passed
    assert found[SHUFFLED].told.startswith("it has no meaning here: ")
