from datetime import date
from typing import Any

import pytest

from models import columns as col
from models.source_settings import OrderLinesSource
from tests.training.test_check_findings import history, report
from training.check.findings import findings
from training.intake_report import IntakeReport, TableIntake
from training.quarantine import described

NOBODYS = (
    "26 of 100 order lines have no customer (26.0 %): they are set aside, because nothing can be learned of anybody"
)
SWAPPED = (
    "No order falls on a day after the 12th of any month: day and month may be swapped; see times under "
    "[source.order_lines]."
)


def source(**more: Any) -> OrderLinesSource:
    return OrderLinesSource(path="lines.csv", **more)


def counted(*, kept: int, anonymous: int, absent: tuple[str, ...] = ()) -> IntakeReport:
    empty = report().tables
    lines = TableIntake(
        read=kept + anonymous,
        kept=kept,
        rejected={},
        set_aside={"anonymous": anonymous} if anonymous else {},
        duplicates=0,
        first_day=None,
        last_day=None,
        absent=absent,
        bytes=0,
    )
    return report(tables={**empty, col.ORDER_LINES: lines})


def test_customer_is_doubted_when_the_id_looks_like_a_missing_one() -> None:
    said = findings(history(nameless={"NULL": 25}), counted(kept=100, anonymous=0))
    assert said == (
        "Customer 'NULL' has 25 order lines (25.0 %): it looks like a missing id; nullif(..., 'NULL') for customer_id "
        "makes them anonymous.",
    )


@pytest.mark.parametrize(
    ("returns", "kept", "said"),
    [
        (
            2013,
            530104,
            ("2,013 of 530,104 kept order lines are returns (0.4 %): they reduce spend and are no orders.",),
        ),
        (1, 5000, ("1 of 5,000 kept order lines is a return (< 0.1 %): it reduces spend and is no order.",)),
        (0, 5000, ()),
    ],
)
def test_returns_are_counted_when_there_are_any(returns: int, kept: int, said: tuple[str, ...]) -> None:
    assert findings(history(returns=returns), counted(kept=kept, anonymous=0)) == said


@pytest.mark.parametrize(
    ("given", "absent", "end"),
    [
        (None, (), " from them."),
        (
            source(),
            (),
            " from them; count_anonymous = true under [source.order_lines] counts them in the popularity of products.",
        ),
        (
            source(count_anonymous=True),
            (),
            " from them; they count in the popularity of products alone.",
        ),
        (source(), (col.PRODUCT_ID,), " from them."),
    ],
)
def test_lines_of_nobody_are_told_with_the_setting_that_counts_them(
    given: OrderLinesSource | None, absent: tuple[str, ...], end: str
) -> None:
    assert findings(history(), counted(kept=74, anonymous=26, absent=absent), given) == (NOBODYS + end,)


@pytest.mark.parametrize(("anonymous", "said"), [(5, True), (4, False)])
def test_lines_of_nobody_are_told_when_they_are_one_in_twenty(anonymous: int, said: bool) -> None:
    assert bool(findings(history(), counted(kept=100 - anonymous, anonymous=anonymous))) is said


@pytest.mark.parametrize(
    ("times", "latest", "last", "said"),
    [
        ("%d/%m/%Y", 12, date(2023, 3, 12), True),
        ("%m/%d/%Y %H:%M", 12, date(2024, 6, 12), True),
        ("%d.%m.%y", 9, date(2024, 6, 9), True),
        ("%d/%m/%Y", 13, date(2024, 6, 13), False),
        ("%d/%m/%Y", 12, date(2023, 2, 12), False),  # two months: chance
        ("%Y-%m-%d", 12, date(2024, 6, 12), False),
        ("%d %b %Y", 12, date(2024, 6, 12), False),  # a month with a name is not swapped
        ("iso", 12, date(2024, 6, 12), False),
    ],
)
def test_day_and_month_may_be_swapped_when_no_order_is_after_the_twelfth(
    times: str, latest: int, last: date, said: bool
) -> None:
    seen = history(latest_day_of_month=latest, last=last, most_came_by=last)
    assert findings(seen, report(today=last), source(times=[times])) == ((SWAPPED,) if said else ())


@pytest.mark.parametrize(
    ("table", "rule", "why"),
    [
        (col.ORDER_LINES, "anonymous", "no customer"),
        (col.ORDER_LINES, "exact_duplicate", "an earlier row is exactly the same"),
        (col.ORDER_LINES, "postage", "meets the condition 'postage' under [source.order_lines.set_aside]"),
        (col.IDENTITIES, "identity_conflict", "the same source_id has two or more customer_ids"),
        (col.ORDER_LINES, "malformed_line", "the line has too few or too many fields"),
    ],
)
def test_every_reason_is_told_in_words_when_a_row_is_not_kept(table: str, rule: str, why: str) -> None:
    assert described(table, rule) == why
