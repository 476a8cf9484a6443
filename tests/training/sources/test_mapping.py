from decimal import Decimal
from typing import Any

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibis.backends.duckdb import Backend

from models import columns as col
from models.contracts import number, written
from models.errors import ContractError
from models.source_settings import SourceSettings
from training.sources.mapping import mapped
from training.sources.raw import MARKED_RETURN, SET_ASIDE, product_detail

PATH = {"path": "shop.csv"}
IDS = {"customer_id": "Customer ID", "ordered_at": "when"}


@pytest.fixture(scope="module")
def connection() -> Backend:
    return ibis.duckdb.connect()


def text_table(connection: Backend, rows: list[dict[str, str | None]]) -> ibis.expr.types.Table:
    kinds = pa.schema([(name, pa.string()) for name in rows[0]])
    return connection.create_table(ibis.util.gen_name("source"), pa.Table.from_pylist(rows, kinds), temp=True)


def lines(connection: Backend, *others: dict[str, str | None], **source: Any) -> list[dict[str, Any]]:
    """Map order lines that have 'Customer ID', 'when' and the columns of ``others``."""
    products = source.pop("products", None)
    entry = {**PATH, **source, "columns": {**IDS, **source.get("columns", {})}}
    raw = text_table(connection, [{"Customer ID": "7", "when": "2024-01-01", **other} for other in others])
    tables: dict[str, Any] = {"order_lines": entry} | ({"products": products} if products else {})
    rows = mapped(raw, col.ORDER_LINES, SourceSettings.model_validate(tables), "shop.csv")
    found: list[dict[str, Any]] = rows.to_pyarrow().drop_columns(["customer_id", "ordered_at"]).to_pylist()
    return found


def test_columns_bear_our_names_when_they_are_mapped_in_any_case(connection: Backend) -> None:
    columns = {"product_id": "SKU", "channel": "'web'", "order_id": '"Invoice No"', "store_id": "`shop`"}
    row: dict[str, str | None] = {"sku": "s1", "Invoice No": "9", "shop": " 1 ", "amount": "2.50", "rest": "x"}
    # a constant is nothing that the source had, and says so by having no written column
    assert lines(connection, row, columns=columns) == [
        {"product_id": "s1", "channel": "web", "order_id": "9", "store_id": " 1 ", "amount": "2.50"}
    ]


def test_column_of_our_name_is_not_taken_when_the_mapping_empties_it(connection: Backend) -> None:
    row: dict[str, str | None] = {"discount": "10 %", "amount": "2.50"}
    assert lines(connection, row) == [row]
    assert lines(connection, row, columns={"discount": ""}) == [{"amount": "2.50"}]
    with pytest.raises(ContractError, match="no column 'customer_id'"):
        lines(connection, row, columns={"customer_id": ""})


def test_derived_column_carries_its_operands_when_a_row_has_any(connection: Backend) -> None:
    columns = {"amount": "quantity * price"}
    found = lines(
        connection,
        {"quantity": "3", "price": "2.55"},
        {"quantity": "3", "price": "free"},
        {"quantity": "", "price": "2.55"},
        {"quantity": " ", "price": None},
        columns=columns,
    )
    assert [(row[col.AMOUNT], row[written(col.AMOUNT)]) for row in found] == [
        (Decimal("7.65"), "3 | 2.55"),
        (None, "3 | free"),
        (None, " | 2.55"),
        (None, None),
    ]


def test_derived_number_has_the_size_of_its_largest_operand_when_it_has_no_value(connection: Backend) -> None:
    rows = [{"quantity": "-3", "price": price} for price in ("2.5", "1e18", "free", "NaN")]
    found = lines(connection, *rows, columns={"amount": "quantity * price"})
    assert [row[number(col.AMOUNT)] for row in found] == [-7.5, 1e18, 3, 3]


def test_derived_column_stands_for_itself_when_it_has_a_value_from_nothing(connection: Backend) -> None:
    columns = {"channel": "coalesce(place, 'shop')", "quantity": "coalesce(pieces, 2)"}
    found = lines(
        connection, {"place": "web", "pieces": "x"}, {"place": "", "pieces": ""}, columns=columns, decimal=","
    )
    assert [(row["channel"], row["written_channel"], row["quantity"], row["written_quantity"]) for row in found] == [
        ("web", "web", None, "x"),
        ("shop", "shop", Decimal(2), "2.00000000"),
    ]


def test_row_is_set_aside_under_the_first_condition_when_several_hold(connection: Backend) -> None:
    found = lines(
        connection,
        {"code": "POST", "price": "18"},
        {"code": "POST", "price": "0"},
        {"code": "A1", "price": "0"},
        {"code": "A1", "price": "2"},
        {"code": None, "price": "free"},
        set_aside={"postage": "code in ('POST', 'M')", "given_away": "price = 0"},
    )
    assert [row[SET_ASIDE] for row in found] == ["postage", "postage", "given_away", None, None]


def test_line_is_a_return_when_its_order_id_begins_with_the_prefix(connection: Backend) -> None:
    ids: list[str | None] = ["C536379", " C1", "c1", "1C", "", None]
    found = lines(connection, *({"order_id": each} for each in ids), returns={"order_id_prefix": "C"})
    assert [row[MARKED_RETURN] for row in found] == [True, True, False, False, False, False]


def test_line_is_a_return_when_its_status_says_so(connection: Backend) -> None:
    found = lines(
        connection,
        {"order_id": "1", "status": " back "},
        {"order_id": "C2", "status": "sold"},
        {"order_id": "3", "status": None},
        returns={"order_id_prefix": "C", "column": "status", "values": ["back", "void"]},
    )
    assert [row[MARKED_RETURN] for row in found] == [True, True, False]


def test_line_is_a_return_when_an_expression_says_so(connection: Backend) -> None:
    found = lines(
        connection, {"status": "BACK-1"}, {"status": "sold"}, returns={"column": "left(status, 4)", "values": ["BACK"]}
    )
    assert [row[MARKED_RETURN] for row in found] == [True, False]


def test_products_take_their_details_from_the_lines_when_the_source_says_so(connection: Backend) -> None:
    details = {"name": "Description", "price": "total / pieces", "category": "left(sku, 1)", "product_id": "SKU"}
    found = lines(
        connection,
        {"sku": "a1", "Description": "Mug", "total": "5,00", "pieces": "2"},
        {"sku": "a2", "Description": "", "total": "5,00", "pieces": "0"},
        columns={"product_id": "sku"},
        products={"from_order_lines": True, "columns": details},
        decimal=",",
    )
    assert found == [
        {"product_id": "a1", "product_name": "Mug", "product_price": "2,5000", "product_category": "a"},
        {"product_id": "a2", "product_name": "", "product_price": None, "product_category": "a"},
    ]
    assert product_detail(col.PRICE) == "product_price"


def test_customers_keep_further_columns_when_they_may_be_attributes(connection: Backend) -> None:
    raw = text_table(connection, [{"id": "007", "birth year": "1980", "set_aside": "x", "written_x": "y"}])
    people = {**PATH, "columns": {"customer_id": "id", "age": '2024 - "birth year"'}}
    source = SourceSettings.model_validate({"order_lines": PATH, "customers": people})
    assert mapped(raw, col.CUSTOMERS, source, "people.csv").to_pyarrow().to_pylist() == [
        {"id": "007", "birth year": "1980", "customer_id": "007", "age": Decimal(44), "written_age": "1980"}
    ]


def test_boolean_column_may_be_a_condition_when_the_contract_wants_one(connection: Backend) -> None:
    raw = text_table(connection, [{"customer_id": "1", "campaign_id": "a", "sent_at": "2024-01-01", "grp": "C"}])
    entry = {**PATH, "columns": {"is_control": "grp = 'C'"}}
    source = SourceSettings.model_validate({"order_lines": PATH, "contacts": entry})
    (row,) = mapped(raw, col.CONTACTS, source, "contacts.csv").to_pyarrow().to_pylist()
    assert row[col.IS_CONTROL] is True


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            {"columns": {"ordered_at": "wehn"}},
            r"column 'wehn' \(for ordered_at\) is not in shop.csv \(did you mean 'when'\?",
        ),
        (
            {"columns": {"amuont": "price"}},
            r"'amuont' under \[source.order_lines.columns\] is no column of ours \(did you",
        ),
        (
            {"columns": {"amount": "pieces * pirce"}},
            r"amount under \[source.order_lines.columns\] = 'pieces \* pirce': column",
        ),
        ({"columns": {"amount": "price > 2"}}, r"amount under .* = 'price > 2': a condition, and a value is needed"),
        ({"columns": {"order_id": "pieces * 2"}}, r"order_id under .* = 'pieces \* 2': a number, and text is needed"),
        ({"columns": {"amount": "exp(price)"}}, r"the function 'exp' is not allowed"),
        (
            {"set_aside": {"postage": "price"}},
            r"postage under \[source.order_lines.set_aside\] = 'price': a value, and a",
        ),
        ({"set_aside": {"postage": "cod = 'P'"}}, r"column 'cod' is not there"),
        ({"returns": {"order_id_prefix": "C"}}, r"order_id_prefix under \[source.order_lines.returns\] needs order_id"),
        (
            {"returns": {"column": "state", "values": ["x"]}},
            r"column 'state' \(for returns\) is not in shop.csv; .* correct it under \[source.order_lines.returns\]",
        ),
        (
            {"float_ids": ["amount"]},
            r"'amount' in float_ids under \[source.order_lines\] is no text column of ours; those are",
        ),
        ({"float_ids": ["custmer_id"]}, r"'custmer_id' in float_ids .* \(did you mean 'customer_id'\?\)"),
    ],
)
def test_mapping_is_refused_in_one_line_when_it_makes_no_sense(
    connection: Backend, source: dict[str, Any], message: str
) -> None:
    with pytest.raises(ContractError, match=f"^order_lines: .*{message}") as caught:
        lines(connection, {"pieces": "1", "price": "2"}, **source)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("columns", "details", "message"),
    [
        ({}, {"name": "Text"}, r"from_order_lines needs product_id among the order lines; name the column of shop.csv"),
        ({"product_id": "sku"}, {"nmae": "Text"}, r"'nmae' under \[source.products.columns\] is no column of ours"),
        ({"product_id": "sku"}, {"product_id": "Text"}, r"product_id under \[source.products.columns\] differs"),
        ({"product_id": "sku"}, {"name": "Txt"}, r"column 'Txt' \(for name\) is not in shop.csv \(did you mean 'Text'"),
        ({"product_id": "sku"}, {"name": "sku = 'a'"}, r"a condition, and a value is needed"),
    ],
)
def test_products_of_order_lines_are_refused_when_their_columns_make_no_sense(
    connection: Backend, columns: dict[str, str], details: dict[str, str], message: str
) -> None:
    with pytest.raises(ContractError, match=message):
        lines(
            connection,
            {"sku": "a", "Text": "b"},
            columns=columns,
            products={"from_order_lines": True, "columns": details},
        )


def test_products_of_order_lines_are_refused_when_they_have_rules_of_their_own(connection: Backend) -> None:
    products = {"from_order_lines": True, "float_ids": ["product_id"]}
    with pytest.raises(ContractError, match=r"products: set_aside and float_ids do nothing with from_order_lines; put"):
        lines(connection, {"product_id": "1.0"}, products=products)


CELL = (
    st.none()
    | st.sampled_from(["", " ", "1e18", "free", "-3", "2.55", "C1", "C", "99999999999999"])
    | st.text(max_size=5)
)
ROWS = st.lists(st.fixed_dictionaries({"no": CELL, "sku": CELL, "pieces": CELL, "price": CELL}), min_size=1, max_size=5)


@given(rows=ROWS)
@settings(max_examples=25, deadline=None)
def test_no_row_is_lost_and_none_raises_when_its_values_are_anything(
    connection: Backend, rows: list[dict[str, str | None]]
) -> None:
    found = lines(
        connection,
        *rows,
        columns={"order_id": "no", "product_id": "sku", "amount": "pieces * price", "discount": "price / pieces"},
        set_aside={"postage": "sku = 'C' or price * price * price > 1"},
        returns={"order_id_prefix": "C", "column": "sku", "values": ["C"]},
        products={"from_order_lines": True, "columns": {"price": "price", "name": "upper(sku)"}},
    )
    assert len(found) == len(rows)
    assert all(isinstance(row[MARKED_RETURN], bool) for row in found)
    blank = [not any((row[name] or "").strip(" \t\n\r\v\f") for name in ("pieces", "price")) for row in rows]
    assert [row[written(col.AMOUNT)] is None for row in found] == blank
