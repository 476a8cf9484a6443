from datetime import date

from models.features import catalogue
from models.features.identity import compiled
from tests.models.features.builders import AS_OF, SETTINGS, Person, event, features_of, line, run, spine, stack

COUNTS = {feature.name for feature in catalogue(SETTINGS) if feature.null == "never"}
SPEND = {"spend", "spend_7d", "spend_14d", "spend_30d", "spend_60d", "spend_90d", "spend_180d"}


def test_counts_are_zero_and_the_rest_is_null_when_nothing_is_known_of_a_customer():
    row = features_of(Person())
    zero = {name for name, value in row.items() if value == 0.0}
    assert zero == COUNTS | SPEND
    assert all(value is None for name, value in row.items() if name not in {"customer_id", "as_of", *zero})


def test_one_row_comes_back_for_each_spine_row_when_cutoffs_and_customers_are_many():
    people = {"ann": Person([line(3), line(40)]), "bob": Person(events=[event(2)])}
    asked = [(who, day) for who in ("ann", "bob", "nobody") for day in (date(2024, 1, 1), date(2025, 3, 1), AS_OF)]
    table = run(stack(people), spine(*asked), compiled(SETTINGS))
    assert sorted(zip(table["customer_id"].to_pylist(), table["as_of"].to_pylist(), strict=True)) == asked
    orders = {(row["customer_id"], row["as_of"]): row["orders"] for row in table.to_pylist()}
    assert [orders["ann", day] for day in (date(2024, 1, 1), date(2025, 3, 1), AS_OF)] == [0, 1, 2]


def test_every_feature_is_float64_when_computed():
    table = run(stack({}), spine(("ann", AS_OF)), compiled(SETTINGS))
    assert {str(table[name].type) for name in table.column_names[2:]} == {"double"}


def test_same_bits_come_back_when_lines_are_in_another_order():
    lines = [line(at % 90 + 1, "bread", amount=f"{at}.1{at % 7}") for at in range(60)]
    assert features_of(Person(lines)) == features_of(Person(lines[::-1]))
