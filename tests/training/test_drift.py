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
        found = day_figures(engine)
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
        ({"repeated": 20}, "20.0% of the order lines from 2024-04-10 to 2024-04-19 repeat another line exactly"),
        ({"most_customer": 30}, "30.0% of the order lines from 2024-04-10 to 2024-04-19 are one customer's"),
        ({"most_product": 50}, "50.0% of the order lines from 2024-04-10 to 2024-04-19 are one product's"),
        ({"money": 1e6}, "the mean amount of the order lines from 2024-04-10 to 2024-04-19 is 10,000.00, at most 10"),
        ({"lines": 400, "money": 4000, "most_customer": 16}, "400 order lines are of 2024-04-19, a mean day before"),
    ],
)  # fmt: skip
def test_new_days_are_told_when_none_before_was_like_them(other: dict[str, float], told: str) -> None:
    now = history(100) | history(10, since=MONDAY + timedelta(100), **other)
    (sentence,) = drift(history(100), now)
    assert sentence.startswith(told)


def test_nothing_is_told_when_a_season_before_was_like_the_new_days() -> None:
    season = {"most_product": 30, "lines": 250, "money": 9000}
    then = history(28, **season) | history(100, since=MONDAY + timedelta(28))
    now = then | history(28, since=MONDAY + timedelta(128), **season)
    assert list(drift(then, now)) == []
