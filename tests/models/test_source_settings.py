from pathlib import Path

import pytest

from models.errors import ConfigError
from models.settings import load_settings


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@host/shop",
        "postgresql://me:hun/ter2:hunter2@host/shop",
        "postgresql://me@host/shop?password=hunter2",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BPWD%3Dhunter2",
    ],
)
def test_configuration_is_refused_when_it_holds_a_password(tmp_path: Path, url: str) -> None:
    (tmp_path / "foresell.toml").write_text(f'[source]\nurl = "{url}"\n[source.order_lines]\ntable = "a"\n')
    with pytest.raises(
        ConfigError, match=r"source.url: the address holds a password.*FORESELL_SOURCE__PASSWORD"
    ) as caught:
        load_settings(tmp_path)
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("file", "environment"),
    [
        ('[source]\npassword = "hunter2"\nbuiltin = "cdnow"\n', {}),
        ('[privacy]\nkey = "hunter2"\n[source]\nbuiltin = "cdnow"\n', {}),
        ('source = "postgresql://me:hunter2@host/shop"\n', {}),
        ('[source]\nurl = ["hunter2"]\n', {}),
        ("[source]\n", {"FORESELL_SOURCE__PASSWORD": "hunter2"}),
        ("[source]\n", {"FORESELL_SOURCE__URL": "postgresql://me:hunter2@host/shop"}),
    ],
)
def test_no_secret_is_printed_when_the_configuration_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, environment: dict[str, str]
) -> None:
    (tmp_path / "foresell.toml").write_text(file)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path)
    assert "hunter2" not in caught.value.message


def test_password_comes_from_the_environment_when_the_file_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "foresell.toml").write_text(
        '[source]\nurl = "postgresql://me@h/s"\n[source.order_lines]\ntable = "a"\n'
    )
    monkeypatch.setenv("FORESELL_SOURCE__PASSWORD", "hunter2")
    source = load_settings(tmp_path).source
    assert source.password is not None
    assert source.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(source)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('set_aside = { anonymous = "a = 1" }', "'anonymous' names rows that are set aside for another reason"),
        ('times = ["%Q"]', "'%Q' is neither iso, unix, unix_ms nor a strptime format"),
        ('sheets = ["a", "a"]', "must not repeat: each is read once"),
    ],
)
def test_table_is_refused_when_a_key_makes_no_sense(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "foresell.toml").write_text(f'[source.order_lines]\npath = "a.csv"\n{line}\n')
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path)
    assert told in caught.value.message
