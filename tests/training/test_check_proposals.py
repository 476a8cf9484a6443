from datetime import date, timedelta
from typing import Any

import pytest

from models import predictions
from models.settings import CutoffSettings, ModelSettings
from training.check.history import Gaps
from training.check.proposals import Proposal, proposals, toml
from training.check.room import Room

FIRST = date(2023, 1, 1)


def room(days: int, **cutoffs: Any) -> Room:
    return Room(CutoffSettings(**cutoffs), FIRST, FIRST + timedelta(days=days))


def proposed(half: int, three_quarters: int, nine_tenths: int, *, days: int, **sections: Any) -> dict[str, Proposal]:
    quantiles = {50: half, 75: three_quarters, 90: nine_tenths, 95: nine_tenths}
    gaps = Gaps(count=9, customers=5, quantiles={}, by_customer=quantiles, histogram=())
    found = proposals(gaps, predictions(ModelSettings(predictions=sections)), room(days))
    return {f"{each.prediction}.{each.key}": each for each in found}


def values(found: dict[str, Proposal]) -> dict[str, Any]:
    return {name: each.value for name, each in found.items()}


def test_usual_lengths_from_the_gaps_are_proposed_when_the_history_is_long() -> None:
    found = proposed(6, 14, 34, days=2000)
    assert values(found) == {"churn.active_days": 45, "churn.horizon": 14, "repurchase.horizons": (7, 14, 45)}
    assert found["churn.horizon"].why == (
        "75 % of the gaps between a customer's orders are at most 14 days, each customer counting once, and 14 is the "
        "next usual length: most of those who come back have come back by then"
    )
    assert toml(list(found.values())) == (
        "[predictions.churn]\nactive_days = 45\nhorizon = 14\n\n[predictions.repurchase]\nhorizons = [7, 14, 45]"
    )


def test_only_what_the_history_has_room_for_is_proposed() -> None:
    # CDNOW's gaps: 157 days are the longest horizon in 546 days, and half of them are 273
    found = proposed(64, 173, 311, days=546)
    assert values(found) == {
        "churn.active_days": 270,
        "churn.horizon": 150,
        "repurchase.horizons": (60, 90, 150),
    }
    assert found["churn.active_days"].why == (
        "90 % of the gaps between a customer's orders are at most 311 days, each customer counting once; of the usual "
        "lengths the history has room for 270 at most"
    )
    assert room(546).longest_horizon() == 157
    assert all(room(546).holds(days) for days in (150, 90, 60))


@pytest.mark.parametrize(("gap", "length"), [(31, 45), (46, 60), (95, 120), (121, 150), (151, 180), (181, 270)])
def test_a_length_near_the_gap_is_proposed_when_it_is_long(gap: int, length: int) -> None:
    found = proposed(6, gap, gap, days=5000, churn={"active_days": 5, "horizon": 5})
    assert (found["churn.active_days"].value, found["churn.horizon"].value) == (length, length)


def test_nothing_is_proposed_when_the_settings_fit_already() -> None:
    churn, repurchase = {"active_days": 45, "horizon": 14}, {"horizons": [7, 14, 45]}
    assert proposed(6, 14, 34, days=2000, churn=churn, repurchase=repurchase) == {}


def test_nothing_is_proposed_when_nobody_came_back_or_nothing_fits() -> None:
    assert proposals(None, predictions(), room(2000)) == ()
    assert values(proposed(6, 14, 34, days=90)) == {"churn.active_days": 45}
    assert proposed(6, 14, 34, days=10) == {}


@pytest.mark.parametrize(("days", "longest"), [(89, 0), (101, 6), (102, 7), (163, 29), (164, 30), (344, 90)])
def test_room_has_the_longest_horizon_that_the_cutoffs_fit_for(days: int, longest: int) -> None:
    # 60 days of history, a step of 14, two horizons and a gap of a horizon, or of 14 days where that is more
    assert room(days).longest_horizon() == longest
    assert room(days).needed_days(longest + 1) > days
    assert not longest or room(days).needed_days(longest) <= days


def test_room_has_the_most_history_with_which_a_horizon_fits() -> None:
    assert room(120).most_history(30) == 120 - 14 - 90 == 16
    assert room(120, min_history_days=10).most_history(30) == 10
    assert room(100).most_history(30) == 0
    assert room(60).longest_horizon() == 0
    assert room(60).longest_horizon(min_history_days=14) == (60 - 14 - 14 - 14) // 2
