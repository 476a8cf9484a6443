"""An empty folder, a raw file, and the commands of README.md: four predictions answer, or say why they cannot."""

import json
from pathlib import Path

import pytest

from models.settings import load_settings
from service.demonstration import demonstrate
from tests.commands import Command
from tests.raw_histories import HISTORIES, NO_PRODUCTS, RawHistory, some_of_cdnow, some_of_ta_feng

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

# all four, whole, take minutes each: benchmarks/bring_your_own.py
SHOWN = {
    "some of cdnow": RawHistory(some_of_cdnow, NO_PRODUCTS),
    "some of ta-feng": RawHistory(some_of_ta_feng),
    "customer and date": HISTORIES["customer and date"],
}
NAMES = {"churn", "repurchase", "lookalike", "next-best-product"}


@pytest.mark.parametrize("name", SHOWN)
def test_predictions_answer_when_a_raw_file_is_brought(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    history = SHOWN[name]
    monkeypatch.chdir(tmp_path)
    assert command("init", history.put(tmp_path)).code == 0
    checked = command("check", "--json")
    assert checked.code == 0, checked.err
    verdicts = json.loads(checked.out)["verdicts"]
    refused = {each["prediction"] for each in verdicts} - {each["prediction"] for each in verdicts if each["ready"]}
    assert refused == set(history.refused)
    for word in ("train", "promote"):
        said = command(word)
        # what cannot be with the columns that there are is said, and is no fault of the others
        assert said.code == 0, said.err
        complaints = [line for line in said.err.splitlines() if line.startswith("foresell: ")]
        assert [line.split(": ")[1].split()[0] for line in complaints] == list(history.refused)
    assert command("publish").code == 0
    answers = list(demonstrate(load_settings(tmp_path).releases))
    assert {question.split()[1].removeprefix("/v1/") for question, _ in answers} == NAMES - refused
    assert all(answer.get("answers") or answer.get("audience") for _, answer in answers)
