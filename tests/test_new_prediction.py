"""A prediction is added in two places, one new file and one line, and everything else follows by itself."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import ndiff
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from models.settings import load_settings
from service.demonstration import free_port
from service.serve import child
from tests.processes import CHECKOUT, code_environment, foresell_command, run_foresell
from tests.shop import FAITHFUL, LAPSED, open_shop
from training.tracking import CARD, Tracker

pytestmark = pytest.mark.slow

NAME = "big-spender"
CODE = ("models", "training", "service", "foresell.py", "pyproject.toml")
NEW_FILE = Path("models") / "big_spender.py"
LIST = Path("models") / "__init__.py"
NEW_LINE = '    "models.big_spender:BigSpender",\n'
SECTION = "\n[predictions.big-spender]\nhorizon = 14\nleast_spend = 150\n"


@dataclass(frozen=True)
class Extended:
    """A checkout with a third prediction, and a shop that it was trained, promoted and published in."""

    before: Path
    code: Path
    workspace: Path
    trained: dict[str, Any]

    def run(self, *words: object, leaves: int = 0) -> str:
        return run_foresell(*words, workspace=self.workspace, code=self.code, leaves=leaves)


def copied_code(folder: Path) -> Path:
    folder.mkdir()
    for name in CODE:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    return folder


def add_prediction(code: Path) -> None:
    shutil.copy(CHECKOUT / "tests" / "big_spender.py", code / NEW_FILE)
    lines = (code / LIST).read_text().splitlines(keepends=True)
    lines.insert(lines.index("PREDICTIONS = (\n") + 1, NEW_LINE)
    (code / LIST).write_text("".join(lines))


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Extended:
    folder = tmp_path_factory.mktemp("extended")
    # compared with a copy of the same moment: somebody may be at work in the checkout
    before = copied_code(folder / "before")
    code = Path(shutil.copytree(before, folder / "code"))
    add_prediction(code)
    workspace = open_shop(tmp_path_factory.mktemp("shop"))
    config = workspace / "foresell.toml"
    config.write_text(config.read_text() + SECTION)
    words: dict[str, Any] = {"workspace": workspace, "code": code}
    (trained,) = json.loads(run_foresell("train", NAME, "--json", **words))
    run_foresell("promote", NAME, **words)
    run_foresell("publish", **words)
    return Extended(before, code, workspace, trained)


@pytest.fixture(scope="module")
def service(extended: Extended) -> Iterator[httpx.Client]:
    port = free_port()
    environment = {**code_environment(extended.code), "BENTOML_HOME": str(extended.workspace / "bentos")}
    with (
        child(foresell_command("serve", "--port", port), environment, extended.workspace, port) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield client


def files(folder: Path) -> dict[Path, str]:
    found = {name: folder / name for name in CODE}
    paths = [
        path for each in found.values() for path in ([each] if each.is_file() else each.rglob("*")) if path.is_file()
    ]
    return {path.relative_to(folder): path.read_text() for path in paths if "__pycache__" not in path.parts}


def test_one_file_and_one_line_are_all_that_was_added(extended: Extended) -> None:
    before, after = files(extended.before), files(extended.code)
    assert after.keys() - before.keys() == {NEW_FILE}
    assert before.keys() <= after.keys()
    assert {path for path in before if before[path] != after[path]} == {LIST}
    changed = ndiff(before[LIST].splitlines(keepends=True), after[LIST].splitlines(keepends=True))
    assert [line for line in changed if not line.startswith("  ")] == [f"+ {NEW_LINE}"]


def test_its_own_section_is_read_when_the_data_is_checked(extended: Extended) -> None:
    verdicts = json.loads(extended.run("check", "--json"))["verdicts"]
    (own,) = (verdict for verdict in verdicts if verdict["prediction"] == NAME)
    assert (own["horizon_days"], own["eligible"], own["ready"]) == (14, 300, True)


def test_a_key_that_it_does_not_have_is_one_line(extended: Extended, tmp_path: Path) -> None:
    config = (extended.workspace / "foresell.toml").read_text() + "surprise = 1\n"
    (tmp_path / "foresell.toml").write_text(config)
    said = run_foresell("check", workspace=tmp_path, code=extended.code, leaves=2)
    assert said == (
        "foresell: [predictions.big-spender]: unknown key 'surprise'; remove it, or see the keys in README.md\n"
    )


def test_its_run_is_in_mlflow_under_its_own_experiment(extended: Extended, tmp_path: Path) -> None:
    tracker = Tracker(load_settings(extended.workspace))
    experiment = tracker.client.get_experiment_by_name(NAME)
    run = tracker.client.get_run(extended.trained["run_id"])
    assert run.info.experiment_id == experiment.experiment_id
    assert run.data.params["predictions.big-spender.least_spend"] == "150.0"
    for prefix in ("test", "own.lightgbm", "rival.spend_logistic", "rival.recency"):
        metrics = {end: run.data.metrics[f"{prefix}.auc.h14{end}"] for end in ("", ".low", ".high")}
        assert metrics[""] > 0.5
        assert metrics[".low"] < metrics[""] < metrics[".high"]
    card = tracker.download_artifact_folder(extended.trained["run_id"], CARD, tmp_path).read_text()
    assert "Who will spend much in the next weeks?" in card
    assert "Spend of at least 150.0 in the next 14 days" in card
    champion = tracker.version_by_alias(NAME, "champion")
    assert (champion.version, champion.is_served) == (2, True)


def test_everybody_is_scored_when_the_batch_job_runs(extended: Extended, service: httpx.Client, tmp_path: Path) -> None:
    extended.run("score", NAME, "--out", tmp_path / "scores.csv", "--reasons", 1)
    extended.run("score", NAME, "--out", tmp_path / "scores.parquet")
    rows = {row.pop("customer_id"): row for row in pq.read_table(tmp_path / "scores.parquet").to_pylist()}
    assert len(rows) == 300
    assert {row["crowd"] for row in rows.values()} == {"big", "usual"}
    answers = service.post(f"/v1/{NAME}", json={"customers": list(rows)}).raise_for_status().json()["answers"]
    for answer in answers:
        row = rows[answer["customer_id"]]
        assert {name: answer[name] for name in ("probability", "crowd", "percentile", "status")} == {
            name: row[name] for name in ("probability", "crowd", "percentile", "status")
        }


def test_its_endpoint_answers_by_id_and_for_a_history(service: httpx.Client) -> None:
    history = [{"ordered_at": "2024-07-10T09:30:00", "amount": 40}, {"ordered_at": "2024-07-15", "amount": 55}]
    inline = {"customer_id": "new", "as_of": "2024-07-19", "order_lines": history}
    nobody = {"customer_id": "none", "as_of": "2024-07-19"}
    asked = {"customers": [FAITHFUL, LAPSED, "stranger", inline, nobody], "reasons": 2}
    body = service.post(f"/v1/{NAME}", json=asked).raise_for_status().json()
    assert (body["model"]["name"], body["model"]["version"], body["release"]) == (NAME, "2", "r000001")
    assert [each["status"] for each in body["answers"]] == ["ok", "ok", "unknown_customer", "ok", "not_eligible"]
    assert body["answers"][0]["probability"] > body["answers"][1]["probability"]
    assert [len(each["reasons"]) for each in body["answers"]] == [2, 2, 0, 2, 0]
    assert body["answers"][4]["explanation"] == "no order before as_of"


def test_its_own_request_field_is_heard(service: httpx.Client) -> None:
    body = service.post(f"/v1/{NAME}", json={"customers": [FAITHFUL], "with_crowd": False}).raise_for_status().json()
    assert body["answers"][0]["crowd"] is None
    wrong = service.post(f"/v1/{NAME}", json={"customers": [FAITHFUL], "with_crowd": "perhaps"})
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "with_crowd")


def test_it_is_documented_with_its_own_fields(service: httpx.Client) -> None:
    document = service.get("/docs.json").raise_for_status().json()
    assert document["paths"][f"/v1/{NAME}"]["post"]["summary"]
    fields = document["components"]["schemas"]["BigSpenderAnswer"]["properties"]
    assert fields["crowd"]["description"] == "Cut from the probability by the configured threshold."
    assert "with_crowd" in document["components"]["schemas"]["BigSpenderRequest"]["properties"]


def test_models_names_it_alone_when_nothing_else_was_promoted(service: httpx.Client) -> None:
    cards = service.get("/v1/models").raise_for_status().json()["models"]
    assert list(cards) == [NAME]
    assert cards[NAME]["evidence"]["test"]["h14"]["auc"].keys() == {"value", "low", "high"}
    assert cards[NAME]["evidence"]["rivals"].keys() <= {"lightgbm", "spend_logistic", "recency"}
    missing = service.post("/v1/churn", json={"customers": [FAITHFUL]})
    assert (missing.status_code, missing.json()["error"]["code"]) == (503, "no_model")
