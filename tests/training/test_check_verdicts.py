from datetime import date, timedelta
from typing import Any

import pytest

from models import predictions
from models.settings import CutoffSettings, ModelSettings
from tests.training.test_check_findings import history
from training.check.history import Assortment, History
from training.check.order_counts import Windows
from training.check.room import Room
from training.check.verdicts import Evidence, Verdict, verdicts
from training.cutoffs import plan

FIRST = date(2023, 1, 1)
PRODUCTS = Assortment(products=2, lines=9, top={1: 0.6, 10: 0.6, 50: 0.6}, curve=((0.5, 0.6), (1, 1)))


def judged(
    *,
    days: int = 546,
    seen: History | None = None,
    absent: tuple[str, ...] = (),
    eligible: int = 1000,
    silent: dict[int, int] | None = None,
    windows: dict[int, Windows] | None = None,
    cutoffs: CutoffSettings | None = None,
    sections: dict[str, Any] | None = None,
) -> dict[tuple[str, int], Verdict]:
    known = predictions(ModelSettings(predictions=sections or {}))
    evidence = Evidence(
        history=seen or history(assortment=PRODUCTS),
        absent=absent,
        room=Room(cutoffs or CutoffSettings(), FIRST, FIRST + timedelta(days=days)),
        eligible=dict.fromkeys([prediction.name for prediction in known], eligible),
        silent=silent or {1: 1000},
        windows=windows or {},
    )
    return {(each.prediction, each.horizon_days): each for each in verdicts(known, evidence)}


def test_every_prediction_is_ready_when_nothing_is_in_the_way() -> None:
    found = judged()
    assert set(found) == {
        ("churn", 30),
        *(("repurchase", days) for days in (7, 30, 90)),
        ("lookalike", 30),
        ("next-best-product", 30),
    }
    assert all(verdict.ready and not verdict.settings and verdict.caution is None for verdict in found.values())
    churn = found["churn", 30]
    assert (churn.eligible, churn.history_days, churn.whole_horizons, churn.longest_horizon_days) == (
        1000,
        546,
        18,
        157,
    )


def test_the_settings_that_make_room_are_computed_when_the_history_is_short() -> None:
    found = judged(days=120)
    churn = found["churn", 30]
    assert not churn.ready
    assert churn.sentence == (
        "120 days of data (2023-01-01 to 2023-05-01), a horizon of 30 days needs 164: 15 days is the longest horizon "
        "that fits under [predictions.churn], or this one fits with min_history_days = 16 under [cutoffs]"
    )
    assert churn.settings == "[predictions.churn]\nhorizon = 15\n\n# or\n[cutoffs]\nmin_history_days = 16"
    assert found["repurchase", 90].settings == "[predictions.repurchase]\nhorizons = [7, 15]"


@pytest.mark.parametrize("days", [62, 70, 80, 89, 100, 120, 163, 200, 343])
def test_what_a_verdict_says_to_set_makes_room_when_it_is_set(days: int) -> None:
    import tomllib

    for verdict in judged(days=days).values():
        for way in verdict.settings.split("# or") if verdict.settings else []:
            values = tomllib.loads(way)
            section = {"horizon": verdict.horizon_days} | values.get("predictions", {}).get(verdict.prediction, {})
            horizons = section.get("horizons", [section["horizon"]])
            prediction = next(each for each in predictions() if each.name == verdict.prediction)
            tasks = [type(prediction.tasks[0])(f"h{length}", length) for length in horizons]
            end = FIRST + timedelta(days=days)
            assert plan(CutoffSettings(**values.get("cutoffs", {})), tasks, first_day=FIRST, end=end)
        assert verdict.ready or verdict.settings or "no setting makes that enough" in verdict.sentence


def test_both_settings_are_named_when_one_alone_makes_no_room() -> None:
    churn = judged(days=70)["churn", 30]
    assert "14 days fit with min_history_days = 14 under [cutoffs]" in churn.sentence
    assert churn.settings == "[cutoffs]\nmin_history_days = 14\n\n[predictions.churn]\nhorizon = 14"


def test_the_missing_days_are_counted_when_no_setting_makes_room() -> None:
    churn = judged(days=43)["churn", 30]
    assert churn.sentence.endswith("no setting makes that enough, 121 more days do")
    assert churn.settings == ""


def test_the_configured_test_day_is_named_when_it_alone_is_in_the_way() -> None:
    early = CutoffSettings(newest_test=FIRST + timedelta(days=100))
    assert judged(cutoffs=early)["churn", 30].sentence == (
        "the test cutoff 2023-04-11 leaves too little before it for a horizon of 30 days: remove newest_test under "
        "[cutoffs], or set a later day"
    )


def test_a_ready_horizon_says_what_it_waits_for_when_another_one_is_not() -> None:
    found = judged(days=200)
    assert (found["repurchase", 30].ready, found["repurchase", 90].ready) == (True, False)
    assert found["repurchase", 30].sentence.endswith(
        "; training waits for the horizons of 90 days, which are not ready"
    )


def test_how_long_customers_may_be_silent_is_computed_when_few_are_active() -> None:
    found = judged(eligible=40, silent={10: 40, 70: 30, 75: 30, 80: 500})
    assert found["churn", 30].sentence == (
        "40 customers eligible at 2024-06-30, at least 100 are needed: active_days = 75 under [predictions.churn] "
        "makes it enough (now 60)"
    )
    assert found["churn", 30].settings == "[predictions.churn]\nactive_days = 75"
    assert found["repurchase", 7].sentence == (
        "40 customers eligible at 2024-06-30, at least 100 are needed: there are 600 with an order at all; bring more "
        "customers"
    )


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"absent": ("product_id",)},
            "the order lines have no product_id: name yours under [source.order_lines] columns",
        ),
        ({"seen": history()}, "the order lines name no product, at least 2 are needed to choose between"),
        (
            {"seen": history(assortment=PRODUCTS.model_copy(update={"products": 1}))},
            "the order lines name 1 product, at least 2 are needed to choose between",
        ),
    ],
)
def test_only_next_best_product_is_refused_when_there_are_no_two_products(more: dict[str, Any], said: str) -> None:
    found = judged(**more)
    assert [name for (name, _), verdict in found.items() if not verdict.ready] == ["next-best-product"]
    assert found["next-best-product", 30].sentence.startswith(said)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"gaps": None}, "each of 1,000 customers ordered on one day only"),
        ({"gaps": None, "last": FIRST, "first": FIRST}, "all orders are of one day, 2023-01-01"),
        ({"orders": 0}, "there is no order: every line is a return"),
    ],
)
def test_nothing_is_ready_when_nobody_came_back(more: dict[str, Any], said: str) -> None:
    for verdict in judged(seen=history(assortment=PRODUCTS, **more)).values():
        assert not verdict.ready
        assert verdict.sentence.startswith(said)


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (Windows(99, 50), "99 customers had ordered before the test window of 30 days, at least 100 are needed"),
        (Windows(500, 0), "none of the 500 customers who had ordered before the test window of 30 days ordered in it"),
    ],
)
def test_a_horizon_is_refused_when_its_test_window_is_empty(window: Windows, said: str) -> None:
    found = judged(windows={30: window, 7: Windows(500, 50)})
    assert {days for (_, days), verdict in found.items() if not verdict.ready} == {30}
    assert found["churn", 30].sentence.startswith(said)


def test_caution_is_said_when_the_history_is_one_cohort() -> None:
    found = judged(seen=history(assortment=PRODUCTS, most_came_by=date(2023, 3, 25)))
    assert all(verdict.ready and verdict.caution for verdict in found.values())
    assert "do not use it for them" in str(found["churn", 30].caution)
