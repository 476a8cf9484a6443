from datetime import date
from pathlib import Path

import pytest

from models import prediction_named
from models.settings import Attribute, load_settings
from tests.shop import CONFIG, open_shop
from training.attribute_values import attribute_values
from training.ingest import ensure_tables
from training.inspection import Inspection, inspect
from training.kept_tables import kept_tables
from training.run import Trainer

MORE = """
[source.customers]
path = "customers.csv"

[[features.attributes]]
name = "town"
kind = "categorical"
levels = ["Ulm", "Bonn"]

[[features.attributes]]
name = "belief"
kind = "categorical"
levels = ["a", "b"]
sensitive = true
"""
TODAY = date(2024, 12, 31)


def shop(folder: Path, people: list[str], header: str) -> Path:
    workspace = open_shop(folder, customers=300)
    (workspace / "customers.csv").write_text("\n".join([header, *people]), encoding="utf-8")
    (workspace / "foresell.toml").write_text(CONFIG + MORE, encoding="utf-8")
    return workspace


def town(workspace: Path, day: date) -> dict[str, list[str | None]]:
    settings = load_settings(workspace)
    with kept_tables(settings, ensure_tables(settings, today=TODAY)) as engine:
        wanted = (Attribute(name="town", kind="categorical", levels=("Ulm",)),)
        return attribute_values(engine, ["001", "002", "nobody"], day, wanted)


def test_a_dated_value_is_the_one_that_held_at_the_day(tmp_path: Path) -> None:
    rows = ["001,Ulm,a,2024-01-05", "001,Bonn,a,2024-03-01", "002, Bonn ,b,2024-04-01"]
    workspace = shop(tmp_path / "dated", rows, "customer_id,town,belief,valid_from")
    assert town(workspace, date(2024, 2, 1)) == {"town": ["Ulm", None, None]}
    assert town(workspace, date(2024, 3, 1)) == {"town": ["Ulm", None, None]}
    assert town(workspace, date(2024, 5, 1)) == {"town": ["Bonn", "Bonn", None]}


def test_an_undated_value_is_todays(tmp_path: Path) -> None:
    workspace = shop(tmp_path / "undated", ["001,Ulm,a", "002,,b"], "customer_id,town,belief")
    assert town(workspace, date(2024, 2, 1)) == {"town": ["Ulm", None, None]}


def test_an_attribute_that_says_nothing_is_left_out(tmp_path: Path) -> None:
    workspace = shop(tmp_path / "empty", ["001,,a"], "customer_id,town,belief")
    assert town(workspace, date(2024, 2, 1)) == {}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Inspection:
    """What a closer look finds in a shop with an undated attribute and a sensitive one."""
    people = [f"{number:03d},{('Ulm', 'Bonn')[number % 2]},{'ab'[number % 2]}" for number in range(300)]
    workspace = shop(tmp_path_factory.mktemp("shop"), people, "customer_id,town,belief")
    settings = load_settings(workspace)
    trainer = Trainer(settings, prediction_named("churn", settings.models), ensure_tables(settings, today=TODAY))
    return inspect(trainer, "rfm_logistic", {"rfm_logistic": trainer.measured_on_test("rfm_logistic")})


def test_an_attribute_that_no_feature_uses_is_sliced_by_and_a_sensitive_one_is_not(found: Inspection) -> None:
    names = [each.name for each in found.slices["h14"].each]
    assert {"town: Ulm", "town: Bonn"} <= set(names)
    assert not [name for name in names if name.startswith("belief")]


def test_both_checks_are_made_and_pass_in_a_shop_without_a_leak(found: Inspection) -> None:
    assert [check.passed for check in found.checks] == [True, True]
    assert found.warnings == ()
