import pytest

from tests.models.features.builders import Person, features_of, line


def _picked(row, *names):
    return tuple(row[name] for name in names)


def test_ages_count_back_from_the_cutoff_when_orders_lie_across_a_change_of_clocks():
    # 2025-03-30 is a day of 23 hours in Europe
    row = features_of(Person([line(days, hour=hour) for days, hour in ((1, 0), (2, 23), (4, 2), (8, 3), (16, 5))]))
    names = ("recency_days", "recency_2nd_days", "recency_3rd_days", "recency_5th_days", "tenure_days")
    assert _picked(row, *names) == (1, 2, 4, 16, 16)


def test_lines_make_one_order_when_they_share_a_day():
    row = features_of(Person([line(3, hour=8), line(3, hour=20), line(10)]))
    assert _picked(row, "orders", "orders_7d", "orders_14d") == (2, 1, 2)


def test_windows_include_their_last_day_when_an_order_has_exactly_that_age():
    row = features_of(Person([line(7), line(8), line(30), line(31), line(90), line(91), line(181)]))
    names = ("orders_7d", "orders_14d", "orders_30d", "orders_60d", "orders_90d", "orders_180d", "orders")
    assert _picked(row, *names) == (1, 2, 3, 4, 5, 6, 7)


def test_a_return_reduces_spend_and_is_no_order_when_its_day_has_nothing_else():
    row = features_of(Person([line(20, amount="10.50"), line(5, amount="-4.25"), line(2, amount="1", quantity="-1")]))
    assert _picked(row, "orders", "recency_days", "spend", "spend_7d") == (1, 20, 5.25, -5.25)


def test_a_line_counts_when_its_amount_and_quantity_are_zero_or_unknown():
    row = features_of(Person([line(2, amount="0", quantity="0"), line(4)]))
    assert _picked(row, "orders", "spend") == (2, 0)


def test_spend_is_null_when_no_line_has_an_amount():
    assert _picked(features_of(Person([line(40)])), "spend", "spend_30d", "spend_60d") == (None, 0, None)


def test_gaps_are_those_between_orders_when_a_return_lies_between():
    # orders 30, 20, 16 and 10 days ago: gaps 10, 4, 6
    row = features_of(Person([line(30), line(20), line(18, amount="-1"), line(16), line(10)]))
    assert row["gap_mean_days"] == pytest.approx(20 / 3)
    assert _picked(row, "gap_median_days", "gap_last_days", "gap_longest_days") == (6, 6, 10)
    assert row["gap_deviation_days"] == pytest.approx((28 / 3) ** 0.5)
    assert row["gap_variation"] == pytest.approx((28 / 3) ** 0.5 / (20 / 3))
    assert row["recency_to_gap_mean"] == pytest.approx(1.5)
    assert row["recency_to_gap_median"] == pytest.approx(10 / 6)
    assert row["recency_to_gap_longest"] == 1


def test_gaps_are_null_when_there_is_one_order():
    row = features_of(Person([line(30)]))
    assert {row[name] for name in row if "gap" in name} == {None}


def test_the_rate_is_over_the_time_since_the_first_order():
    assert features_of(Person([line(60), line(1)]))["orders_per_30d"] == 1


def test_a_trend_compares_with_equal_time_when_the_windows_differ():
    bought = [
        line(1, amount="6"),
        line(30, amount="6"),
        line(31, amount="4"),
        line(90, amount="4"),
        line(91, amount="2"),
    ]
    row = features_of(Person(bought))
    assert _picked(row, "orders_trend_30d", "spend_trend_30d") == (2, 3)
    assert _picked(row, "orders_trend_90d", "spend_trend_90d") == (4, 10)


def test_a_trend_is_null_when_nothing_came_before():
    assert _picked(features_of(Person([line(3)])), "orders_trend_30d", "spend_trend_30d") == (None, None)
