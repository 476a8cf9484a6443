from datetime import date

import ibis

from models.labels import next_order
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
