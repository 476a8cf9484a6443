from datetime import date, timedelta
from pathlib import Path

import pytest

from models.engines import open_duckdb
from models.settings import Settings
from training.check import CheckReport, data_report
from training.check.calendar import holes, months, weekdays
from training.check.history import Bin, History, Hole, Period, histogram, quantile
from training.check.measure import measure
from training.check.order_counts import Orders, Windows
from training.check.page import page
from training.ingest import ingest

TODAY = date(2024, 3, 1)
MONDAY = date(2024, 1, 1)


def settings_of(folder: Path, text: str, **source: object) -> Settings:
    (folder / "lines.csv").write_text(text)
    return Settings(
        workspace=folder,
        source={"order_lines": {"path": "lines.csv", **source}},
        intake={"max_rejected_share": 0.9},
    )


def checked(folder: Path, text: str) -> CheckReport:
    """The report, after a page was written from it: no history may be too odd for one."""
    settings = settings_of(folder, text)
    report = data_report(ingest(settings, today=TODAY), settings)
    assert CheckReport.model_validate_json(report.model_dump_json()) == report
    assert "<h1>Data report</h1>" in page(report, settings)
    return report


SMALL = """customer_id,ordered_at,order_id,product_id,amount
a,2024-01-01,1,p,10
a,2024-01-01,1,q,20
a,2024-01-04,2,p,5
a,2024-01-14,3,p,5.5
b,2024-01-02,4,p,100
b,2024-02-01,5,,-40
b,2024-02-02,1,q,1
c,2024-01-02,6,r,
d,2024-01-03,7,p,-3
"""
"""a orders on days 0, 3 and 13; b on days 1 and 32, and brings something back between; c once; d only returns."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> CheckReport:
    return checked(tmp_path_factory.mktemp("small"), SMALL)


def measured(folder: Path, text: str) -> History:
    """The figures alone, which is quicker."""
    settings = settings_of(folder, text)
    report = ingest(settings, today=date(2040, 1, 1))
    with open_duckdb(settings.tables) as engine:
        return measure(engine, Orders(engine), report)


def test_ids_that_look_like_missing_ones_are_counted_when_there_are_any(tmp_path: Path) -> None:
    text = "customer_id,ordered_at\nNULL,2024-01-01\nNULL,2024-01-02\n nan,2024-01-02\n0,2024-01-01\n"
    assert measured(tmp_path, text).nameless == {" nan": 1, "NULL": 2}


def test_orders_and_customers_are_counted_when_some_lines_are_returns(small: CheckReport) -> None:
    assert (small.customers, small.orders, small.history.customers) == (4, 6, 3)
    assert (small.history.first, small.history.last) == (MONDAY, date(2024, 2, 2))
    assert small.history.latest_day_of_month == 14
    assert small.history.returns == 2
    assert small.history.nameless == {}
    assert "2 of 9 kept order lines are returns (22.2 %): they reduce spend and are no orders." in small.notes
    assert small.history.orders_per_customer[:3] == (
        Bin(title="1", count=1),
        Bin(title="2", count=1),
        Bin(title="3-5", count=1),
    )


def test_orders_over_time_have_every_day_when_the_history_is_short(small: CheckReport) -> None:
    history = small.history
    assert (history.step, len(history.over_time)) == ("day", 33)
    assert history.over_time[:3] == (
        Period(first=MONDAY, orders=1, customers=1, new_customers=1),
        Period(first=date(2024, 1, 2), orders=2, customers=2, new_customers=2),
        Period(first=date(2024, 1, 3), orders=0, customers=0, new_customers=0),
    )
    assert history.most_came_by == date(2024, 1, 2)


def test_gaps_are_whole_days_between_orders_when_customers_come_back(small: CheckReport) -> None:
    gaps = small.history.gaps
    # a: 3 and 10 days, which weigh a half each; b: 31 days, which weigh one
    assert gaps is not None
    assert (gaps.count, gaps.customers) == (3, 2)
    assert gaps.quantiles == {50: 10, 75: 31, 90: 31, 95: 31}
    assert gaps.by_customer == {50: 10, 75: 31, 90: 31, 95: 31}
    assert {each.title: each.count for each in gaps.histogram if each.count} == {"2-3": 1, "8-14": 1, "31-60": 1}


def test_gaps_of_a_customer_weigh_as_much_as_another_ones_when_one_comes_daily(tmp_path: Path) -> None:
    daily = [f"a,{MONDAY + timedelta(days=day)}" for day in range(21)]
    rare = [f"{customer},{MONDAY + timedelta(days=day)}" for customer in "bc" for day in (0, 20)]
    gaps = measured(tmp_path, "customer_id,ordered_at\n" + "\n".join(daily + rare) + "\n").gaps
    assert gaps is not None
    assert gaps.quantiles[50] == gaps.quantiles[90] == 1
    assert gaps.by_customer == {50: 20, 75: 20, 90: 20, 95: 20}


def test_spend_is_summed_by_customer_when_there_are_amounts(small: CheckReport) -> None:
    spend = small.history.spend
    # a 40.5, b 100 - 40 + 1 = 61, d -3; nothing is known of c
    assert spend is not None
    assert spend.quantiles[50] == 40.5
    assert {each.title: each.count for each in spend.histogram} == {"0 or less": 1, "20 to 50": 1, "50 to 100": 1}


def test_the_long_tail_counts_lines_of_products_when_there_are_any(small: CheckReport) -> None:
    assortment = small.history.assortment
    # p 4 lines, q 2, r 1, without d's return and the line that names none
    assert assortment is not None
    assert (assortment.products, assortment.lines) == (3, 7)
    assert assortment.top == {1: 4 / 7, 10: 4 / 7, 50: 6 / 7}
    assert assortment.curve == ((1 / 3, 4 / 7), (2 / 3, 6 / 7), (1.0, 1.0))


def test_missing_values_and_shared_order_ids_are_counted_when_columns_are_there(small: CheckReport) -> None:
    lines = small.history.missing["order_lines"]
    assert lines == {"customer_id": 0, "ordered_at": 0, "order_id": 0, "product_id": 1 / 9, "amount": 1 / 9}
    # order 1 is a's and b's
    assert small.history.shared_order_ids == 1


@pytest.mark.parametrize(
    ("years", "step", "first", "periods"),
    [(1, "day", date(2024, 1, 1), 365), (3, "week", date(2024, 1, 1), 157), (9, "month", date(2024, 1, 1), 108)],
)
def test_periods_grow_when_the_history_is_long(
    tmp_path: Path, years: int, step: str, first: date, periods: int
) -> None:
    lines = [f"c{age},{MONDAY + timedelta(days=age)}" for age in range(0, 365 * years, 4)]
    lines.append(f"z,{MONDAY + timedelta(days=365 * years - 1)}")
    history = measured(tmp_path, "customer_id,ordered_at\n" + "\n".join(lines) + "\n")
    assert (history.step, history.over_time[0].first, len(history.over_time)) == (step, first, periods)
    assert sum(period.orders for period in history.over_time) == history.orders == len(lines)
    assert sum(period.new_customers for period in history.over_time) == history.customers == len(lines)


def test_customers_of_a_week_count_once_when_they_order_twice(tmp_path: Path) -> None:
    far = MONDAY + timedelta(days=7 * 100)
    text = f"customer_id,ordered_at\na,{MONDAY}\na,2024-01-03\nb,2024-01-07\na,{far}\n"
    first, *_ = measured(tmp_path, text).over_time
    assert first == Period(first=MONDAY, orders=3, customers=2, new_customers=2)


@pytest.mark.parametrize(
    ("counts", "percent", "value"),
    [({3: 1, 10: 1}, 50, 3), ({3: 1, 10: 1}, 51, 10), ({1: 9, 7: 1}, 90, 1), ({1: 0.1, 2: 0.2, 3: 0.7}, 30, 2)],
)
def test_quantile_is_the_least_value_that_so_many_do_not_exceed(
    counts: dict[int, float], percent: int, value: int
) -> None:
    assert quantile(counts, percent) == value


def test_histogram_has_a_bin_for_each_range_and_one_beyond() -> None:
    bins = histogram({1: 5, 2: 1, 3: 1, 4: 7, 9: 2}, (1, 3))
    assert [(each.title, each.count) for each in bins] == [("1", 5), ("2-3", 2), ("over 3", 9)]


def days(counts: dict[int, int]) -> dict[date, int]:
    return {MONDAY + timedelta(days=day): count for day, count in counts.items() if count}


def test_a_hole_is_found_when_a_shop_was_closed_for_weeks() -> None:
    orders = days({day: 0 if 75 <= day < 131 else 10 for day in range(250)})
    assert holes(orders) == (Hole(first=date(2024, 3, 16), last=date(2024, 5, 10), missed=560),)
    assert holes(orders)[0].days == 56


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ({day: 10 if day % 7 < 4 else 0 for day in range(250)}, "closed from Friday to Sunday"),
        ({day: 10 if day not in (100, 101) else 0 for day in range(250)}, "two days of holiday"),
        ({day: 1 if day % 9 == 0 else 0 for day in range(250)}, "an order now and then"),
        ({day: 500 if day % 30 == 0 else 0 for day in range(250)}, "dated by month"),
        ({0: 10}, "one day"),
        ({}, "no day"),
    ],
)
def test_no_hole_is_found_when_the_usual_days_have_no_orders_either(counts: dict[int, int], why: str) -> None:
    assert holes(days(counts)) == (), why


def test_closing_days_beside_a_hole_are_not_part_of_it() -> None:
    # closed on Sundays; and from Monday the 8th to Saturday the 13th of January, with the Sundays around
    orders = days({day: 0 if day % 7 == 6 or 91 <= day < 98 else 10 for day in range(200)})
    (hole,) = holes(orders)
    assert (hole.first, hole.last, hole.missed) == (MONDAY + timedelta(91), MONDAY + timedelta(96), 60)


def test_weekdays_are_means_outside_holes_when_there_are_eight_weeks() -> None:
    orders = days({day: 20 if day % 7 == 5 else 10 for day in range(56)})
    assert weekdays(orders, ()) == (10, 10, 10, 10, 10, 20, 10)
    assert weekdays(days(dict.fromkeys(range(55), 10)), ()) == ()
    closed = Hole(first=MONDAY + timedelta(70), last=MONDAY + timedelta(90), missed=1)
    gone = {
        day: count
        for day, count in days(dict.fromkeys(range(120), 10)).items()
        if not closed.first <= day <= closed.last
    }
    assert weekdays(gone, (closed,)) == (10,) * 7


def test_months_are_compared_with_their_mean_when_there_is_one_year() -> None:
    orders = days({day: 22 if (MONDAY + timedelta(day)).month == 12 else 10 for day in range(366)})
    ratios, years = months(orders, ())
    assert not years
    assert ratios[12] == pytest.approx(2.0)
    assert ratios[1] == pytest.approx(10 / 11)
    assert months(days(dict.fromkeys(range(330), 10)), ()) == ({}, False)


def test_months_are_compared_with_the_year_around_them_when_there_are_two() -> None:
    # one order a day more each month: growth alone makes no season
    orders = days(
        {
            day: 100 + 12 * (each.year - 2024) + each.month
            for day in range(365 * 3)
            for each in [MONDAY + timedelta(day)]
        }
    )
    ratios, years = months(orders, ())
    assert years
    assert all(ratio == pytest.approx(1, abs=0.002) for ratio in ratios.values())


def test_windows_count_who_ordered_before_and_who_in_them(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, SMALL)
    report = ingest(settings, today=TODAY)
    with open_duckdb(settings.tables) as engine:
        orders = Orders(engine)
        asked = [(date(2024, 1, 4), 10), (date(2024, 1, 4), 11), (date(2024, 1, 2), 30), (date(2024, 1, 2), 32)]
        counted = orders.windows(asked)
        assert [counted[window] for window in asked] == [Windows(3, 1), Windows(3, 1), Windows(1, 1), Windows(1, 1)]
        assert orders.windows([]) == {}
        assert orders.silent_days(date(2024, 1, 5)) == {1: 1, 3: 2}
        assert measure(engine, orders, report).orders == 6


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,2024-01-01\na,2024-01-09\n", "All orders are one customer's: there is nobody to compare with."),
        (
            "a,2024-01-01\nb,2024-01-09\n",
            "Each of the 2 customers ordered once: nobody came back; check that customer_id names people and not "
            "orders.",
        ),
        ("a,2024-01-01\nb,2024-01-01\n", "All orders are of one day, 2024-01-01: check which column ordered_at is."),
    ],
)
def test_a_history_that_nothing_can_be_learnt_from_has_a_report_that_says_so(
    tmp_path: Path, text: str, said: str
) -> None:
    report = checked(tmp_path, "customer_id,ordered_at\n" + text)
    assert said in report.findings
    assert not any(verdict.ready for verdict in report.verdicts)
    assert (report.history.spend, report.history.assortment) == (None, None)


def test_a_history_of_returns_alone_has_a_report(tmp_path: Path) -> None:
    report = checked(tmp_path, "customer_id,ordered_at,amount\na,2024-01-01,-5\nb,2024-01-09,-1\n")
    assert report.findings == ("There is no order: every line is a return.",)
    assert (report.orders, report.history.first, report.history.over_time) == (0, None, ())
    assert {verdict.sentence for verdict in report.verdicts if verdict.prediction == "churn"} == {
        "there is no order: every line is a return"
    }


def test_columns_without_a_value_have_a_report(tmp_path: Path) -> None:
    report = checked(tmp_path, "customer_id,ordered_at,amount,product_id\na,2024-01-01,,\na,2024-01-05,,\n")
    assert (report.history.spend, report.history.assortment) == (None, None)
    assert report.history.missing["order_lines"]["amount"] == 1
