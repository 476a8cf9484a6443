import socket
import time

import numpy as np
import pytest

from models.artifact import load_artifact
from models.errors import AddressInUseError, ConfigError, ModelMissingError, NotEnoughDataError, TrackingError
from tests.training.conftest import workspace_settings
from tests.training.outcomes import intake, outcome
from training import mlflow_ui, tracking
from training.card import Versions
from training.tracking import CHALLENGER, Tracker


@pytest.fixture(scope="module")
def churn():
    return outcome("churn", method="blend")


@pytest.fixture(scope="module")
def logged(new_tracker, churn):
    """A tracker, and the run of one training with everything about it."""
    tracker = new_tracker()
    with tracker.run("churn", "first", kind="train") as run_id:
        tracker.log_outcome(run_id, churn, intake())
        tracker.register("churn", run_id, aliases=(CHALLENGER,))
    return tracker, run_id


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_run_ends_finished_in_the_experiment_of_its_prediction(logged):
    tracker, run_id = logged
    run = tracker.client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert tracker.client.get_experiment(run.info.experiment_id).name == "churn"
    assert run.data.tags["foresell.kind"] == "train"


def test_run_ends_failed_with_one_line_when_the_training_raises(tracker):
    with pytest.raises(NotEnoughDataError), tracker.run("churn", "bad", kind="train") as run_id:
        raise NotEnoughDataError("too few\nsecond line")
    run = tracker.client.get_run(run_id)
    assert run.info.status == "FAILED"
    assert run.data.tags["foresell.error"] == "too few"


def test_run_ends_killed_when_somebody_interrupts_it(tracker):
    with pytest.raises(KeyboardInterrupt), tracker.run("churn", "stopped", kind="train") as run_id:
        raise KeyboardInterrupt
    run = tracker.client.get_run(run_id)
    assert (run.info.status, run.data.tags["foresell.error"]) == ("KILLED", "KeyboardInterrupt")


def test_first_error_is_the_one_raised_when_the_failure_cannot_be_noted(tracker, monkeypatch):
    def down(*args):
        raise tracker.mlflow.MlflowException("gone")

    monkeypatch.setattr(tracker.client, "set_tag", down)
    with pytest.raises(NotEnoughDataError, match="too few"), tracker.run("churn", "bad", kind="train"):
        raise NotEnoughDataError("too few")


def test_run_follows_from_its_parent(tracker):
    with (
        tracker.run("churn", "a", kind="train") as first,
        tracker.run("churn", "b", kind="serve", parent=first) as second,
    ):
        pass
    assert tracker.client.get_run(second).data.tags["mlflow.parentRunId"] == first


def test_run_carries_parameters_metrics_and_data(logged, churn):
    tracker, run_id = logged
    run = tracker.client.get_run(run_id)
    assert run.data.params["method"] == "blend"
    assert run.data.params["cutoff.test.h30"] == churn.plan.test["h30"].isoformat()
    assert run.data.metrics["test.auc.h30"] == churn.figures["blend"]["h30"]["auc"].value
    assert run.data.metrics["rival.bg_nbd.auc.h30.low"] == churn.figures["bg_nbd"]["h30"]["auc"].low
    assert run.data.tags["data.fingerprint"] == "f" * 64
    assert run.data.tags["data.rows.order_lines"] == "1234"
    inputs = {each.dataset.name: each.dataset for each in run.inputs.dataset_inputs}
    assert set(inputs) == {"order_lines", "products"}
    assert inputs["order_lines"].digest == "f" * 12
    assert '"num_rows":1234' in inputs["order_lines"].profile


def test_validation_losses_come_back_as_they_were(logged, churn):
    tracker, run_id = logged
    found = tracker.validation_losses(run_id)
    assert found.keys() == churn.validation.keys()
    for method, by_task in churn.validation.items():
        assert found[method].keys() == by_task.keys()
        np.testing.assert_array_equal(found[method]["h30"], by_task["h30"])


def test_evidence_comes_back_with_the_run(logged, churn):
    tracker, run_id = logged
    found = tracker.evidence(run_id)
    assert found["run_id"] == run_id
    assert found["test"]["h30"]["auc"]["value"] == churn.figures["blend"]["h30"]["auc"].value


def test_artifact_comes_back_and_proves_itself(logged, churn, tmp_path):
    tracker, run_id = logged
    folder = tracker.download_artifact_folder(run_id, tracking.ARTIFACT, tmp_path)
    found = load_artifact(folder, tracker.artifact_digest(run_id))
    np.testing.assert_array_equal(found.golden_scores(), churn.artifact.golden_scores())


def test_run_has_plots_and_a_card_and_no_pickle(logged):
    tracker, _ = logged
    files = [path for path in tracker.artifacts.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"lift.png", "gain.png", "calibration.png", "roc.png", "precision_recall.png", "importance.png"} <= names
    assert "model_card.html" in names
    assert not [path for path in files if path.suffix in {".pkl", ".pickle", ".joblib", ".pt", ".dill"}]
    # a pickle of any protocol from 2 on begins so, whatever its name
    assert not [path for path in files if path.read_bytes()[:1] == b"\x80"]


def test_card_names_the_serving_version_when_it_is_written_again(logged, tmp_path):
    tracker, run_id = logged
    tracker.log_card(run_id, of=run_id, versions=Versions(evaluated=1, served=2, served_run="run-2"))
    page = tracker.download_artifact_folder(run_id, tracking.CARD, tmp_path).read_text("utf-8")
    assert "Version 2 serves" in page
    assert page.count("data:image/png;base64,") == 5


def test_card_is_written_again_when_the_run_has_nothing_to_draw(tracker, tmp_path, monkeypatch):
    monkeypatch.setattr("training.run_files._plots", lambda *_: {})
    with tracker.run("churn", "plain", kind="train") as run_id:
        tracker.log_outcome(run_id, outcome(), intake())
    tracker.log_card(run_id, of=run_id, versions=Versions(evaluated=1, served=2, served_run="run-2"))
    page = tracker.download_artifact_folder(run_id, tracking.CARD, tmp_path).read_text("utf-8")
    assert "Version 2 serves" in page
    assert "data:image/png" not in page


def test_evidence_of_a_run_that_failed_is_one_clear_error(tracker):
    with tracker.run("churn", "empty", kind="train") as run_id:
        pass
    with pytest.raises(ModelMissingError, match=r"has no evidence\.json: it failed before it ended; train again"):
        tracker.evidence(run_id)


def test_experiment_of_a_workspace_keeps_its_artifacts_there(tracker):
    experiment = tracker.client.get_experiment(tracker.experiment("churn"))
    expected = tracker.settings.workspace / "mlruns" / "artifacts" / "churn"
    assert experiment.artifact_location == expected.as_uri()


def test_a_closed_server_is_one_line_within_seconds(tmp_path):
    began = time.monotonic()
    tracker = Tracker(workspace_settings(tmp_path, f"http://user:secret@127.0.0.1:{free_port()}"))
    with pytest.raises(
        TrackingError, match=r"^MLflow at http://user:\*\*\*@127.* failed: .*; start the server, or set"
    ) as found:
        tracker.experiment("churn")
    assert "\n" not in found.value.message
    assert "secret" not in found.value.message
    assert time.monotonic() - began < 10


def test_a_store_that_cannot_be_opened_is_one_line(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(TrackingError, match=r"^MLflow at sqlite:////.*file/mlflow\.db failed: "):
        Tracker(workspace_settings(tmp_path, f"sqlite:///{tmp_path}/file/mlflow.db"))


def test_ui_becomes_mlflow_on_loopback(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(mlflow_ui.os, "execv", lambda program, command: ran.append(command))
    port = free_port()
    tracking.ui(workspace_settings(tmp_path), port=port)
    (command,) = ran
    assert command[1:4] == ["-m", "mlflow", "ui"]
    assert command[-4:] == ["--host", "127.0.0.1", "--port", str(port)]
    assert f"sqlite:///{tmp_path}/mlruns/mlflow.db" in command


def test_ui_refuses_a_port_in_use(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AddressInUseError, match=f"port {port} is in use; name another with --port"):
            tracking.ui(workspace_settings(tmp_path), port=port)


def test_ui_points_at_the_page_of_a_remote_server(tmp_path):
    with pytest.raises(ConfigError, match="open http://mlflow:5000 in a browser"):
        tracking.ui(workspace_settings(tmp_path, "http://mlflow:5000"), port=5000)
