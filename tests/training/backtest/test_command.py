import json
import re
import shutil
from pathlib import Path

import pytest

from models.settings import load_settings
from tests.commands import Command
from tests.shop import CONFIG, open_shop
from training.backtest.page import page
from training.tracking import Tracker


@pytest.fixture
def shop(published_shop: Path, tmp_path: Path) -> Path:
    """A shop that has been read in."""
    for name in ("data", "orders.csv", "foresell.toml"):
        copy = shutil.copytree if (published_shop / name).is_dir() else shutil.copy
        copy(published_shop / name, tmp_path / name)
    return tmp_path


def test_backtest_tells_every_method_by_month_and_what_would_have_been_served(command: Command, shop: Path) -> None:
    said = command("backtest", "churn", "--workspace", shop, "--months", "2", "--json")
    told = json.loads(said.out)
    task = told["tasks"]["h14"]
    first, last = task["windows"]
    assert (said.code, task["metric"], last["day"]) == (0, "auc", "2024-07-05")
    assert set(task["mean"]) == set(first["methods"]) == set(last["methods"])
    assert last["chosen"] == last["served"]
    served = last["methods"][last["served"]]
    assert served["against"] is None
    assert 0.5 < served["headline"]["low"] < served["headline"]["value"] < served["headline"]["high"] < 1
    assert 0 < last["floor"] < 0.2
    others = [each for method, each in last["methods"].items() if method != last["served"]]
    assert all(each["against"]["low"] <= each["against"]["high"] for each in others)
    _is_a_page(Path(told["page"]))
    _is_a_run(shop, told["run_id"], last["served"])


def _is_a_page(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert path.name == "backtest-churn.html"
    assert page.count("data:image/png;base64,") == 3
    assert not re.search(r'(?:src|href)="(?!data:)|<script|@import', page)
    for part in ("as served", "chosen by earlier windows", "by chance alone", "2024-07-05", "bg_nbd"):
        assert part in page, part


def _is_a_run(shop: Path, run_id: str, served: str) -> None:
    run = Tracker(load_settings(shop)).client.get_run(run_id)
    assert run.data.tags["foresell.kind"] == "backtest"
    assert run.info.status == "FINISHED"
    assert run.data.params["backtest.months"] == "2"
    assert run.data.metrics["backtest.served.auc.h14"] == run.data.metrics[f"backtest.{served}.auc.h14"]


def test_backtest_of_queries_is_a_table_on_the_terminal(command: Command, shop: Path) -> None:
    said = command("backtest", "lookalike", "--workspace", shop, "--months", "1")
    assert said.code == 0
    assert "Buyers of a category in the next 14 days: AUC, higher is better" in said.out
    assert "as served" in said.out
    assert "calibration" not in said.out


def test_backtest_of_a_short_history_is_one_line(command: Command, tmp_path: Path) -> None:
    shop = open_shop(tmp_path / "young", customers=20)
    (shop / "foresell.toml").write_text(CONFIG.replace("folds = 1", "folds = 1\nmin_history_days = 180"))
    said = command("backtest", "churn", "--workspace", shop)
    assert said.code == 2
    (complaint,) = [line for line in said.err.splitlines() if not line.startswith("... ")]
    assert complaint.startswith("foresell: no backtest of even one month: ")
    assert "lower cutoffs.min_history_days" in complaint


def test_page_escapes_what_it_is_told() -> None:
    from models import prediction_named
    from tests.training.backtest.test_backtest import COURSE, NEWEST
    from training.backtest.backtest import Backtest

    told = Backtest(prediction_named("churn"), NEWEST, (COURSE,), ("<script> is left out",), folds=1)
    assert "<script>" not in page(told)
    assert "&lt;script&gt; is left out" in page(told)
