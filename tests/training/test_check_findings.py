from datetime import date, timedelta
from typing import Any

import pytest

from models import columns as col
from models.contracts import INTAKE_SCHEMAS
from training.check.findings import cohort_means, findings, is_cohort
from training.check.history import Gaps, History, Hole
from training.intake_report import IntakeReport, TableIntake

FIRST, LAST = date(2023, 1, 1), date(2024, 6, 29)
GAPS = Gaps(count=9, customers=5, quantiles={50: 7}, by_customer={50: 7}, histogram=())


def report(**more: Any) -> IntakeReport:
    empty = TableIntake(read=0, kept=0, rejected={}, duplicates=0, first_day=None, last_day=None, absent=(), bytes=0)
    known: dict[str, Any] = {
        "source": "files",
        "key": "",
        "fingerprint": "",
        "today": LAST + timedelta(days=1),
        "last_complete_day": LAST,
        "as_of": LAST + timedelta(days=1),
        "tables": dict.fromkeys(INTAKE_SCHEMAS, empty),
        "notes": (),
    }
    return IntakeReport(**known | more)


def history(**more: Any) -> History:
    """546 days of 1,000 customers about which there is nothing to say."""
    known: dict[str, Any] = {
        "first": FIRST,
        "last": LAST,
        "latest_day_of_month": 31,
        "customers": 1000,
        "orders": 9000,
        "returns": 0,
        "step": "week",
        "over_time": (),
        "most_came_by": date(2024, 5, 1),
        "orders_per_customer": (),
        "gaps": GAPS,
        "spend": None,
        "assortment": None,
        "missing": {},
        "shared_order_ids": 0,
        "weekdays": (10.0,) * 7,
        "months": {},
        "years": False,
        "holes": (),
    }
    return History(**known | more)


def test_nothing_is_said_when_nothing_stands_out() -> None:
    assert findings(history(), report()) == ()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"most_came_by": date(2023, 3, 25)},
            "One cohort: 99 % of the 1,000 customers had their first order by 2023-03-25, and hardly anybody new came "
            "in the 462 days after.",
        ),
        (
            {"holes": (Hole(first=date(2023, 3, 16), last=date(2023, 5, 10), missed=560),)},
            "Closed 2023-03-16 to 2023-05-10 (56 days): about 560 orders are missing beside the weeks around; windows "
            "that overlap it look like churn.",
        ),
        (
            {"weekdays": (10.0, 10.0, 10.0, 10.0, 10.0, 20.0, 0.0)},
            "Strong weekdays: hardly any orders on Sundays and Saturdays have 1.7 times the mean day's orders; "
            "horizons of whole weeks even that out.",
        ),
        (
            {"weekdays": (5.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0)},
            "Strong weekdays: Mondays have 0.5 times the mean day's orders; horizons of whole weeks even that out.",
        ),
        (
            {"months": {1: 0.6, 2: 1.0, 12: 2.0}},
            "Strong months: orders a day against the mean month: January 0.6 and December 2.0; below two years a "
            "season cannot be told from growth or decline.",
        ),
        (
            {"months": {6: 1.2, 12: 2.0}, "years": True},
            "Strong seasons: orders a day against the year around them: December 2.0.",
        ),
        (
            {"shared_order_ids": 1},
            "1 order id is shared by two or more customers: orders count by customer and day, so nothing is lost; "
            "check that customer_id is right.",
        ),
        ({"missing": {"order_lines": {"amount": 0.25, "discount": 0.1}}}, "25% of the order_lines have no amount."),
    ],
)
def test_one_sentence_says_what_stands_out(more: dict[str, Any], said: str) -> None:
    assert findings(history(**more), report()) == (said,)


def test_the_longest_holes_are_named_when_there_are_many() -> None:
    many = tuple(
        Hole(first=FIRST + timedelta(40 * number), last=FIRST + timedelta(40 * number + 3 + number), missed=50)
        for number in range(7)
    )
    said = findings(history(holes=many), report())
    assert len(said) == 6
    assert "Closed 2023-03-22 to 2023-03-27 (6 days)" in said[0]
    assert said[-1] == "And 2 shorter holes."


@pytest.mark.parametrize(
    "more",
    [
        {"weekdays": (1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 3.0)},  # a handful of orders
        {"weekdays": (10.0, 10.0, 10.0, 10.0, 10.0, 12.0, 8.0)},
        {"months": {1: 0.8, 12: 1.2}},
        {"missing": {"contacts": {"responded_at": 0.9}}},  # most do not answer
    ],
)
def test_nothing_is_said_when_the_difference_is_small_or_usual(more: dict[str, Any]) -> None:
    assert findings(history(**more), report()) == ()


@pytest.mark.parametrize(("days", "said"), [(30, False), (31, True)])
def test_age_is_said_when_the_data_end_more_than_a_month_ago(days: int, said: bool) -> None:
    old = report(today=LAST + timedelta(days=days))
    expected = f"The data end on {LAST}, 31 days ago: predictions are as of 2024-06-30."
    assert findings(history(), old) == ((expected,) if said else ())


def test_age_is_said_first_when_there_is_more_to_say() -> None:
    # before it comes what intake says of the data's end
    old = report(today=LAST + timedelta(days=31))
    assert findings(history(customers=1, shared_order_ids=1), old)[0].startswith("The data end on")


@pytest.mark.parametrize(
    ("more", "cohort"),
    [
        ({"most_came_by": FIRST + timedelta(days=181)}, True),  # the 182nd of 546 days
        ({"most_came_by": FIRST + timedelta(days=182)}, False),
        ({"most_came_by": FIRST, "last": FIRST + timedelta(days=100)}, False),  # too short to tell
        ({"most_came_by": FIRST, "gaps": None}, False),  # nobody came back
    ],
)
def test_a_cohort_is_recognised_when_nearly_everybody_came_in_the_first_third(
    more: dict[str, Any], cohort: bool
) -> None:
    assert is_cohort(history(**more)) is cohort


def test_a_fading_cohort_has_no_seasons() -> None:
    more = {"most_came_by": date(2023, 3, 1), "months": {1: 3.0, 6: 0.3}}
    (said,) = findings(history(**more), report())
    assert said.startswith("One cohort")


def test_every_prediction_is_told_what_a_cohort_means_for_it() -> None:
    from models import predictions

    assert all(cohort_means(prediction.name) for prediction in predictions())
    assert cohort_means("a fifth one") is None
    assert col.ORDER_LINES in report().tables
