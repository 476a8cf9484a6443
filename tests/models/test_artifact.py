from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import prediction_named
from models.artifact import GOLDEN_ROWS, Artifact, check_fingerprint, golden_customers, load_artifact, save_artifact
from models.churn import Churn
from models.errors import CorruptPartError, FingerprintMismatchError, InvalidModelOutputError
from models.parts import MANIFEST, npy_array, npy_bytes, seal
from models.settings import FeatureSettings, ModelSettings
from tests.synthetic import CUTOFFS, FINGERPRINT, NAMES, examples

LEARNT = examples(300, cutoffs=CUTOFFS[-1:])
METHODS = prediction_named("churn").methods


def artifact_of(method: str, **section: float) -> Artifact:
    prediction = prediction_named("churn", ModelSettings(predictions={"churn": section}))
    fitted = prediction.fit(method, LEARNT, horizon=30, seed=1)
    features = LEARNT.customers.features
    medians = np.nanmedian(features, axis=0).astype(np.float32)
    return Artifact(prediction, fitted, NAMES, FINGERPRINT, medians, golden_customers(features, seed=1))


@pytest.fixture(scope="module", params=METHODS)
def artifact(request: pytest.FixtureRequest) -> Artifact:
    return artifact_of(request.param)


@pytest.fixture
def simple() -> Artifact:
    return artifact_of("recency")


def saved(artifact: Artifact, folder: Path) -> str:
    folder.mkdir()
    return save_artifact(folder, artifact)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def files(folder: Path) -> list[str]:
    found = [path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST]
    return sorted(path.relative_to(folder).as_posix() for path in found)


def test_saving_twice_gives_the_same_bytes_and_digest(artifact, tmp_path):
    assert saved(artifact, tmp_path / "one") == saved(artifact, tmp_path / "two")
    for name in files(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_loaded_artifact_scores_bit_for_bit_and_saves_to_the_same_digest(artifact, tmp_path):
    digest = saved(artifact, tmp_path / "one")
    loaded = load_artifact(tmp_path / "one", digest)
    assert loaded.fitted.method == artifact.fitted.method
    assert (loaded.names, loaded.fingerprint) == (NAMES, FINGERPRINT)
    np.testing.assert_array_equal(loaded.medians, artifact.medians)
    np.testing.assert_array_equal(loaded.fitted.score(LEARNT.customers), artifact.fitted.score(LEARNT.customers))
    assert saved(loaded, tmp_path / "two") == digest


def test_a_loaded_artifact_has_the_settings_that_it_was_trained_with(tmp_path):
    digest = saved(artifact_of("recency", active_days=45, medium=0.1), tmp_path / "one")
    settings = load_artifact(tmp_path / "one", digest).prediction.settings
    assert settings == Churn.Settings(active_days=45, medium=0.1)


def test_an_artifact_is_named_and_never_parsed_when_one_byte_of_any_file_is_flipped(artifact, tmp_path, monkeypatch):
    digest = saved(artifact, tmp_path / "one")

    def parser(*args, **kwargs):
        pytest.fail("a broken artifact was parsed")

    monkeypatch.setattr(Churn, "load", parser)
    monkeypatch.setattr("models.artifact.npy_array", parser)
    monkeypatch.setattr("models.artifact.prediction_from", parser)
    for name in files(tmp_path / "one"):
        flip(tmp_path / "one" / name)
        with pytest.raises(CorruptPartError, match=f"part one: {name} has sha256"):
            load_artifact(tmp_path / "one", digest)
        flip(tmp_path / "one" / name)


def test_a_file_that_was_not_sealed_is_never_parsed(simple, tmp_path, monkeypatch):
    digest = saved(simple, tmp_path / "one")
    (tmp_path / "one" / "fitted" / "planted.npy").write_bytes(b"not verified")
    loaded = []
    original = Churn.load
    monkeypatch.setattr(
        Churn, "load", lambda self, method, parts: loaded.append(parts) or original(self, method, parts)
    )
    load_artifact(tmp_path / "one", digest)
    assert list(loaded[0]) == ["logistic.json", "scaling.npy", "weights.npy"]


def test_an_artifact_of_a_method_that_is_no_candidate_any_more_is_refused_with_the_next_step(simple, tmp_path):
    old = replace(simple, fitted=replace(simple.fitted, method="lightgbm"))
    digest = saved(old, tmp_path / "one")
    with pytest.raises(
        CorruptPartError,
        match=r"^this artifact holds churn fitted by 'lightgbm', which this version of Foresell does not have: train "
        r"and promote churn, then publish$",
    ):
        load_artifact(tmp_path / "one", digest)


def test_an_artifact_without_a_part_that_its_method_reads_is_refused_with_the_next_step(artifact, tmp_path):
    saved(artifact, tmp_path / "one")
    for path in (tmp_path / "one" / "fitted").iterdir():
        path.rename(path.with_name("of_another_version.npy"))
    method = artifact.fitted.method
    with pytest.raises(
        CorruptPartError,
        match=rf"^this artifact holds churn fitted by '{method}' without \S+, another version .* publish$",
    ):
        load_artifact(tmp_path / "one", seal(tmp_path / "one"))


@pytest.mark.parametrize("expected", [lambda scores: scores + 1e-6, lambda scores: scores[:-1]])
def test_an_artifact_is_refused_when_its_golden_rows_give_other_scores(simple, tmp_path, expected):
    saved(simple, tmp_path / "one")
    path = tmp_path / "one" / "golden_scores.npy"
    path.write_bytes(npy_bytes(expected(npy_array(path.read_bytes()))))
    with pytest.raises(InvalidModelOutputError, match="churn: the golden rows do not give their scores; publish again"):
        load_artifact(tmp_path / "one", seal(tmp_path / "one"))


def test_an_artifact_is_accepted_when_its_golden_scores_differ_in_the_last_bits(simple, tmp_path):
    saved(simple, tmp_path / "one")
    path = tmp_path / "one" / "golden_scores.npy"
    path.write_bytes(npy_bytes(npy_array(path.read_bytes()) * (1 + 1e-12)))
    load_artifact(tmp_path / "one", seal(tmp_path / "one"))


def test_an_artifact_of_other_features_is_refused_and_both_fingerprints_are_named(simple):
    other = replace(simple, fingerprint="a" * 64)
    with pytest.raises(
        FingerprintMismatchError, match=rf"churn was fitted on features a{{12}}, the store has {FINGERPRINT[:12]};"
    ):
        check_fingerprint(other, FINGERPRINT, of="the store")
    check_fingerprint(simple, FINGERPRINT, of="the store")


def test_the_features_settings_travel_with_the_artifact(simple, tmp_path):
    zone = FeatureSettings(timezone="Europe/Berlin")
    prediction = Churn(zone, simple.prediction.settings)
    digest = saved(replace(simple, prediction=prediction), tmp_path / "one")
    assert load_artifact(tmp_path / "one", digest).prediction.features == zone


def test_golden_customers_are_synthetic():
    features = LEARNT.customers.features
    golden = golden_customers(features, seed=1)
    assert golden.shape == (GOLDEN_ROWS, len(NAMES))
    assert golden.dtype == np.float32
    # no customer of the training data is near one: not even half of anybody's figures come back
    same = (golden[:, None, :] == features[None, :, :]).mean(axis=2)
    assert same.max() < 0.5


def test_golden_figures_are_drawn_between_the_5th_and_95th_percentile_of_each_feature():
    column = np.arange(101, dtype=np.float32)
    golden = golden_customers(np.column_stack([column, -column]), seed=1)
    assert ((golden[:, 0] >= 5) & (golden[:, 0] <= 95)).all()
    assert ((golden[:, 1] <= -5) & (golden[:, 1] >= -95)).all()
    # each feature by itself: nobody's pair survives
    assert (golden[:, 0] != -golden[:, 1]).all()


def test_golden_figures_are_null_as_often_as_the_feature_is():
    features = np.full((100, 3), np.nan, np.float32)
    features[:, 0] = 1
    features[:50, 1] = 1
    null = np.isnan(golden_customers(features, seed=1)).mean(axis=0)
    assert null[0] == 0
    assert 0 < null[1] < 1
    assert null[2] == 1


def test_golden_customers_are_the_same_when_the_seed_is():
    features = LEARNT.customers.features
    np.testing.assert_array_equal(golden_customers(features, seed=1), golden_customers(features, seed=1))
    assert not np.array_equal(golden_customers(features, seed=1), golden_customers(features, seed=2), equal_nan=True)
