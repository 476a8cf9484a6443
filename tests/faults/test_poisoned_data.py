"""Row 18 of what is promised: poisoned order lines are refused at intake or by the gate, or are without much effect.

The gate names the days. Lines given to other customers (which flips labels), repeated, heaped on one customer, product
or day, and absurd amounts, at 1, 5 and 20 % of the lines that a champion had learnt from.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
import pytest

from models import columns as col
from models import prediction_named
from models.artifact import load_artifact
from models.prediction import Fitted, Prediction
from models.settings import load_settings
from tests.commands import Command
from tests.shop import DAYS, FIRST_DAY
from training.ingest import ensure_tables
from training.quarantine import rejected_file
from training.registry import ARTIFACT, CHALLENGER, CHAMPION
from training.run import Trainer
from training.tracking import Tracker

Row = list[str]
Poison = Callable[[list[Row], list[int], random.Random], list[Row]]
CUSTOMER, AT, ORDER, PRODUCT, QUANTITY, AMOUNT = range(6)
BOUND = 0.03
"""The area under the curve, on customers and outcomes that nobody poisoned, may fall by so much."""
HEAPED_DAY = FIRST_DAY + timedelta(120)


def flipped(rows: list[Row], places: list[int], draw: random.Random) -> list[Row]:
    people = sorted({row[CUSTOMER] for row in rows})
    for place in places:
        row = rows[place]
        row[CUSTOMER], row[ORDER] = draw.choice([each for each in people if each != row[CUSTOMER]]), f"other-{place}"
    return []


def repeated(rows: list[Row], places: list[int], draw: random.Random) -> list[Row]:
    return [list(rows[place]) for place in places]


def of_one_customer(rows: list[Row], places: list[int], draw: random.Random) -> list[Row]:
    return [["001", rows[place][AT], f"robot-{place}", *rows[place][PRODUCT:]] for place in places]


def of_one_product(rows: list[Row], places: list[int], draw: random.Random) -> list[Row]:
    return [[*rows[place][:PRODUCT], "p0", *rows[place][QUANTITY:]] for place in places]


def of_one_day(rows: list[Row], places: list[int], draw: random.Random) -> list[Row]:
    for place in places:
        rows[place][AT] = f"{HEAPED_DAY}T12:00:00"
    return []


def of_absurd_amount(rows: list[Row], places: list[int], draw: random.Random) -> list[Row]:
    for place in places:
        rows[place][AMOUNT] = "90000000.00"
    return []


def of_impossible_amount(rows: list[Row], places: list[int], draw: random.Random) -> list[Row]:
    for place in places:
        rows[place][AMOUNT] = "9e12"
    return []


def inject(shop: Path, poison: Poison, share: float, *, since: date = date.min) -> int:
    """Poison a share of the lines from a day on, and return how many."""
    file = shop / "orders.csv"
    header, *lines = file.read_text().splitlines()
    rows = [line.split(",") for line in lines]
    draw = random.Random(11)
    open_ones = [place for place, row in enumerate(rows) if row[AT] >= since.isoformat()]
    places = sorted(draw.sample(open_ones, round(share * len(open_ones))))
    added = poison(rows, places, draw)
    after = [",".join(row) for row in rows]
    file.write_text("\n".join([header, *after, *(",".join(row) for row in added)]) + "\n")
    done = sum(one != other for one, other in zip(lines, after, strict=True)) + len(added)
    # an injector that did nothing would prove everything
    assert 0.9 * len(places) <= done <= len(places) > 0
    return done


def area(prediction: Prediction, fitted: Fitted, trainer: Trainer) -> float:
    """Measure a model on the sound shop's test window."""
    (task,) = prediction.tasks
    day = trainer.plan.test[task.tag]
    window = trainer.examples.at([day]).known_by(day + timedelta(task.horizon))
    return prediction.measure(fitted, window, task).metrics()["auc"]


@pytest.fixture(scope="session")
def sound(published_shop: Path) -> Trainer:
    """What the shop's lines are without poison."""
    settings = load_settings(published_shop)
    intake = ensure_tables(settings, today=date(2026, 11, 1))
    return Trainer(settings, prediction_named("churn", settings.models), intake)


Fate = Literal["intake", "gate", "harmless"]
ALL_OF_IT = pytest.mark.slow
CASES: list[tuple[Poison, float, Fate]] = [
    (flipped, 0.01, "gate"), (flipped, 0.05, "gate"), (flipped, 0.2, "gate"),
    (repeated, 0.01, "harmless"), (repeated, 0.05, "gate"), (repeated, 0.2, "gate"),
    (of_one_customer, 0.01, "harmless"), (of_one_customer, 0.05, "gate"), (of_one_customer, 0.2, "gate"),
    (of_one_product, 0.01, "harmless"), (of_one_product, 0.05, "gate"), (of_one_product, 0.2, "gate"),
    (of_one_day, 0.01, "gate"), (of_one_day, 0.05, "gate"), (of_one_day, 0.2, "gate"),
    (of_absurd_amount, 0.01, "gate"), (of_absurd_amount, 0.05, "gate"), (of_absurd_amount, 0.2, "gate"),
    (of_impossible_amount, 0.01, "harmless"), (of_impossible_amount, 0.05, "intake"),
    (of_impossible_amount, 0.2, "intake"),
]  # fmt: skip
QUICK = [(flipped, 0.2), (repeated, 0.01), (of_impossible_amount, 0.2)]


@pytest.mark.parametrize(
    ("poison", "share", "fate"),
    [
        pytest.param(*case, marks=() if case[:2] in QUICK else ALL_OF_IT, id=f"{case[0].__name__}-{case[1]}")
        for case in CASES
    ],
)
def test_poisoned_lines_are_refused_or_harmless_and_the_champion_is_not_replaced_by_worse(
    command: Command, own_shop: Path, sound: Trainer, tmp_path: Path, poison: Poison, share: float, fate: Fate
) -> None:
    tracker = Tracker(load_settings(own_shop))
    before = tracker.require_alias("churn", CHAMPION)
    count = inject(own_shop, poison, share)
    trained = command("train", "churn", "--workspace", own_shop)
    if fate == "intake":
        assert trained.code == 2
        assert re.search(
            rf"too many rejected rows, .*\(amount_too_large {count:,}\); they are in .*quarantine", trained.err
        )
        # the report has every one of the rows
        rejected = pq.read_table(own_shop / "data" / "quarantine" / rejected_file(col.ORDER_LINES))
        assert rejected[col.AMOUNT].to_pylist() == ["9e12"] * count
        assert tracker.require_alias("churn", CHAMPION) == before
        return
    assert trained.code == 0
    challenger = tracker.require_alias("churn", CHALLENGER)
    promoted = command("promote", "churn", "--workspace", own_shop)
    if fate == "gate":
        assert promoted.code == 2
        named = re.findall(r"(\d{4}-\d\d-\d\d) \([\d,]+, before [\d,]+\)", promoted.err)
        assert named
        assert poison is not of_one_day or HEAPED_DAY.isoformat() in named
        assert f"churn version {challenger.version} is refused: the order lines are not those that" in promoted.err
        assert "The champion is unchanged; correct the source and train again" in promoted.err
        assert tracker.require_alias("churn", CHAMPION) == before
        return
    assert promoted.code == 0, promoted.err
    folder = tracker.download_artifact_folder(challenger.run_id, ARTIFACT, tmp_path)
    found = load_artifact(folder, tracker.artifact_digest(challenger.run_id))
    one = tracker.evaluated(before)
    (tmp_path / "sound").mkdir()
    folder = tracker.download_artifact_folder(one.run_id, ARTIFACT, tmp_path / "sound")
    unpoisoned = load_artifact(folder, tracker.artifact_digest(one.run_id))
    fall = area(sound.prediction, unpoisoned.fitted, sound) - area(sound.prediction, found.fitted, sound)
    assert fall <= BOUND


def test_the_gate_lets_pass_what_somebody_means(command: Command, own_shop: Path) -> None:
    tracker = Tracker(load_settings(own_shop))
    before = tracker.require_alias("churn", CHAMPION)
    inject(own_shop, of_absurd_amount, 0.05)
    assert command("train", "churn", "--workspace", own_shop).code == 0
    assert command("promote", "churn", "--workspace", own_shop).code == 2
    assert tracker.require_alias("churn", CHAMPION) == before
    # what is left to judge is the loss, and a method that reads no money is as good as it was
    said = command("promote", "churn", "--workspace", own_shop, "--anyway", "--json")
    assert said.code == 0
    assert tracker.require_alias("churn", CHAMPION).version == json.loads(said.out)[0]["version"]


@pytest.mark.slow
def test_the_gate_takes_no_forgotten_person_for_a_change(command: Command, own_shop: Path) -> None:
    heaviest = Counter(line.split(",")[0] for line in (own_shop / "orders.csv").read_text().splitlines()[1:])
    gone = [customer for customer, _ in heaviest.most_common(5)]
    assert command("forget", *gone, "--workspace", own_shop).code == 0
    assert command("train", "churn", "--workspace", own_shop).code == 0
    assert "the order lines are not those" not in command("promote", "churn", "--workspace", own_shop).err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("poison", "told"),
    [
        (repeated, "repeat another line exactly on their day"),
        (of_one_customer, "are one customer's on their day"),
        (of_one_product, "are one product's on their day"),
        (of_absurd_amount, "the mean amount of the order lines"),
    ],
)
def test_new_days_are_refused_when_poison_came_with_them(
    command: Command, own_shop: Path, poison: Poison, told: str
) -> None:
    tracker = Tracker(load_settings(own_shop))
    before = tracker.require_alias("churn", CHAMPION)
    # the last four weeks again, as four more
    last, header, *lines = FIRST_DAY + timedelta(DAYS), *(own_shop / "orders.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines]
    weeks = timedelta(weeks=4)
    later = [
        [row[CUSTOMER], f"{date.fromisoformat(row[AT][:10]) + weeks}{row[AT][10:]}", f"{row[ORDER]}-b", *row[PRODUCT:]]
        for row in rows
        if row[AT] >= (last - weeks).isoformat()
    ]
    (own_shop / "orders.csv").write_text("\n".join([header, *lines, *map(",".join, later)]) + "\n")
    inject(own_shop, poison, 0.4, since=last)
    assert command("train", "churn", "--workspace", own_shop).code == 0
    said = command("promote", "churn", "--workspace", own_shop)
    assert said.code == 2
    assert told in said.err
    assert tracker.require_alias("churn", CHAMPION) == before
