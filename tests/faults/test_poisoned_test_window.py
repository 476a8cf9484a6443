"""The test window only reports: whatever happens in it, the same method is chosen, with the same bytes."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from models import prediction_named
from models.artifact import save_artifact
from models.settings import load_settings
from tests.shop import open_shop
from training.ingest import ensure_tables
from training.outcome import Outcome
from training.run import Trainer, train

TODAY = date(2026, 11, 1)


def train_in(shop: Path, name: str) -> tuple[Trainer, Outcome]:
    settings = load_settings(shop)
    trainer = Trainer(settings, prediction_named(name, settings.models), ensure_tables(settings, today=TODAY))
    return trainer, train(trainer)


def poison(shop: Path, since: date) -> None:
    """From a day on, let those order who did not, in place of those who did, and other products."""
    header, *lines = (shop / "orders.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines]
    late = [row for row in rows if row[1] >= since.isoformat()]
    ordered = {row[0] for row in late}
    silent = sorted({row[0] for row in rows} - ordered)
    assert len(silent) > 30
    for number, row in enumerate(late):
        row[0] = silent[number % len(silent)]
        row[2] = f"poisoned-{number // 2}"
        row[3] = f"p{(int(row[3][1:]) + 7) % 30}" if number else "a product that nobody knew"
    (shop / "orders.csv").write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    assert ordered.isdisjoint(row[0] for row in late)


def digest(outcome: Outcome, folder: Path) -> str:
    folder.mkdir()
    return save_artifact(folder, outcome.artifact)


def assert_same_choice(clean: Outcome, poisoned: Outcome) -> None:
    assert poisoned.method == clean.method
    assert poisoned.validation.keys() == clean.validation.keys()
    for method, by_task in clean.validation.items():
        for tag, losses in by_task.items():
            assert losses.tobytes() == poisoned.validation[method][tag].tobytes(), (method, tag)


def differ(clean: Outcome, poisoned: Outcome, tag: str) -> bool:
    one, other = (outcome.test[outcome.method].get(tag) for outcome in (clean, poisoned))
    return not (one and other and np.array_equal(one.loss, other.loss))


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("churn", min),
        ("lookalike", min),
        pytest.param("next-best-product", min, marks=pytest.mark.slow),
        # horizons are tested from days of their own: from the first of them on, and what is served, from the last on
        pytest.param("repurchase", min, marks=pytest.mark.slow),
        pytest.param("repurchase", max, marks=pytest.mark.slow),
    ],
)
def test_the_same_champion_is_chosen_when_the_test_window_is_poisoned(
    tmp_path: Path, name: str, first: Callable[..., date]
) -> None:
    trainer, clean = train_in(open_shop(tmp_path / "clean"), name)
    since = first(trainer.plan.test.values())
    shop = open_shop(tmp_path / "poisoned")
    poison(shop, since)
    other, poisoned = train_in(shop, name)
    assert other.intake.as_of == trainer.intake.as_of
    assert other.intake.fingerprint != trainer.intake.fingerprint
    # it did reach what is reported
    reported = [task.tag for task in clean.tasks if trainer.plan.test[task.tag] >= since]
    assert reported
    assert all(differ(clean, poisoned, tag) for tag in reported)
    assert_same_choice(clean, poisoned)
    horizon = trainer.prediction.tasks[-1].horizon
    for method in clean.methods:
        assert trainer.fit(method, since, horizon).parts() == other.fit(method, since, horizon).parts(), method
    if since == max(trainer.plan.test.values()):
        assert digest(poisoned, tmp_path / "one") == digest(clean, tmp_path / "two")
