import re
from pathlib import Path

import pytest

from models import predictions
from models.errors import ConfigError
from models.settings import Attribute, FeatureSettings, ModelSettings, Settings, load_settings

SOURCE = '[source]\nbuiltin = "complete-journey"\n'


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    import os

    for name in os.environ:
        if name.startswith("FORESELL_"):
            monkeypatch.delenv(name)


def load(workspace: Path, text: str, source: str = SOURCE) -> Settings:
    (workspace / "foresell.toml").write_text(text + "\n" + source, encoding="utf-8")
    return load_settings(workspace)


def refused(workspace: Path, text: str, source: str = SOURCE) -> str:
    with pytest.raises(ConfigError, match=r"\A[^\n]+\Z") as caught:
        load(workspace, text, source)
    return caught.value.message


def test_every_setting_has_a_default_but_the_source(tmp_path):
    settings = load(tmp_path, "")
    assert settings.training.seed == 1
    assert settings.features == FeatureSettings()
    assert settings.tracking_uri == f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    assert settings.tables == tmp_path / "data" / "tables"


def test_a_setting_is_read_from_the_file(tmp_path):
    settings = load(tmp_path, '[features]\ntimezone = "Europe/Berlin"\n[tracking]\nuri = "http://mlflow:5000"')
    assert settings.features.timezone == "Europe/Berlin"
    assert settings.tracking_uri == "http://mlflow:5000"
    assert settings.models.features.timezone == "Europe/Berlin"


def test_settings_cannot_be_changed(tmp_path):
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path, "").training.seed = 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[training]\nsede = 1", "foresell.toml: unknown key 'training.sede'; remove it, or see the keys in README.md"),
        ("[trainig]\nseed = 1", "foresell.toml: unknown key 'trainig'"),
        ('workspace = "/elsewhere"', "foresell.toml: unknown key 'workspace'"),
        ('_env_file = "/elsewhere"', "foresell.toml: unknown key '_env_file'"),
        ('[training]\nseed = "one"', "foresell.toml: training.seed = 'one': Input should be a valid integer"),
        ("[training]\nseed = -1", "foresell.toml: training.seed = -1: Input should be greater than or equal to 0"),
        ("[cutoffs]\nstep_days = 0", "cutoffs.step_days = 0: Input should be greater than or equal to 1"),
        ("[intake]\nmax_rejected_share = 1.5", "intake.max_rejected_share = 1.5: Input should be less than or equal"),
        ("[training]\nmargin = nan", "training.margin = nan"),
        (
            '[features]\ntimezone = "Europe/Berlyn"',
            "features.timezone = 'Europe/Berlyn': time zone 'Europe/Berlyn' is not in the IANA database; an example is",
        ),
        ('[features]\ntimezone = "Mars\\nX"', "time zone 'Mars\\nX' is not in the IANA database"),
        ("[predictions]\nchurn = 5", "predictions.churn = 5: Input should be a valid dictionary"),
        ("training = 5", "training = 5: Input should be a valid dictionary"),
    ],
)
def test_a_value_that_is_not_allowed_is_one_line_with_its_key(tmp_path, text, message):
    assert message in refused(tmp_path, text)


def test_no_source_is_one_line(tmp_path):
    assert refused(tmp_path, "", source="") == "foresell.toml: 'source' is missing; README.md has an example"


@pytest.mark.parametrize(
    "source", ["[source]", '[source]\nbuiltin = "complete-journey"\n[source.order_lines]\npath = "a.csv"']
)
def test_a_source_is_a_builtin_or_files(tmp_path, source):
    assert "needs either builtin = 'complete-journey', 'cdnow' or 'ta-feng', or an [source.order_lines]" in refused(
        tmp_path, "", source
    )


def test_a_missing_file_says_how_to_name_a_workspace(tmp_path):
    with pytest.raises(ConfigError, match=r"no foresell\.toml in .*: run in a workspace, or name one with --workspace"):
        load_settings(tmp_path)


@pytest.mark.parametrize("content", [b"a = = 1", b"[training\nseed = 1", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_not_toml_is_one_line(tmp_path, content):
    (tmp_path / "foresell.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"\A[^\n]*foresell\.toml is not TOML: [^\n]+\Z"):
        load_settings(tmp_path)


def test_the_environment_wins_over_the_file_key_by_key(tmp_path, monkeypatch):
    monkeypatch.setenv("FORESELL_TRAINING__SEED", "7")
    monkeypatch.setenv("FORESELL_PREDICTIONS__CHURN__HORIZON", "20")
    settings = load(tmp_path, "[training]\nseed = 3\nmargin = 0.1\n[predictions.churn]\nactive_days = 45")
    assert (settings.training.seed, settings.training.margin) == (7, 0.1)
    churn = predictions(settings.models)[0].settings
    assert churn.model_dump() == {"active_days": 45, "horizon": 20, "medium": 0.2, "high": 0.5}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("FORESELL_TRAINING__SEED", "one", "training.seed = 'one': Input should be a valid integer"),
        ("FORESELL_TRAINING__SEDE", "1", "unknown key 'training.sede'"),
        ("FORESELL_TRAINING", "not json", 'the environment: error parsing value for field "training"'),
    ],
)
def test_a_wrong_value_in_the_environment_is_one_line(tmp_path, monkeypatch, name, value, message):
    monkeypatch.setenv(name, value)
    assert message in refused(tmp_path, "")


@pytest.mark.parametrize(
    ("kind", "levels"), [("numeric", ("a",)), ("ordered", ()), ("categorical", ())], ids=lambda value: str(value)
)
def test_levels_belong_to_attributes_that_are_not_numeric(kind, levels):
    with pytest.raises(ValueError, match=f"attribute 'age' of kind '{kind}': levels are for ordered and categorical"):
        Attribute(name="age", kind=kind, levels=levels)


def test_predictions_never_hear_of_an_attribute_when_it_is_sensitive(tmp_path):
    attributes = [{"name": "age", "kind": "numeric"}, {"name": "belief", "kind": "numeric", "sensitive": True}]
    settings = Settings(workspace=tmp_path, source={"builtin": "cdnow"}, features={"attributes": attributes})
    for prediction in predictions(settings.models):
        assert [attribute.name for attribute in prediction.features.attributes] == ["age"]
    # intake keeps both
    assert [attribute.name for attribute in settings.features.attributes] == ["age", "belief"]


@pytest.mark.parametrize("name", ["Age", "1st", "a-b", "", "a" * 64, 'a"; drop'])
def test_an_attribute_has_a_plain_name(name):
    with pytest.raises(ValueError, match="String should match pattern"):
        Attribute(name=name, kind="numeric")


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("churm", {}, "unknown section [predictions.churm]; the predictions are churn, repurchase"),
        ("churn", {"horizn": 30}, "[predictions.churn]: unknown key 'horizn'"),
        ("churn", {"horizon": "long"}, "[predictions.churn]: horizon = 'long': Input should be a valid integer"),
        ("churn", {"horizon": 731}, "[predictions.churn]: horizon = 731: Input should be less than or equal to 730"),
        ("churn", {"medium": 0.6}, "medium (0.6) must be below high (0.5)"),
        ("churn", {"medium": 0.5}, "medium (0.5) must be below high (0.5)"),
        ("repurchase", {"horizons": [30, 7]}, "horizons [30, 7] must rise without repeats, e.g. [7, 30, 90]"),
        ("repurchase", {"horizons": [7, 7]}, "horizons [7, 7] must rise without repeats"),
        ("repurchase", {"horizons": []}, "[predictions.repurchase]: horizons = []: Tuple should have at least 1 item"),
    ],
)
def test_a_predictions_section_is_refused_in_one_line(section, values, message):
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        predictions(ModelSettings(predictions={section: values}))
    assert "\n" not in caught.value.message
