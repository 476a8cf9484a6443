"""What `foresell init` makes of statuses, discounts, several tables and doubtful places."""

import re
import sqlite3
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from models.errors import ForesellError, SourceError
from models.settings import load_settings
from models.source_settings import SourceSettings
from tests.training.initialise import shops
from training.initialise import initialise
from training.initialise.initialise import BUILTIN, Initialised

Row = dict[str, Any]


def shop(extra: Callable[[int], Row]) -> pd.DataFrame:
    """Return 400 lines, two an order, with further columns by the line's number."""
    return pd.DataFrame(
        {
            "order_id": f"{7000 + line // 2}",
            "customer_id": f"c{customer}",
            "order_date": f"{time:%Y-%m-%d}",
            "sku": f"p{product}",
            "quantity": quantity,
            "line_total": round(quantity * price, 2),
            **extra(line),
        }
        for line, customer, time, product, quantity, price in shops.purchases()
    )


def made_of(folder: Path, frame: pd.DataFrame) -> tuple[Initialised, dict[str, Any], str]:
    frame.to_csv(folder / "export.csv", index=False)
    made = initialise(str(folder / "export.csv"), folder)
    # comments are broken between words
    text = re.sub(r"\n# {3}", " ", made.path.read_text(encoding="utf-8"))
    return made, tomllib.loads(text)["source"]["order_lines"], text


# --- discounts


DISCOUNTS: dict[str, tuple[Callable[[int], Row], str | None]] = {
    "on the order's first line": (lambda i: {"discount_amount": 1.5 if i % 2 == 0 else ""}, None),
    "the same on all lines": (lambda i: {"discount_amount": i // 2 % 5}, None),
    "one of the line and one of the order": (
        lambda i: {"lineitem_discount": i % 3, "discount_amount": 2.25 if i % 2 == 0 else ""},
        "lineitem_discount",
    ),
    "of the line, always 0": (lambda _: {"lineitem_discount": 0}, "lineitem_discount"),
    "two of the line, one sparse": (
        lambda i: {"retail_disc": i % 3, "coupon_disc": 1.25 + i if i % 3 == 0 else ""},
        "retail_disc + coalesce(coupon_disc, 0)",
    ),
    "a share": (lambda i: {"discount": 0.2 if i % 3 else 0}, None),
}


@pytest.mark.parametrize("case", DISCOUNTS)
def test_a_discount_is_taken_when_it_is_the_line_s(case: str, tmp_path: Path) -> None:
    extra, expected = DISCOUNTS[case]
    _, lines, text = made_of(tmp_path, shop(extra))
    assert lines["columns"].get("discount", "") == (expected or "")
    if case == "a share":
        assert "a share of the price or a rate" in text


def test_rows_that_intake_would_reject_are_a_question_when_they_are_many(tmp_path: Path) -> None:
    # one line in five has a discount below zero, which is no discount
    frame = shop(lambda i: {"line_discount": -1.5 if i % 5 == 0 else i % 3})
    made, _, text = made_of(tmp_path, frame)
    asked = [question for question in made.questions if "negative_discount" in question]
    assert asked == [
        "order_lines: negative_discount: intake would reject 20% of the sampled rows: discount is below zero "
        "(discount = line_discount). Is it another column, or is it written otherwise?"
    ]
    assert "QUESTION: negative_discount:" in text


def test_nothing_is_asked_when_intake_would_reject_few_rows(tmp_path: Path) -> None:
    made, _, _ = made_of(tmp_path, shop(lambda i: {"line_discount": -1.5 if i == 0 else i % 3}))
    assert not any("intake would reject" in question for question in made.questions)


# --- statuses


def refunds(sign: int, *, again: bool) -> pd.DataFrame:
    """Return a shop in which every 20th line is refunded, with its figures times ``sign``, beside the sale or not."""
    frame = shop(lambda i: {"status": "refunded" if i % 20 < 2 else "completed"})
    back = frame["status"] == "refunded"
    taken = frame[back].assign(quantity=lambda t: sign * t["quantity"], line_total=lambda t: sign * t["line_total"])
    sold = frame.assign(status="completed") if again else frame[~back]
    return pd.concat([sold, taken], ignore_index=True)


REFUNDS = {
    "the order stands there once": (refunds(1, again=False), {}, {"refunded": "status = 'refunded'"}),
    "the figures are negative": (refunds(-1, again=False), {"column": "status", "values": ["refunded"]}, {}),
    "the sale stands beside it": (refunds(1, again=True), {"column": "status", "values": ["refunded"]}, {}),
}


@pytest.mark.parametrize("case", REFUNDS)
def test_refunds_are_negated_only_when_the_sale_is_there_as_well(case: str, tmp_path: Path) -> None:
    frame, returns, set_aside = REFUNDS[case]
    _, lines, _ = made_of(tmp_path, frame)
    assert (lines.get("returns", {}), lines.get("set_aside", {})) == (returns, set_aside)


def test_the_kept_statuses_are_named(tmp_path: Path) -> None:
    words = {0: "refunded", 1: "partially_refunded", 2: "pending"}
    _, lines, text = made_of(tmp_path, shop(lambda i: {"status": words.get(i // 2 % 20, "completed")}))
    assert lines["set_aside"] == {"refunded": "status = 'refunded'"}
    assert '# kept as purchases, by "status": "completed" (340), "partially_refunded" (20), "pending" (20)' in text


def test_a_status_on_first_lines_alone_is_a_question(tmp_path: Path) -> None:
    made, lines, text = made_of(tmp_path, shops.shopify().assign(**{"Cancelled at": ["2024-05-01"] + [""] * 399}))
    assert "returns" not in lines
    assert lines["set_aside"] == {}
    assert any('refunded: "Financial Status" stands on the first line' in question for question in made.questions)
    assert '"Cancelled at" is filled on 1 line: kept as purchases' in text


@pytest.mark.parametrize(("lines", "prefix"), [(1, None), (19, None), (20, "A")])
def test_a_prefix_marks_returns_when_many_lines_have_it(lines: int, prefix: str | None, tmp_path: Path) -> None:
    frame = shop(lambda _: {})
    frame.loc[: lines - 1, "order_id"] = "A" + frame["order_id"]
    frame.loc[: lines - 1, "quantity"] *= -1
    found = made_of(tmp_path, frame)[1].get("returns", {})
    assert found.get("order_id_prefix") == prefix


@pytest.mark.parametrize(("share", "offered"), [(4, True), (40, False)])
def test_counting_anonymous_lines_is_offered_when_they_are_many(share: int, offered: bool, tmp_path: Path) -> None:
    frame = shop(lambda _: {})
    frame.loc[::share, "customer_id"] = ""
    _, lines, text = made_of(tmp_path, frame)
    assert ("\n# count_anonymous = true\n" in text) is offered
    assert "count_anonymous" not in lines


# --- columns without telling names


@pytest.mark.parametrize("names", ["who,when", "id,datetime", "zip,ts"])
def test_the_only_other_column_is_the_customer_by_question(names: str, tmp_path: Path) -> None:
    rows = "".join(f"{i % 900:04},2024-01-{1 + i % 28:02}\n" for i in range(3600))
    (tmp_path / "orders.csv").write_text(f"{names}\n{rows}")
    made = initialise(str(tmp_path / "orders.csv"), tmp_path)
    assert made.unanswered is None
    first = names.split(",", maxsplit=1)[0]
    assert load_settings(tmp_path).source.tables["order_lines"].columns["customer_id"] == first
    assert any(f'is "{first}" the customer?' in question for question in made.questions)


def test_what_is_left_is_offered_when_the_customer_is_not_recognised(tmp_path: Path) -> None:
    rows = "".join(f"2024-01-{1 + i % 28:02},{i % 7},{i % 3}\n" for i in range(3600))
    (tmp_path / "x.csv").write_text(f"date,foo,bar\n{rows}")
    made = initialise(str(tmp_path / "x.csv"), tmp_path)
    assert made.unanswered is not None
    assert {'# customer_id = "foo"', '# customer_id = "bar"'} <= set(made.path.read_text().splitlines())
    assert "Next: foresell check" not in made.sentences


# --- several tables


def orders_and_items() -> Iterator[tuple[str, pd.DataFrame]]:
    lines = list(shops.purchases())
    yield (
        "orders",
        pd.DataFrame(
            {"id": line // 2, "customer_id": customer, "created_at": f"{time}", "status": "paid"}
            for line, customer, time, *_ in lines[::2]
        ),
    )
    yield (
        "order_items",
        pd.DataFrame(
            {"id": line, "order_id": line // 2, "product_id": product, "quantity": quantity, "unit_price": price}
            for line, _, _, product, quantity, price in lines
        ),
    )


def test_a_database_s_orders_and_their_lines_are_joined(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "shop.db")
    for name, frame in orders_and_items():
        frame.to_sql(name, connection, index=False)
    connection.close()
    made = initialise("sqlite:///shop.db", tmp_path)
    lines = tomllib.loads(made.path.read_text())["source"]["order_lines"]
    assert lines["query"] == (
        "select order_items.order_id, order_items.product_id, order_items.quantity, order_items.unit_price, "
        "orders.customer_id, orders.created_at, orders.status "
        "from order_items join orders on order_items.order_id = orders.id"
    )
    assert lines["columns"] == {
        "customer_id": "customer_id",
        "ordered_at": "created_at",
        "order_id": "order_id",
        "product_id": "product_id",
        "quantity": "quantity",
        "amount": "quantity * unit_price",
    }
    text = made.path.read_text()
    assert "guessed from all 400 rows" in text
    assert '\n# table = "orders"\n' in text


def test_a_folder_s_orders_and_their_lines_must_be_joined(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, frame in orders_and_items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    made = initialise(str(folder), tmp_path)
    assert tomllib.loads(made.path.read_text())["source"]["order_lines"]["path"] == "shop/orders.csv"
    assert any(
        '"order_items.csv" holds the products of the orders in "orders.csv": join the two by "order_id"' in question
        for question in made.questions
    )


@pytest.mark.parametrize("files", [2, 14])
def test_months_are_not_read_when_another_file_lies_among_them(files: int, tmp_path: Path) -> None:
    folder = tmp_path / "monthly"
    folder.mkdir()
    for month in range(files):
        shop(lambda _: {}).to_csv(folder / f"sales-{month:02}.csv", index=False)
    (folder / "README.txt").write_text("monthly exports\ncontact bob\n")
    made = initialise(str(folder), tmp_path)
    further = "1 further file has" if files == 2 else "13 further files have"
    said = f"{further} the same columns as sales-00.csv: move the {files} files into a folder of their own"
    assert made.unanswered == f"{said} and name that as path"


# --- places


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret@PW/x@127.0.0.1:1/shop",
        "postgresql://me:s3cret@PW@127.0.0.1:1/shop",
        "postgresql://me@127.0.0.1:1/shop?password=s3cret@PW",
        "postgresql://me@127.0.0.1:1/shop?password=s3cret&password=PW",
        "postgresql://me@127.0.0.1:1/shop?options=password%3Ds3cret",
    ],
)
def test_a_password_is_not_shown_when_the_url_is_written_wrongly(url: str, tmp_path: Path) -> None:
    with pytest.raises(ForesellError) as refused:
        initialise(url, tmp_path)
    assert "s3cret" not in str(refused.value)
    assert "PW" not in str(refused.value)


def test_a_database_s_file_is_named_as_a_url(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "shop.db").close()
    with pytest.raises(SourceError, match=r"shop\.db is a database: foresell init sqlite:///shop\.db"):
        initialise(str(tmp_path / "shop.db"), tmp_path)


def test_one_question_is_one(tmp_path: Path) -> None:
    made, _, _ = made_of(tmp_path, shop(lambda _: {}))
    assert len(made.questions) == 1
    assert "settle the 1 QUESTION in it. Next: foresell check" in made.sentences


def test_the_built_in_sources_are_those_of_the_settings() -> None:
    assert all(SourceSettings(builtin=name).builtin == name for name in BUILTIN)  # type: ignore[arg-type]
    assert set(BUILTIN) == {"complete-journey", "cdnow", "ta-feng"}
