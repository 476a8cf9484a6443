import json
import socket
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from models import predictions
from models.release import Releases
from tests.commands import Command
from tests.shop import CONFIG, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return open_shop(tmp_path / "new", customers=20)


def one_line(text: str) -> bool:
    return text.count("\n") == 1 and text.startswith("foresell: ") and "Traceback" not in text


def test_check_reports_rows_and_verdicts_when_the_source_is_sound(command: Command, published_shop: Path) -> None:
    said = command("check", "--workspace", published_shop, "--json")
    report = json.loads(said.out)
    lines = report["intake"]["tables"]["order_lines"]
    assert said.code == 0
    assert lines["read"] == lines["kept"] > 5000
    assert {verdict["prediction"] for verdict in report["verdicts"]} == {each.name for each in predictions()}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (CONFIG + "\n[surprise]\nx = 1\n", "unknown key 'surprise'"),
        (CONFIG.replace("active_days = 30", "active_days = 30\nsurprise = 1"), "unknown key 'surprise'"),
        (CONFIG.replace("active_days = 30", "active_days = 'often'"), "active_days = 'often'"),
        (CONFIG.replace("[predictions.churn]", "[predictions.chrun]"), r"[predictions.chrun]"),
        (CONFIG.replace('path = "orders.csv"', 'path = "other.csv"'), "other.csv"),
        (CONFIG.replace('path = "orders.csv"', 'path = "."'), "folder"),
        (CONFIG + "\n[source.order_lines.columns]\namount = 'umsatz'\n", "umsatz"),
        ("[source]\nbuiltin = 'nobody'\n", "builtin = 'nobody'"),
        ("not toml", "is not TOML"),
    ],
)
def test_one_line_and_exit_2_when_the_configuration_is_wrong(
    command: Command, shop: Path, config: str, message: str
) -> None:
    (shop / "foresell.toml").write_text(config)
    said = command("check", "--workspace", shop)
    assert said.code == 2
    assert message in said.err
    assert one_line("".join(line for line in said.err.splitlines(keepends=True) if not line.startswith("... ")))


def test_exit_2_when_there_is_no_workspace(command: Command, tmp_path: Path) -> None:
    said = command("check", "--workspace", tmp_path)
    assert (said.code, one_line(said.err)) == (2, True)
    assert "no foresell.toml" in said.err


@pytest.mark.parametrize("words", [("train", "chrun"), ("score", "chrun", "--out", "x.parquet"), ("rollback", "chrun")])
def test_exit_2_names_the_predictions_when_one_is_unknown(
    command: Command, published_shop: Path, words: tuple[str, ...]
) -> None:
    said = command(*words, "--workspace", published_shop)
    assert said.code == 2
    assert "unknown prediction 'chrun'; the predictions are churn, repurchase" in said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("publish",), "no champion is registered"),
        (("promote",), "churn has no challenger"),
        (("score", "churn", "--out", "x.parquet"), "no release"),
        (("serve",), "no release"),
        (("rollback",), "no release"),
    ],
)
def test_exit_2_says_what_comes_first_when_nothing_is_trained(
    command: Command, shop: Path, words: tuple[str, ...], message: str
) -> None:
    said = command(*words, "--workspace", shop)
    assert said.code == 2
    assert message in said.err


def test_training_is_refused_with_figures_when_there_are_too_few_customers(command: Command, shop: Path) -> None:
    said = command("train", "churn", "--workspace", shop)
    assert said.code == 2
    assert "at least 100 are needed" in said.err


def test_training_is_refused_with_figures_when_the_history_is_short(command: Command, shop: Path) -> None:
    text = (shop / "foresell.toml").read_text().replace("horizon = 14", "horizon = 120")
    (shop / "foresell.toml").write_text(text)
    said = command("train", "churn", "--workspace", shop)
    assert said.code == 2
    assert "a horizon of 120 days needs" in said.err


def test_a_command_line_that_is_wrong_is_one_line(command: Command) -> None:
    said = command("train", "--surprise")
    assert said.code == 2
    assert one_line(said.err)


def test_serving_is_refused_when_the_port_is_in_use(command: Command, published_shop: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = command("serve", "--workspace", published_shop, "--port", taken.getsockname()[1])
    assert said.code == 2
    assert "choose another port" in said.err


def test_batch_files_agree_when_both_formats_are_written(
    command: Command, published_shop: Path, tmp_path: Path
) -> None:
    for name in ("scores.parquet", "scores.csv"):
        assert command("score", "churn", "--workspace", published_shop, "--out", tmp_path / name).code == 0
    parquet, csv = pq.read_table(tmp_path / "scores.parquet"), pacsv.read_csv(tmp_path / "scores.csv")
    assert parquet.num_rows == 300
    assert parquet["probability"].to_pylist() == csv["probability"].to_pylist()


def test_scoring_is_refused_when_the_file_is_neither_parquet_nor_csv(
    command: Command, published_shop: Path, tmp_path: Path
) -> None:
    said = command("score", "churn", "--workspace", published_shop, "--out", tmp_path / "scores.xls")
    assert said.code == 2
    assert "scores.xls" in said.err


def test_an_audience_is_written_when_seeds_are_given(command: Command, published_shop: Path, tmp_path: Path) -> None:
    seeds, out = tmp_path / "seeds.txt", tmp_path / "audience.csv"
    seeds.write_text("\n".join(f"{number:03d}" for number in range(30)))
    words = ("audience", "--workspace", published_shop, "--seeds", seeds, "--out", out)
    said = command(*words, "--share", "0.1")
    assert said.code == 0
    assert "27 of 270 customers, like 30 seeds" in said.out.replace("\n", " ")
    assert pacsv.read_csv(out)["rank"].to_pylist() == list(range(1, 28))
    assert json.loads(command(*words, "--size", "5", "--json").out)["size"] == 5
    some = json.loads(command(*words, "--size", "5", "--within", "churn_level=low", "--json").out)
    assert 0 < some["candidates"] < 270
    both = command(*words, "--size", "5", "--share", "0.1")
    assert (both.code, "not both" in both.err, one_line(both.err.removeprefix("... finding the audience\n"))) == (
        2,
        True,
        True,
    )


def test_a_prediction_that_needs_seeds_is_sent_to_its_own_command(
    command: Command, published_shop: Path, tmp_path: Path
) -> None:
    said = command("score", "lookalike", "--workspace", published_shop, "--out", tmp_path / "scores.csv")
    assert said.code == 2
    assert "run foresell audience" in said.err


def test_the_daily_job_publishes_and_scores_everybody(command: Command, own_shop: Path, tmp_path: Path) -> None:
    said = command("run", "--workspace", own_shop, "--out", tmp_path / "scores", "--json")
    assert said.code == 0
    rows = json.loads(said.out)["rows"]
    assert set(rows) == {each.name for each in predictions() if each.in_batch}
    assert (rows["churn"], rows["repurchase"]) == (300, 300)
    assert Releases(own_shop / "releases").current_name() == "r000002"


@pytest.mark.parametrize("words", [("check",), ("train",), ("score", "churn", "--out", "x.parquet")])
def test_exit_2_when_the_workspace_is_a_file(command: Command, shop: Path, words: tuple[str, ...]) -> None:
    said = command(*words, "--workspace", shop / "orders.csv")
    assert (said.code, one_line(said.err)) == (2, True)
    assert "cannot be read: Not a directory" in said.err


def test_one_line_and_exit_2_when_a_file_stands_where_a_folder_must_be(command: Command, shop: Path) -> None:
    (shop / "data").write_text("in the way")
    said = command("check", "--workspace", shop)
    assert (said.code, one_line(said.err)) == (2, True)
    assert str(shop / "data") in said.err


def test_training_is_refused_when_nobody_is_eligible_where_it_is_measured(command: Command, shop: Path) -> None:
    # everybody stops in May; returns alone go on
    random = Random(1)
    lines = [f"c{who},{date(2024, 1, 1) + timedelta(random.randrange(150))},5" for who in range(400) for _ in range(9)]
    lines += [f"c{day},{date(2024, 5, 30) + timedelta(day)},-1" for day in range(100)]
    (shop / "orders.csv").write_text("customer_id,ordered_at,amount\n" + "\n".join(lines) + "\n")
    said = command("train", "churn", "--workspace", shop)
    assert said.code == 2
    assert "churn: nobody is eligible on 2024-" in said.err
