from datetime import date

import ibis

from models.labels import next_order, next_products
from tests.models.features.builders import AS_OF, Person, line, spine, stack


def _labels(people, *rows):
    backend = ibis.duckdb.connect()
    tables = {name: backend.create_table(name, table) for name, table in stack(people).items()}
    result = next_order(tables, backend.create_table("spine", spine(*rows))).to_pyarrow()
    assert str(result.schema.field("next_order_days").type) == "int64"
    return {(row["customer_id"], row["as_of"]): row["next_order_days"] for row in result.to_pylist()}


def test_days_count_to_the_first_order_on_or_after_the_cutoff():
    people = {
        "today": Person([line(5), line(0), line(-3)]),
        "later": Person([line(1), line(-9), line(-4), line(-4)]),
        "gone": Person([line(1)]),
        "returns": Person([line(0, amount="-5"), line(-2, quantity="-1")]),
    }
    rows = [(who, AS_OF) for who in (*people, "unknown")]
    expected = {"today": 0, "later": 4, "gone": None, "returns": None, "unknown": None}
    assert _labels(people, *rows) == {(who, AS_OF): days for who, days in expected.items()}


def test_each_cutoff_has_its_own_label_when_there_are_many():
    rows = [("ann", date(2025, 3, 1)), ("ann", AS_OF)]
    # 31 days, one of them of 23 hours
    assert _labels({"ann": Person([line(0, hour=0)])}, *rows) == {rows[0]: 31, rows[1]: 0}


def _products(people, *rows, horizon=30):
    backend = ibis.duckdb.connect()
    tables = {name: backend.create_table(name, table) for name, table in stack(people).items()}
    result = next_products(tables, backend.create_table("spine", spine(*rows)), horizon=horizon).to_pyarrow()
    assert result.column_names == ["customer_id", "as_of", "next_basket", "window_products"]
    found = {
        (row["customer_id"], row["as_of"]): (row["next_basket"], row["window_products"]) for row in result.to_pylist()
    }
    assert len(found) == result.num_rows
    return found


def test_the_next_basket_is_the_first_day_and_the_window_all_of_them():
    lines = [line(1, "gift"), line(-3, "soap"), line(-3, "bread", hour=23), line(-9, "milk"), line(-9, "bread")]
    found = _products({"ann": Person(lines)}, ("ann", AS_OF))
    assert found == {("ann", AS_OF): (["bread", "soap"], ["bread", "milk", "soap"])}


def test_a_product_is_there_once_when_it_was_bought_twice():
    lines = [line(-3, "soap"), line(-3, "soap", hour=20), line(-5, "soap")]
    assert _products({"ann": Person(lines)}, ("ann", AS_OF)) == {("ann", AS_OF): (["soap"], ["soap"])}


def test_a_window_begins_with_the_cutoff_and_ends_before_the_horizon():
    lines = [line(1, "gift"), line(0, "milk", hour=0), line(-6, "soap", hour=23), line(-7, "bread", hour=0)]
    rows = ("ann", AS_OF)
    assert _products({"ann": Person(lines)}, rows, horizon=7) == {rows: (["milk"], ["milk", "soap"])}
    assert _products({"ann": Person(lines)}, rows, horizon=8) == {rows: (["milk"], ["bread", "milk", "soap"])}


def test_there_is_no_basket_when_nothing_was_bought():
    people = {
        "gone": Person([line(1, "milk")]),
        "later": Person([line(-30, "milk")]),
        "returns": Person([line(-2, "milk", quantity="-1"), line(-3, "soap", amount="-1")]),
        "nameless": Person([line(-2)]),
    }
    rows = [(who, AS_OF) for who in (*people, "unknown")]
    assert _products(people, *rows) == dict.fromkeys(rows, (None, None))


def test_a_day_of_returns_or_of_nameless_lines_is_not_the_next_basket():
    lines = [line(-1, "milk", amount="-1"), line(-2), line(-4, "soap"), line(-4, "milk", quantity="-1")]
    assert _products({"ann": Person(lines)}, ("ann", AS_OF)) == {("ann", AS_OF): (["soap"], ["soap"])}


def test_each_cutoff_has_its_own_basket_when_there_are_many():
    lines = [line(31, "bread"), line(20, "milk"), line(-1, "soap")]
    rows = [("ann", date(2025, 3, 1)), ("ann", AS_OF), ("bob", AS_OF)]
    expected = {rows[0]: (["bread"], ["bread", "milk"]), rows[1]: (["soap"], ["soap"]), rows[2]: (["gift"], ["gift"])}
    assert _products({"ann": Person(lines), "bob": Person([line(-9, "gift")])}, *rows) == expected
