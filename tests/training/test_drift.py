import re
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

from models.settings import load_settings
from training.drift import DayFigures, day_figures, drift, from_json, to_json
from training.ingest import ingest
from training.kept_tables import kept_tables

MONDAY = date(2024, 1, 1)
USUAL = DayFigures(
    lines=100, customers=50, products=20, money=1000, gaps=300, repeated=1, most_customer=4, most_product=10
)


def history(days: int, *, since: date = MONDAY, **other: float) -> dict[date, DayFigures]:
    return {since + timedelta(day): USUAL.model_copy(update=other) for day in range(days)}


def changed(then: Mapping[date, DayFigures], day: date, **other: float) -> dict[date, DayFigures]:
    return {**then, day: then[day].model_copy(update=other)}


def test_figures_of_a_day_are_counted_by_hand(tmp_path: Path) -> None:
    rows = [
        "ann,2024-01-01T10:00:00,milk,1.50",
        "ann,2024-01-01T10:00:00,milk,1.50",
        "bob,2024-01-01T11:00:00,milk,-2.00",
        "ann,2024-01-04T10:00:00,bread,2.25",
        "bob,2024-01-04T12:00:00,,",
        "bob,2024-01-05T12:00:00,bread,1",
    ]
    (tmp_path / "lines.csv").write_text("\n".join(["customer_id,ordered_at,product_id,amount", *rows]) + "\n")
    (tmp_path / "foresell.toml").write_text('[source.order_lines]\npath = "lines.csv"\n')
    settings = load_settings(tmp_path)
    with kept_tables(settings, ingest(settings, today=date(2024, 3, 1))) as engine:
        found = day_figures(engine, before=date(2024, 1, 6))
        final = day_figures(engine, before=date(2024, 1, 5))
    assert list(found) == [date(2024, 1, 1), date(2024, 1, 4), date(2024, 1, 5)]
    # a return is a line and no order: bob's first order is of the fourth
    assert found[date(2024, 1, 1)] == DayFigures(
        lines=3, customers=2, products=1, money=5, gaps=0, repeated=1, most_customer=2, most_product=3
    )
    assert found[date(2024, 1, 4)] == DayFigures(
        lines=2, customers=2, products=1, money=2.25, gaps=3, repeated=0, most_customer=1, most_product=1
    )
    assert found[date(2024, 1, 5)].gaps == 1
    assert from_json(to_json(found)) == found
    # lines of a day that is not over may still be arriving
    assert final == {day: held for day, held in found.items() if day < date(2024, 1, 5)}


def test_nothing_is_told_when_days_are_added_that_look_like_those_before() -> None:
    assert list(drift(history(100), history(130))) == []


def test_nothing_is_told_when_the_beginning_is_left_out() -> None:
    now = history(70, since=MONDAY + timedelta(30))
    # who ordered before it is new now: no days since an order before
    now = changed(now, min(now), gaps=0)
    now = {day: held.model_copy(update={"gaps": 250}) for day, held in now.items()}
    assert list(drift(history(100), now)) == []


def test_nothing_is_told_when_a_few_lines_were_corrected() -> None:
    then = history(100)
    assert list(drift(then, changed(then, MONDAY, lines=0, customers=0, products=0, money=0, gaps=0))) == []


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"lines": 500, "customers": 60}, r"lines of 1 of the 100 days .* by 4.0% .* 2024-01-08 \(500, before 100"),
        ({"customers": 250}, r"customers of 1 of the 100 days .* 2024-01-08 \(250, before 50\)"),
        ({"products": 80}, r"products of 1 of"),
        ({"money": 90_000}, r"amounts of 1 of the 100 days .* \(90,000, before 1,000\)"),
        ({"most_product": 100}, r"lines of the product that has most of 1 of"),
        ({"gaps": 1300}, r"days since each customer's order before of 1 of"),
    ],
)  # fmt: skip
def test_the_day_is_named_when_what_was_final_changed(other: dict[str, float], told: str) -> None:
    then = history(100)
    (sentence,) = drift(then, changed(then, MONDAY + timedelta(7), **other))
    assert re.match(told, sentence), sentence


def test_days_that_are_gone_are_told() -> None:
    then = history(100)
    (sentence,) = drift(then, {day: held for day, held in then.items() if day < MONDAY + timedelta(95)})
    assert "of 5 of the 100 days" in sentence


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"repeated": 20}, "20.0% of the order lines from 2024-04-10 to 2024-05-07 repeat another line exactly"),
        ({"most_customer": 20}, "20.0% of the order lines from 2024-04-10 to 2024-05-07 are one customer's"),
        ({"most_product": 50}, "50.0% of the order lines from 2024-04-10 to 2024-05-07 are one product's"),
        ({"money": 1e6}, "the mean amount of the order lines from 2024-04-10 to 2024-05-07 is 10,000.00, at most 10"),
        ({"lines": 400, "money": 4000, "most_customer": 16}, "400 order lines are of 2024-05-07, no day before had mo"),
    ],
)  # fmt: skip
def test_new_weeks_are_told_when_none_before_was_like_them(other: dict[str, float], told: str) -> None:
    (sentence,) = drift(history(100), history(100) | history(28, since=MONDAY + timedelta(100), **other))
    assert sentence.startswith(told)


def test_the_newest_weeks_are_told_when_many_sound_days_came_before_them() -> None:
    now = history(250) | history(28, since=MONDAY + timedelta(250), most_customer=20)
    (sentence,) = drift(history(100), now)
    assert "are one customer's on their day, at most 4.0% did before" in sentence


@pytest.mark.parametrize(
    "other",
    [
        {"lines": 3, "customers": 1, "products": 1, "money": 30, "most_customer": 3, "most_product": 3},
        {"lines": 1, "customers": 1, "products": 1, "money": 9000, "most_customer": 1, "most_product": 1},
        {"most_product": 90},
    ],
)
def test_nothing_is_told_when_a_single_new_day_is_odd(other: dict[str, float]) -> None:
    now = history(101) | history(1, since=MONDAY + timedelta(101), **other)
    assert list(drift(history(100), now)) == []


def test_poison_is_told_when_a_champion_was_promoted_every_week_since_it_came() -> None:
    robot = history(28, since=MONDAY + timedelta(100), most_customer=20)
    known, told = history(100), []
    for week in range(4):
        now = history(100) | {day: held for day, held in robot.items() if day < MONDAY + timedelta(107 + 7 * week)}
        told.append(len(list(drift(known, now))))
        known = now
    assert told[:3] == [0, 0, 1]


def test_nothing_more_is_told_of_a_change_that_was_promoted_all_the_same() -> None:
    meant = history(100) | history(28, since=MONDAY + timedelta(100), most_product=50)
    now = meant | history(3, since=MONDAY + timedelta(128), most_product=50)
    assert list(drift(history(100), meant))
    assert list(drift(meant, now)) == []


def test_nothing_is_told_when_a_season_before_was_like_the_new_days() -> None:
    season = {"most_product": 30, "lines": 400, "money": 9000}
    then = history(28, since=MONDAY, **season) | history(100, since=MONDAY + timedelta(28))
    now = then | history(28, since=MONDAY + timedelta(128), **season)
    assert list(drift(then, now)) == []


def test_new_weeks_are_told_when_the_oldest_day_alone_was_like_them() -> None:
    since = MONDAY + timedelta(1)
    then = changed(history(1), MONDAY, lines=1, most_customer=1, most_product=1) | history(280, since=since)
    now = then | history(28, since=since + timedelta(280), most_customer=40)
    (sentence,) = drift(then, now)
    assert "40.0% of the order lines" in sentence


def test_nothing_is_told_when_older_days_are_added() -> None:
    # who ordered in them has an order before now
    now = history(30, since=MONDAY - timedelta(30)) | history(100, since=MONDAY, gaps=400)
    assert list(drift(history(100), now)) == []


def test_nothing_is_told_when_days_hold_less_for_want_of_the_forgotten() -> None:
    without = {"lines": 90, "customers": 49, "products": 19, "money": 900, "gaps": 290, "most_product": 9}
    now = history(100, since=MONDAY, **without)
    assert list(drift(history(100), now))
    assert list(drift(history(100), now, forgotten=1)) == []


@pytest.mark.parametrize("other", [{"customers": 48, "lines": 90}, {"money": 1100}, {"customers": 52}])
def test_what_no_forgetting_explains_is_told(other: dict[str, float]) -> None:
    assert list(drift(history(100), history(100, since=MONDAY, **other), forgotten=1))
