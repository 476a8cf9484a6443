import pytest

from tests.models.features.builders import Person, features_of, line


def _picked(row, *names):
    return tuple(row[name] for name in names)


def test_order_values_leave_returns_out():
    bought = [
        line(100, amount="30"),
        line(5, amount="8"),
        line(5, amount="2"),
        line(5, amount="-1"),
        line(2, amount="-3"),
    ]
    row = features_of(Person(bought))
    names = ("order_value_mean", "order_value_mean_90d", "order_value_last", "order_value_max")
    assert _picked(row, *names) == (20, 10, 10, 30)


def test_the_last_orders_value_is_null_when_its_amount_is_unknown():
    row = features_of(Person([line(9, amount="5"), line(3)]))
    assert _picked(row, "order_value_last", "order_value_mean") == (None, 5)


def test_sizes_are_means_over_orders():
    bought = [line(9, "bread", quantity="2"), line(9, "bread"), line(9, "milk", quantity="0.5"), line(3, "soap")]
    row = features_of(Person(bought))
    assert _picked(row, "order_lines_mean", "order_units_mean", "order_products_mean") == (2, 2.25, 1.5)


def test_an_order_falls_on_the_weekday_and_hour_of_its_first_line():
    # the cutoff is a Tuesday: 2 days before is a Sunday, 3 a Saturday, 4 a Friday, 1 a Monday
    bought = [line(1, hour=5), line(2, hour=12), line(3, hour=22), line(4, hour=23), line(4, hour=11)]
    row = features_of(Person(bought))
    assert _picked(row, "weekend_share", "morning_share", "afternoon_share", "evening_share") == (0.5, 0.5, 0.25, 0.25)


def test_discounts_are_shares_of_the_price_before():
    bought = [line(100, amount="6", discount="2"), line(5, amount="8", discount="0"), line(4, amount="2", discount="2")]
    row = features_of(Person(bought))
    assert row["discount_share"] == pytest.approx(4 / 20)
    assert row["discount_share_90d"] == pytest.approx(2 / 12)
    assert row["discounted_line_share"] == pytest.approx(2 / 3)


def test_discount_share_is_null_when_everything_was_free():
    assert features_of(Person([line(5, amount="0", discount="0")]))["discount_share"] is None


def test_assortment_counts_what_was_bought_once_however_often():
    bought = [line(9, "bread"), line(8, "bread"), line(8, "bun"), line(7, "milk"), line(6, "soap"), line(5, "gift")]
    row = features_of(Person([*bought, line(4, "not listed"), line(3), line(2, "soap", amount="-1")]))
    assert _picked(row, "products", "categories", "departments") == (6, 3, 2)
    # food 4 lines, home 1
    assert row["department_top_share"] == pytest.approx(4 / 5)
    assert row["department_concentration"] == pytest.approx(17 / 25)


def test_departments_share_alike_when_they_tie():
    row = features_of(Person([line(9, "bread"), line(8, "soap")]))
    assert _picked(row, "department_top_share", "department_concentration") == (0.5, 0.5)


def test_a_repeat_is_a_product_of_an_earlier_day():
    bought = [line(120, "bread"), line(9, "bread"), line(9, "bread"), line(9, "milk"), line(9), line(8, "milk")]
    row = features_of(Person(bought))
    assert row["repeat_share"] == pytest.approx(3 / 5)
    assert row["repeat_share_90d"] == pytest.approx(3 / 4)


def test_a_product_is_no_repeat_when_it_was_only_returned_before():
    assert features_of(Person([line(9, "bread", amount="-1"), line(5, "bread")]))["repeat_share"] == 0


def test_returns_are_shares_of_lines_and_of_value():
    row = features_of(Person([line(9, amount="6"), line(9, amount="2"), line(5, amount="-2")]))
    assert row["returns_share"] == pytest.approx(1 / 3)
    assert row["returned_value_share"] == 0.25
