import re
from decimal import Decimal
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibis.backends.duckdb import Backend

from models.errors import ContractError
from training.notation import Sign
from training.sources.expressions import parse

TEXTS = [
    {"invoice": "536365", "quantity": "3", "unit price": "2.55", "note": "x"},
    {"invoice": "C536379", "quantity": "-1", "unit price": "27.50", "note": "D_5%"},
    {"invoice": " C7 ", "quantity": "free", "unit price": "1e18", "note": "  "},
    {"invoice": None, "quantity": "", "unit price": "0", "note": None},
]
COLUMNS = ("invoice", "quantity", "unit price", "note")


@pytest.fixture(scope="module")
def connection() -> Backend:
    return ibis.duckdb.connect()


@pytest.fixture(scope="module")
def lines(connection: Backend) -> ir.Table:
    return connection.create_table("lines", pa.Table.from_pylist(TEXTS))


def values(lines: ir.Table, text: str, decimal: Sign = ".") -> list[Any]:
    found: list[Any] = (
        lines.select(value=parse(text, lines.columns, what="x").value(lines, decimal)).to_pyarrow()["value"].to_pylist()
    )
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('quantity * "unit price"', ["7.65", "-27.5", None, None]),
        ("quantity * `unit price`", ["7.65", "-27.5", None, None]),
        ("QUANTITY + 1", ["4", "0", None, None]),
        ("1 - quantity", ["-2", "2", None, None]),
        ("quantity --1", ["4", "0", None, None]),
        ("-quantity", ["-3", "1", None, None]),
        ('abs(quantity) / "unit price"', ["1.17647059", "0.03636364", None, None]),
        ('1 / "unit price" + .5', ["0.89215686", "0.53636364", None, None]),
        ("round(quantity / 2, 0)", ["2", "-1", None, None]),
        ("coalesce(quantity, 1) * 2", ["6", "-2", None, "2"]),
        ("length(invoice) * 1", ["6", "7", "4", None]),
        ("cast(quantity as decimal)", ["3", "-1", None, None]),
        ("case when quantity > 0 then quantity else 0 end", ["3", "0", "0", "0"]),
        ("case quantity when 3 then 30 end", ["30", None, None, None]),
        ("nullif(quantity, 3)", [None, "-1", None, None]),
    ],
)
def test_numbers_are_exact_when_text_is_computed_with(lines: ir.Table, text: str, expected: list[str | None]) -> None:
    assert values(lines, text) == [None if each is None else Decimal(each) for each in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("trim(invoice)", ["536365", "C536379", "C7", None]),
        ("lower(left(invoice, 1))", ["5", "c", " ", None]),
        ("upper(note)", ["X", "D_5%", "  ", None]),
        ("right(invoice, 2)", ["65", "79", "7 ", None]),
        ("substring(invoice, 2)", ["36365", "536379", "C7 ", None]),
        ("substr(invoice, 2, 3)", ["363", "536", "C7 ", None]),
        ("replace(invoice, 'C', '')", ["536365", "536379", " 7 ", None]),
        ("invoice || '/' || note", ["536365/x", "C536379/D_5%", " C7 /  ", None]),
        ("concat(invoice, '/', note)", ["536365/x", "C536379/D_5%", " C7 /  ", "/"]),
        ("coalesce(note, invoice, 'none')", ["x", "D_5%", " C7 ", "none"]),
        ("nullif(invoice, 'C7')", ["536365", "C536379", None, None]),
        ("case when quantity < 0 then 'back' when note = 'x' then null else invoice end", [None, "back", " C7 ", None]),
        ("'it''s'", ["it's"] * 4),
    ],
)
def test_text_is_made_when_columns_are_text(lines: ir.Table, text: str, expected: list[str | None]) -> None:
    assert values(lines, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("starts_with(invoice, 'C')", [False, True, True, False]),
        ("contains(note, '5')", [False, True, False, False]),
        ("invoice = 'C7'", [False, False, True, False]),
        ("invoice <> 'C7'", [True, True, False, False]),
        ("invoice in ('C7', '536365')", [True, False, True, False]),
        ("invoice like 'C_'", [False, False, True, False]),
        ("note ilike 'd%'", [False, True, False, False]),
        ("note not like 'd%'", [True, True, True, False]),
        ("quantity = 3.0", [True, False, False, False]),
        ("quantity = '3.0'", [False, False, False, False]),
        ("quantity >= -1 and not quantity = 3", [False, True, False, False]),
        ("quantity between -1 and 2 or invoice = '536365'", [True, True, False, False]),
        ("quantity in (3, -1)", [True, True, False, False]),
        ("note is null", [False, False, True, True]),
        ("note is not null", [True, True, False, False]),
        ("quantity * 1 is null", [False, False, True, True]),
        ("true", [True] * 4),
    ],
)
def test_condition_is_never_null_when_rows_lack_a_value(lines: ir.Table, text: str, expected: list[bool]) -> None:
    condition = parse(text, lines.columns, what="x").condition(lines, ".")
    assert lines.select(value=condition).to_pyarrow()["value"].to_pylist() == expected


def test_text_is_read_with_the_configured_sign_when_it_is_a_number(connection: Backend) -> None:
    lines = connection.create_table("signs", pa.table({"price": ["1.234,50", "2,5"]}), temp=True)
    assert values(lines, "price * 2", ",") == [Decimal(2469), Decimal(5)]
    assert values(lines, "price * 2.5", ",") == [Decimal("3086.25"), Decimal("6.25")]


def test_typed_columns_keep_their_type_when_nothing_needs_another(connection: Backend) -> None:
    rows = {"card": [2**60, None], "shop": [1, 7], "net": [1.5, 2.5], "void": [True, False], "day": ["a", "b"]}
    lines = connection.create_table("typed", pa.table(rows), temp=True)
    assert values(lines, "coalesce(card, shop)") == [2**60, 7]
    assert values(lines, "void") == [True, False]
    assert values(lines, "void = 'true'") == [True, False]
    assert values(lines, "shop || '-' || day") == ["1-a", "7-b"]
    assert values(lines, "shop * net") == [Decimal("1.5"), Decimal("17.5")]
    assert values(lines, "shop = '07'") == [False, True]


def test_products_are_null_when_they_do_not_fit(connection: Backend) -> None:
    large = connection.create_table("large", pa.table({"a": ["99999999999999", "1e18", "nan", "1e13"]}), temp=True)
    assert values(large, "a * a") == [Decimal("9999999999999800000000000001"), None, None, Decimal(10) ** 26]
    assert values(large, "a * a * a") == [None] * 4
    assert values(large, "a / 0") == [None] * 4
    assert values(large, "a * a + a * a - a * a") == [None, None, None, Decimal(10) ** 26]


def test_columns_are_named_once_when_they_are_used_twice() -> None:
    expression = parse('Quantity * "unit price" - quantity', COLUMNS, what="x")
    assert expression.columns == ("quantity", "unit price")
    assert expression.column is None
    assert parse("`unit price`", COLUMNS, what="x").column == "unit price"
    assert parse("A + a", ("a", "A"), what="x").columns == ("A", "a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "quantiy * 2",
            r"column 'quantiy' is not there \(did you mean 'quantity'\?\); there are: 'invoice', 'quantity'",
        ),
        ("sqrt(quantity)", r"the function 'sqrt' is not allowed; allowed are columns, numbers, 'text', \+ - "),
        ("read_csv('/etc/passwd')", r"the function 'read_csv' is not allowed"),
        ("current_date", r"the function 'current_date' is not allowed"),
        ("(select 1)", r"'subquery' is not allowed"),
        ("quantity in (select 1)", r"'in' \(with 'query'\) is not allowed"),
        ("quantity in ()", r"\"quantity\" IN \(\) needs values"),
        ("quantity % 2", r"'mod' is not allowed"),
        ("lines.quantity", r"a column's name with a point and without quotes .* is not allowed"),
        ("count(*)", r"the function 'count' is not allowed"),
        ("quantity between symmetric 1 and 2", r"'between' \(with 'symmetric'\) is not allowed"),
        ("trim(both 'x' from note)", r"the function 'trim' \(with .*\) is not allowed"),
        ("quantity *", r"no expression, see '\*'; allowed are"),
        (
            "unit price * 2",
            r"no expression, see 'price'; .* a column whose name .* has blanks or signs needs double quotes",
        ),
        ("'open", r"a quote is opened and not closed"),
        ("quantity; note", r"one expression is needed"),
        ("", r"one expression is needed"),
        ("(" * 900, r"more than 60 operations within one another"),
        ("+".join(["quantity"] * 100), r"more than 60 operations within one another"),
        ("1" * 2001, r"2,001 characters, at most 2,000 are allowed"),
        ("quantity * 0.00001", r"0.00001 has more than 4 decimals or 14 digits before them"),
        ("quantity * 1e400", r"1e400 has more than 4 decimals or 14 digits before them"),
        ("upper(quantity * 2)", r"\"quantity\" \* 2 is a number, and text is needed"),
        ("note and quantity > 1", r"\"note\" is text, and a condition such as status = 'void' is needed"),
        ("(note = 'x') + 1", r"is a condition, and a number is needed"),
        ("note = null", r"NULL cannot be compared; write: is null"),
        ("note is true", r"is not allowed; after is stands null"),
        ("note like invoice", r"\"invoice\" must be text in single quotes"),
        ("left(note, -1)", r"-1 must be a whole number, 0 to 1,000,000"),
        ("substring(note, 0)", r"0 must be a whole number, 1 to 1,000,000"),
        ("round(quantity, 9)", r"9 must be a whole number, 0 to 8"),
        ("cast(quantity as int)", r"is not allowed; cast to decimal or to text"),
    ],
)
def test_expression_is_refused_in_one_line_when_it_is_not_allowed(lines: ir.Table, text: str, message: str) -> None:
    with pytest.raises(ContractError, match=rf"^order_lines: amount = .*: .*{message}") as caught:
        parse(text, lines.columns, what="order_lines: amount").value(lines, ".")
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 900


def test_condition_is_refused_when_it_is_a_value(lines: ir.Table) -> None:
    with pytest.raises(ContractError, match=r"^postage = 'note': a value, and a condition is needed; compare it"):
        parse("note", lines.columns, what="postage").condition(lines, ".")


def complaint(text: str) -> str:
    try:
        parse(text, COLUMNS, what="x")
    except ContractError as error:
        return error.message
    return ""


@given(text=st.text(max_size=60) | st.text("abquantiy'\"`()*+-/|.,;<>=1 \n", max_size=80))
@settings(max_examples=500, deadline=None)
def test_parse_raises_nothing_but_our_error_when_the_text_is_anything(text: str) -> None:
    assert "\n" not in complaint(text)


WORDS = re.findall(
    r"\S+",
    "quantity note 1 'a' ( ) ( ) , , + - * / || = <> < in like between and or not is null case when then else end "
    "coalesce( trim( left( round( cast( as decimal select from :: [ ] { } -> @ $1 ? : ; interval date with lateral "
    "over array struct( map extract( exists unnest( values /* */ -- # % ^ & ~ distinct collate at time zone",
)


@given(words=st.lists(st.sampled_from(WORDS), max_size=14))
@settings(max_examples=500, deadline=None)
def test_parse_raises_nothing_but_our_error_when_the_words_are_those_of_sql(words: list[str]) -> None:
    assert "\n" not in complaint(" ".join(words))


def numbers(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(parts, st.sampled_from("+-*/"), parts).map(lambda each: f"({' '.join(each)})")
    one = st.tuples(st.sampled_from(["-({})", "abs({})", "round({}, 2)", "round({}, 8)", "coalesce({}, 0)"]), parts)
    choice = st.tuples(parts, parts, parts).map(lambda each: "case when {} > {} then {} end".format(*each))
    return pair | one.map(lambda each: each[0].format(each[1])) | choice | parts.map(lambda each: f"nullif({each}, 1)")


NUMBERS = st.recursive(
    st.sampled_from(["a", "b", "c", "'free'", "99999999999999", "0.0001", "-1", "0", "length(a)"]),
    numbers,
    max_leaves=8,
)
CONDITIONS = st.tuples(
    NUMBERS, st.sampled_from(["=", "<>", "<", ">=", "in (1, a, b)", "between 0 and b"]), NUMBERS
).map(lambda each: f"{each[0]} {each[1]}" + ("" if each[1][-1] in ")b" else f" {each[2]}"))
WRITTEN = (
    st.sampled_from(["99999999999999.9999", "-99999999999999.9999", "1e18", "1e-300", "1e308", "1e400", "free", "nan"])
    | st.sampled_from(["inf", "", " ", "0", "-0", "0.0001", "(3)", "1,234.50", "\x00", "é", "9" * 40, "-" + "9" * 14])
    | st.text(max_size=6)
)
CELLS = st.none() | WRITTEN
FLOATS = st.none() | st.floats() | st.sampled_from([1e18, 99999999999999.9, 5e-324])


@given(text=NUMBERS | CONDITIONS, a=CELLS, b=CELLS, c=FLOATS, decimal=st.sampled_from([".", ","]))
@settings(max_examples=80, deadline=None)
def test_no_row_raises_when_numbers_are_computed(
    text: str, a: str | None, b: str | None, c: float | None, decimal: Sign
) -> None:
    row = pa.table({"a": pa.array([a], pa.string()), "b": pa.array([b], pa.string()), "c": pa.array([c], pa.float64())})
    lines = ibis.memtable(row)
    value = parse(text, lines.columns, what="x").value(lines, decimal)
    assert lines.select(value=value).to_pyarrow().num_rows == 1


def texts(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    forms = ["trim({})", "upper({})", "left({}, 2)", "right({}, 0)", "substring({}, 3, 1)", "substring({}, 1000000)"]
    one = st.tuples(st.sampled_from(forms), parts).map(lambda each: each[0].format(each[1]))
    two = ["{} || {}", "concat({}, {})", "coalesce({}, {})", "nullif({}, {})", "replace({}, {}, '')"]
    pair = st.tuples(st.sampled_from(two), parts, parts).map(lambda each: each[0].format(each[1], each[2]))
    choice = ["{} like 'a_%\\'", "{} ilike '%'", "starts_with({}, b)", "contains({}, a)", "{} is null", "{} > 1"]
    case = st.tuples(st.sampled_from(choice), parts, parts)
    return one | pair | case.map(lambda each: f"case when {each[0].format(each[1])} then {each[2]} else b end")


@given(
    text=st.recursive(st.sampled_from(["a", "b", "n", "''", "'a'", "null"]), texts, max_leaves=6),
    a=st.none() | st.text(max_size=5) | WRITTEN,
    b=CELLS,
)
@settings(max_examples=80, deadline=None)
def test_no_row_raises_when_texts_are_made(text: str, a: str | None, b: str | None) -> None:
    row = pa.table({"a": pa.array([a], pa.string()), "b": pa.array([b], pa.string()), "n": pa.array([2**62])})
    lines = ibis.memtable(row)
    try:
        value = parse(text, lines.columns, what="x").value(lines, ".")
    except ContractError:
        return  # null compared with null, a number taken for text
    assert lines.select(value=value).to_pyarrow().num_rows == 1


CHAINS = [
    " + ".join(["quantity"] * 58),
    " * ".join(["quantity"] * 58),
    " or ".join(["note = 'x'"] * 55),
    " || ".join(["note"] * 58),
    "case when quantity > 1 then 1 else " * 20 + "2" + " end" * 20,
    "upper(" * 30 + "note" + ")" * 30,
]


@pytest.mark.parametrize("text", CHAINS)
def test_long_chain_is_computed_when_it_is_within_the_limits(lines: ir.Table, text: str) -> None:
    assert len(values(lines, text)) == len(TEXTS)
