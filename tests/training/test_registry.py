import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.errors import ModelMissingError, TrackingError
from tests.training.outcomes import outcome
from training.scores import scores
from training.tracking import CHALLENGER, CHAMPION


@pytest.fixture(scope="module")
def fitted():
    return {"churn": outcome("churn").artifact, "repurchase": outcome("repurchase").artifact}


@pytest.fixture(scope="module")
def registered(new_tracker, fitted):
    """A tracker with two versions of churn and one of repurchase."""
    tracker = new_tracker()
    for name in ("churn", "churn", "repurchase"):
        with tracker.run(name, "a run", kind="train") as run_id:
            tracker.log_artifact(run_id, fitted[name])
            tracker.register(name, run_id, aliases=(CHALLENGER,), tags={"note": "first"})
    return tracker


@pytest.mark.parametrize("name", ["churn", "repurchase"])
def test_model_loaded_from_mlflow_gives_the_same_scores(registered, fitted, name):
    registered.mlflow.set_tracking_uri(registered.settings.tracking_uri)
    with registered.answered():
        model = registered.mlflow.pyfunc.load_model(f"models:/{name}@{CHALLENGER}")
    artifact = fitted[name]
    found = model.predict(pd.DataFrame(artifact.golden, columns=list(artifact.names)))
    assert list(found.columns) == [f"h{days}" for days in artifact.prediction.horizons]
    expected = artifact.prediction.adjust(artifact.golden_scores())
    eligible = ~found.isna().any(axis=1).to_numpy()
    assert eligible.any()
    np.testing.assert_array_equal(found.to_numpy()[eligible], expected[eligible])


def test_model_leaves_out_who_is_not_eligible(fitted):
    artifact = fitted["churn"]
    rows = pd.DataFrame(artifact.golden[:2], columns=list(artifact.names))
    rows["recency_days"] = [10.0, 61.0]
    found = scores(artifact, rows)["h30"]
    assert 0 <= found[0] <= 1
    assert np.isnan(found[1])


def test_model_has_a_signature_and_a_synthetic_example(registered, fitted):
    registered.mlflow.set_tracking_uri(registered.settings.tracking_uri)
    with registered.answered():
        info = registered.mlflow.models.get_model_info(f"models:/churn@{CHALLENGER}")
    assert info.signature.inputs.input_names() == list(fitted["churn"].names)
    assert info.signature.outputs.input_names() == ["h30"]
    (example,) = [path for path in Path(registered.artifacts).rglob("input_example.json") if info.model_id in str(path)]
    golden = fitted["churn"].golden
    assert len(json.loads(example.read_bytes())["data"]) == len(golden)


def test_versions_are_newest_first_with_their_aliases(registered):
    newest, oldest = registered.versions("churn")
    assert (newest.version, newest.aliases) == (2, (CHALLENGER,))
    assert (oldest.version, oldest.aliases) == (1, ())
    assert newest.tags["note"] == "first"
    assert newest.run_id != oldest.run_id


def test_alias_moves_and_goes(registered):
    registered.set_alias("churn", CHAMPION, 1)
    assert registered.version_by_alias("churn", CHAMPION).version == 1
    registered.set_alias("churn", CHAMPION, 2)
    assert registered.version_by_alias("churn", CHAMPION).version == 2
    registered.delete_alias("churn", CHAMPION)
    assert registered.version_by_alias("churn", CHAMPION) is None
    registered.delete_alias("churn", CHAMPION)


def test_version_tags_are_noted_and_removed(registered):
    registered.set_version_tag("churn", 1, "held", "rolled back")
    assert registered.version("churn", 1).tags["held"] == "rolled back"
    registered.delete_version_tag("churn", 1, "held")
    assert "held" not in registered.version("churn", 1).tags


def test_a_missing_version_names_those_there_are(registered):
    with pytest.raises(ModelMissingError, match=r"^churn has no version 9; it has 2, 1$"):
        registered.version("churn", 9)


def test_nothing_registered_says_what_to_run(registered):
    assert registered.versions("lookalike") == ()
    assert registered.version_by_alias("lookalike", CHAMPION) is None
    with pytest.raises(
        ModelMissingError, match="lookalike has no version 1; it has none: run `foresell train lookalike`"
    ):
        registered.version("lookalike", 1)
    with pytest.raises(ModelMissingError, match="lookalike has no challenger; run `foresell train lookalike`"):
        registered.require_alias("lookalike", CHALLENGER)


def test_no_champion_says_promote_when_something_was_trained(registered):
    with pytest.raises(ModelMissingError, match="repurchase has no champion; run `foresell promote repurchase`"):
        registered.require_alias("repurchase", CHAMPION)


def test_a_run_without_an_artifact_is_not_registered(registered):
    with registered.run("churn", "empty", kind="train") as run_id:
        pass
    with pytest.raises(ModelMissingError, match="has no artifact: it failed before it ended; train again"):
        registered.register("churn", run_id)
    assert len(registered.versions("churn")) == 2


def test_an_unknown_run_is_one_line(registered, tmp_path):
    with pytest.raises(TrackingError, match=r"failed: .*0000.* not found"):
        registered.download_artifact_folder("0000", "artifact", tmp_path)
