import logging

import pytest

from service.environment import seconds_of

NAME = "FORESELL_SOME_SECONDS"


@pytest.mark.parametrize(("told", "expected"), [("0", 0.0), ("2.5", 2.5), ("1e1", 10.0)])
def test_a_number_is_taken(monkeypatch: pytest.MonkeyPatch, told: str, expected: float) -> None:
    monkeypatch.setenv(NAME, told)
    assert seconds_of(NAME, 5.0) == expected


@pytest.mark.parametrize("told", ["", "soon", "-1", "nan", "inf", "1e999"])
def test_the_default_holds_and_it_is_said_when_it_is_no_number(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, told: str
) -> None:
    monkeypatch.setenv(NAME, told)
    with caplog.at_level(logging.ERROR, "bentoml.foresell"):
        assert seconds_of(NAME, 5.0) == 5.0
    assert f"{NAME} = {told!r} is not a number of seconds, 0 or more: 5 is used" in caplog.text


def test_it_is_not_below_the_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "0")
    assert seconds_of(NAME, 5.0, least=0.1) == 5.0


def test_the_default_holds_when_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    assert seconds_of(NAME, 5.0) == 5.0


@pytest.mark.parametrize(("told", "expected"), [("50", 50.0), ("50.1", 10.0)])
def test_it_is_not_above_the_most(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, told: str, expected: float
) -> None:
    monkeypatch.setenv(NAME, told)
    assert seconds_of(NAME, 10.0, least=0.1, most=50.0) == expected
    assert ("is not a number of seconds, 0.1 to 50: 10 is used" in caplog.text) == (expected != 50.0)
