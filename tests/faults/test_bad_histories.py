"""Histories that nothing, or little, can be learnt from: trained or refused in one line, never a traceback."""

import json
import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from models import predictions
from models.settings import load_settings
from tests.commands import Command
from tests.shop import DAYS, FIRST_DAY, open_shop
from training.tracking import Tracker

Row = list[str]
CUSTOMER, AT, ORDER, PRODUCT, QUANTITY, AMOUNT = range(6)
EVERY = tuple(prediction.name for prediction in predictions())
LAST_DAY = FIRST_DAY + timedelta(DAYS - 1)


def everybody_every_day(rows: list[Row]) -> list[Row]:
    """One class only: nobody churns."""
    draw = random.Random(3)
    return [
        [f"{who:03d}", f"{FIRST_DAY + timedelta(day)}T10:00:00", f"{who}-{day}", f"p{draw.randrange(30)}", "1", "5"]
        for who in range(150)
        for day in range(DAYS)
    ]


def closed(first: int, last: int) -> Callable[[list[Row]], list[Row]]:
    """Return a shop that was shut from so many days before the end of the data to so many."""
    since, until = (f"{LAST_DAY - timedelta(days)}" for days in (first, last))
    return lambda rows: [row for row in rows if not since <= row[AT][:10] <= until]


def other_products_since_may(rows: list[Row]) -> list[Row]:
    return [[*row[:PRODUCT], f"{'new-' * (row[AT] >= '2024-05')}{row[PRODUCT]}", *row[QUANTITY:]] for row in rows]


def other_products_for_the_last_window(rows: list[Row]) -> list[Row]:
    since = f"{LAST_DAY - timedelta(29)}"
    return [[*row[:PRODUCT], f"{'new-' * (row[AT] >= since)}{row[PRODUCT]}", *row[QUANTITY:]] for row in rows]


def one_of_everything(rows: list[Row]) -> list[Row]:
    """One product at one price: nothing that was bought tells customers apart."""
    return [[*row[:PRODUCT], "p0", "1", "5.00"] for row in rows]


def ten_thousand_lines(rows: list[Row]) -> list[Row]:
    draw = random.Random(4)
    return rows + [
        ["robot", f"{FIRST_DAY + timedelta(line % DAYS)}T12:00:00", f"r{line}", f"p{draw.randrange(30)}", "1", "1.00"]
        for line in range(10_000)
    ]


HISTORIES: dict[str, tuple[Callable[[list[Row]], list[Row]], dict[str, str]]] = {
    "one class only": (
        everybody_every_day,
        # nor is anybody to be looked for where all do the same
        dict.fromkeys(("churn", "repurchase"), "has the same outcome") | {"lookalike": ""},
    ),
    "no order in a validation window": (closed(27, 14), {"lookalike": "no category has 40 buyers"}),
    "no order in a test window": (closed(13, 1), {}),
    "no order in a training window": (closed(60, 40), {}),
    "other products since May": (other_products_since_may, {}),
    # nobody buys anything that could have been recommended
    "other products in the last window": (
        other_products_for_the_last_window,
        {"next-best-product": "nobody is eligible"},
    ),
    "one product at one price": (one_of_everything, {"next-best-product": "nobody is eligible"}),
    "a customer with 10,000 lines": (ten_thousand_lines, {}),
}


def shop_of(folder: Path, history: str) -> Path:
    shop = open_shop(folder)
    header, *lines = (shop / "orders.csv").read_text().splitlines()
    rows = HISTORIES[history][0]([line.split(",") for line in lines])
    changed = [",".join(row) for row in rows]
    assert changed != lines
    (shop / "orders.csv").write_text("\n".join([header, *changed]) + "\n")
    return shop


def assert_trained_or_refused(command: Command, shop: Path, names: tuple[str, ...], refused: dict[str, str]) -> None:
    said = command("train", *names, "--workspace", shop, "--json")
    complaints = [line for line in said.err.splitlines() if not line.startswith("... ")]
    told = {name: line for name in names for line in complaints if line.startswith(f"foresell: {name}: ")}
    assert len(complaints) == len(told), complaints
    trained = [line["prediction"] for line in json.loads(said.out or "[]")]
    expected = {name: message for name, message in refused.items() if name in names}
    assert told.keys() == expected.keys()
    for name, message in expected.items():
        assert message in told[name]
    assert trained == [name for name in names if name not in expected]
    assert said.code == (2 if expected else 0)
    tracker = Tracker(load_settings(shop))
    assert [name for name in names if tracker.versions(name)] == trained


@pytest.mark.parametrize("history", HISTORIES)
def test_churn_is_trained_or_refused_in_one_line(command: Command, tmp_path: Path, history: str) -> None:
    assert_trained_or_refused(command, shop_of(tmp_path, history), ("churn",), HISTORIES[history][1])


@pytest.mark.slow
@pytest.mark.parametrize("history", HISTORIES)
def test_every_other_prediction_is_trained_or_refused_in_one_line(
    command: Command, tmp_path: Path, history: str
) -> None:
    names = tuple(name for name in EVERY if name != "churn")
    assert_trained_or_refused(command, shop_of(tmp_path, history), names, HISTORIES[history][1])


@pytest.mark.parametrize(
    ("name", "setting", "longer"),
    [
        ("churn", "horizon = 14\n\n[predictions.repurchase]", "horizon = 365\n\n[predictions.repurchase]"),
        ("repurchase", "horizons = [7, 14]", "horizons = [7, 365]"),
        ("lookalike", "horizon = 14\nqueries", "horizon = 365\nqueries"),
        ("next-best-product", "[training]", "[predictions.next-best-product]\nhorizon = 365\n\n[training]"),
    ],
)
def test_a_horizon_longer_than_the_history_is_refused_with_what_is_needed(
    command: Command, tmp_path: Path, name: str, setting: str, longer: str
) -> None:
    shop = open_shop(tmp_path)
    config = (shop / "foresell.toml").read_text()
    assert setting in config
    (shop / "foresell.toml").write_text(config.replace(setting, longer))
    said = command("train", name, "--workspace", shop)
    (complaint,) = [line for line in said.err.splitlines() if not line.startswith("... ")]
    assert said.code == 2
    assert complaint.startswith(f"foresell: {name}: 200 days of data ({date(2024, 1, 1)} to ")
    assert "a horizon of 365 days needs 1169" in complaint
