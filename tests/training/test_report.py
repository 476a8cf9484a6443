import json
from datetime import timedelta

import numpy as np
import pytest

from models.settings import Settings, SourceSettings
from tests.training.outcomes import intake, outcome
from training import report


@pytest.fixture(scope="module")
def churn():
    return outcome("churn", method="blend")


@pytest.fixture(scope="module")
def rival_won():
    return outcome("churn", method="rfm_logistic")


def settings(tmp_path):
    return Settings(workspace=tmp_path, source=SourceSettings(builtin="complete-journey"))


def test_metrics_bear_the_names_of_the_design(churn):
    found = report.metrics(churn, {"h30": 0.01})
    for name in (
        "test.auc.h30", "test.auc.h30.low", "test.auc.h30.high",
        "rival.bg_nbd.auc.h30", "rival.bg_nbd.auc.h30.low", "rival.bg_nbd.auc.h30.high",
        "rival.rfm_logistic.log_loss.h30", "rival.recency.brier.h30", "own.blend.auc.h30",
        "paired.bg_nbd.auc.h30", "paired.bg_nbd.auc.h30.low",
        "validation.loss.h30", "rival.bg_nbd.validation.loss.h30", "test.calibration_error_floor.h30",
    ):  # fmt: skip
        assert name in found
    assert found["test.auc.h30"] == found["own.blend.auc.h30"] == churn.figures["blend"]["h30"]["auc"].value


def test_test_metrics_and_rivals_keep_their_names_when_a_rival_was_chosen(churn, rival_won):
    ours, theirs = report.metrics(churn, {}), report.metrics(rival_won, {})
    assert {name for name in ours if not name.startswith("paired.")} == {
        name for name in theirs if not name.startswith("paired.")
    }
    assert theirs["test.auc.h30"] == theirs["rival.rfm_logistic.auc.h30"] == ours["rival.rfm_logistic.auc.h30"]
    assert theirs["own.blend.auc.h30"] == ours["test.auc.h30"]
    assert theirs["paired.blend.auc.h30"] == pytest.approx(theirs["test.auc.h30"] - theirs["own.blend.auc.h30"])


def test_validation_loss_is_the_mean_over_customers_and_folds(churn):
    assert report.metrics(churn, {})["validation.loss.h30"] == np.mean(churn.validation["blend"]["h30"])


def test_a_metric_that_is_not_finite_is_left_out(churn):
    assert "test.calibration_error_floor.h30" not in report.metrics(churn, {"h30": float("nan")})


def test_parameters_bear_the_paths_of_the_configuration(churn, tmp_path):
    found = report.parameters(churn, settings(tmp_path))
    assert found["method"] == "blend"
    assert found["predictions.churn.horizon"] == "30"
    assert found["cutoffs.step_days"] == "14"
    assert found["training.seed"] == "1"
    assert found["features.timezone"] == "UTC"
    assert found["features.fingerprint"] == churn.artifact.fingerprint
    assert json.loads(found["choices.trees"]) == churn.artifact.fitted.choices["trees"]


def test_training_cutoffs_end_before_the_test_cutoff(churn):
    (task,) = churn.prediction.tasks
    found = report.windows(churn, task)
    test = churn.plan.test["h30"]
    assert found["test"] == [test.isoformat()]
    assert found["training"][-1] <= (test - timedelta(30)).isoformat()
    assert found["training"] == sorted(found["training"])


def test_cutoffs_are_parameters_by_horizon(churn, tmp_path):
    found = report.parameters(churn, settings(tmp_path))
    windows = report.windows(churn, churn.prediction.tasks[0])["training"]
    assert found["cutoff.test.h30"] == churn.plan.test["h30"].isoformat()
    assert found["cutoff.training.h30"] == f"{windows[0]}..{windows[-1]} ({len(windows)})"
    assert found["cutoff.validation.h30"].endswith("(2)")


def test_evidence_is_plain_data_with_figures_and_data(churn):
    found = json.loads(json.dumps(report.evidence(churn, intake(), {"h30": 0.02}, run_id="r1")))
    assert found["run_id"] == "r1"
    assert found["data"] == {"fingerprint": "f" * 64, "rows": {"order_lines": 1234, "products": 56, "events": 0}}
    assert found["test"]["h30"]["auc"].keys() == {"value", "low", "high"}
    assert set(found["rivals"]) == set(churn.prediction.rivals) >= {"pareto_nbd", "bg_nbd", "rfm_logistic", "recency"}
    assert set(found["validation_loss"]) == set(churn.prediction.methods) >= {"blend", "pareto_nbd"}


def test_calibration_floor_is_small_against_a_wrong_model(churn):
    (floor,) = report.calibration_floors(churn, seed=1).values()
    assert 0 < floor < 0.1
