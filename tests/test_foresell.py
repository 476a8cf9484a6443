import json
import socket
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
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
        (CONFIG.replace('path = "orders.csv"', 'path = "."'), "foresell.toml is of no known kind"),
        (CONFIG + "\n[source.order_lines.columns]\namount = 'umsatz'\n", "umsatz"),
        ("[source]\nbuiltin = 'nobody'\n", "builtin = 'nobody'"),
        (CONFIG.replace("[training]", "[training]\nwithout = ['nearest']"), "there is no method 'nearest'"),
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
    rows = json.loads(said.out)["customers"]
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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("churn", "--k", "5"), "foresell score churn has no --k; it has --reasons"),
        (("churn", "--mode", "any"), "foresell score churn has no --mode; it has --reasons"),
        (("repurchase", "--level", "product"), "foresell score repurchase has no --level; it has --reasons"),
        (
            ("next-best-product", "--reasons", "2"),
            "foresell score next-best-product has no --reasons; it has --k, --mode, --level",
        ),
        # what is asked for is refused even where it is the default
        (
            ("next-best-product", "--k", "3", "--reasons", "0"),
            "foresell score next-best-product has no --reasons; it has --k, --mode, --level",
        ),
    ],
)
def test_one_line_and_exit_2_when_a_prediction_does_not_heed_an_option(
    command: Command, published_shop: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    said = command("score", *words, "--workspace", published_shop, "--out", tmp_path / "scores.csv")
    assert (said.code, said.out, said.err) == (2, "", f"foresell: {message}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--mode", "basket"), "'--mode': "),
        (("--mode", "basket"), "'any', 'new', 'repeat'"),
        (("--level", "brand"), "'product', 'category'"),
        (("--k", "0"), "'--k': "),
        (("--k", "100000"), "'--k': "),
        (("--k", "101"), "100"),
        (("--k", "few"), "'--k': "),
    ],
)
def test_one_line_and_exit_2_when_an_option_of_products_is_out_of_range(
    command: Command, published_shop: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    out = tmp_path / "scores.csv"
    said = command("score", "next-best-product", *words, "--workspace", published_shop, "--out", out)
    assert (said.code, said.out, one_line(said.err)) == (2, "", True)
    assert message in said.err
    assert list(tmp_path.iterdir()) == []


def test_products_are_not_scored_by_category_when_they_have_none(
    command: Command, published_shop: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scores.csv"
    said = command("score", "next-best-product", "--level", "category", "--workspace", published_shop, "--out", out)
    assert said.code == 2
    assert one_line(said.err.removeprefix("... scoring next-best-product\n"))
    assert "the products have no categories; ask for the level 'product'" in said.err
    assert not out.exists()


def products_by_customer(file: Path) -> dict[str, list[dict[str, Any]]]:
    """Read a batch file of products: the rows of each customer, in order."""
    found: dict[str, list[dict[str, Any]]] = {}
    as_text = pacsv.ConvertOptions(column_types={"customer_id": pa.string()}, strings_can_be_null=True)
    for row in pacsv.read_csv(file, convert_options=as_text).to_pylist():
        found.setdefault(row["customer_id"], []).append(row)
    return found


def bought_by_customer(shop: Path) -> dict[str, set[str]]:
    """Read what each customer of a shop bought."""
    found: dict[str, set[str]] = {}
    for line in (shop / "orders.csv").read_text().splitlines()[1:]:
        customer, _, _, product, *_ = line.split(",")
        found.setdefault(customer, set()).add(product)
    return found


def test_new_products_of_everybody_are_written_best_first(
    command: Command, published_shop: Path, tmp_path: Path
) -> None:
    words = ("score", "next-best-product", "--workspace", published_shop, "--k", "3", "--level", "product", "--mode")
    said = command(*words, "new", "--out", tmp_path / "new.csv", "--json")
    assert said.code == 0
    found, bought = products_by_customer(tmp_path / "new.csv"), bought_by_customer(published_shop)
    assert set(found) == set(bought)
    everything = set[str]().union(*bought.values())
    for customer, rows in found.items():
        left = len(everything - bought[customer])
        expected = list(range(1, min(3, left) + 1))
        assert [row["rank"] for row in rows] == (expected or [None])
        items = {row["item"] for row in rows} - {None}
        assert len(items) == len(expected)
        assert not items & bought[customer]
        assert (rows[0]["explanation"] is None) == (left >= 3)
        # no score where popularity filled the place, and nothing scored behind it
        scores = [row["score"] for row in rows]
        scored = [score for score in scores if score is not None]
        assert scores[: len(scored)] == sorted(scored, reverse=True)
        assert all(row["fallback"] for row in rows if row["rank"] and row["score"] is None)
    # somebody has fewer left than three
    assert any(len(rows) < 3 for rows in found.values())
    # and other modes are other products
    assert command(*words, "repeat", "--out", tmp_path / "repeat.csv").code == 0
    for customer, rows in products_by_customer(tmp_path / "repeat.csv").items():
        assert len(rows) == min(3, len(bought[customer]))
        assert {row["item"] for row in rows} <= bought[customer]


def test_training_products_is_refused_with_figures_when_the_orders_name_none(command: Command, shop: Path) -> None:
    open_shop(shop)
    table = pacsv.read_csv(shop / "orders.csv")
    pacsv.write_csv(table.drop_columns(["product_id"]), shop / "orders.csv")
    said = command("train", "next-best-product", "churn", "--workspace", shop, "--json")
    assert said.code == 2
    # the others go on
    assert [line["prediction"] for line in json.loads(said.out)] == ["churn"]
    assert one_line(said.err)
    assert "next-best-product: 0 customers with a known product in their orders, at least 100 are needed" in said.err
