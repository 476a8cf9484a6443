"""Which columns `foresell init` recognises in exports of known shapes."""

import tomllib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from models.settings import load_settings
from tests.training.initialise import shops
from training.initialise import initialise
from training.initialise.initialise import Initialised

LINES = "order_lines"


def written(folder: Path, name: str, frame: pd.DataFrame, **options: Any) -> Path:
    path = folder / name
    frame.to_csv(path, index=False, **options)
    return path


def config(made: Initialised) -> dict[str, Any]:
    return tomllib.loads(made.path.read_text(encoding="utf-8"))


SHOPS: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "online retail": (
        shops.online_retail,
        {},
        {
            "path": "export.csv",
            "separator": ",",
            "times": ["%m/%d/%Y %H:%M"],
            "float_ids": ["customer_id"],
            "columns": {
                "customer_id": "Customer ID",
                "ordered_at": "InvoiceDate",
                "order_id": "InvoiceNo",
                "product_id": "StockCode",
                "quantity": "Quantity",
                "amount": "Quantity * UnitPrice",
            },
            "returns": {"order_id_prefix": "C"},
            "set_aside": {"no_product": "StockCode = 'POST'"},
        },
    ),
    "ta-feng": (
        shops.ta_feng,
        {},
        {
            "path": "export.csv",
            "separator": ",",
            "times": ["%m/%d/%Y"],
            "columns": {
                "customer_id": "CUSTOMER_ID",
                "ordered_at": "TRANSACTION_DT",
                "product_id": "PRODUCT_ID",
                "quantity": "AMOUNT",
                "amount": "SALES_PRICE",
            },
        },
    ),
    "customer and date alone": (
        shops.visits,
        {},
        {"path": "export.csv", "separator": ",", "columns": {"customer_id": "client", "ordered_at": "date"}},
    ),
    "german": (
        shops.german,
        {"sep": ";", "encoding": "cp1252"},
        {
            "path": "export.csv",
            "encoding": "cp1252",
            "separator": ";",
            "decimal": ",",
            "times": ["%d.%m.%Y %H:%M"],
            "columns": {
                "customer_id": "Kundennummer",
                "ordered_at": "Belegdatum || ' ' || Uhrzeit",
                "order_id": "Belegnr",
                "product_id": "Artikelnummer",
                "quantity": "Menge",
                "amount": "Umsatz",
                "store_id": "Filiale",
            },
        },
    ),
    "chinese": (
        shops.chinese,
        {"sep": "\t", "encoding": "gb18030"},
        {
            "path": "export.csv",
            "encoding": "gb18030",
            "separator": "\t",
            "times": ["%Y年%m月%d日"],
            "columns": {
                "customer_id": "会员号",
                "ordered_at": "交易日期",
                "order_id": "小票号",
                "product_id": "商品编码",
                "quantity": "数量",
                "amount": "实付金额",
                "store_id": "门店",
            },
            "set_aside": {"refunded": "\"状态\" = '已退款'", "cancelled": "\"状态\" = '已取消'"},
        },
    ),
    "dunnhumby": (
        shops.dunnhumby,
        {"sep": "|"},
        {
            "path": "export.csv",
            "separator": "|",
            "times": ["%Y%m%d"],
            "columns": {
                "customer_id": "CUST_CODE",
                "ordered_at": "SHOP_DATE",
                "order_id": "BASKET_ID",
                "product_id": "PROD_CODE",
                "quantity": "QUANTITY",
                "amount": "SPEND",
                "store_id": "STORE_CODE",
            },
        },
    ),
    "shopify": (
        shops.shopify,
        {},
        {
            "path": "export.csv",
            "separator": ",",
            "times": ["%Y-%m-%d %H:%M:%S %z"],
            "columns": {
                "customer_id": "Email",
                "ordered_at": "Created at",
                "order_id": "Name",
                "product_id": "Lineitem sku",
                "quantity": "Lineitem quantity",
                "amount": '"Lineitem quantity" * "Lineitem price"',
            },
            "set_aside": {},
        },
    ),
    "woocommerce": (
        shops.woocommerce,
        {"encoding": "utf-16"},
        {
            "path": "export.csv",
            "encoding": "utf-16",
            "separator": ",",
            "columns": {
                "customer_id": "Customer User ID",
                "ordered_at": "Order Date",
                "order_id": "Order ID",
                "product_id": "Product ID",
                "quantity": "Quantity",
                "amount": "Line Total",
            },
            "set_aside": {"cancelled": "\"Order Status\" = 'wc-cancelled'"},
        },
    ),
}


@pytest.mark.parametrize("shop", SHOPS)
def test_an_export_is_mapped_when_its_shape_is_known(shop: str, tmp_path: Path) -> None:
    make, options, expected = SHOPS[shop]
    path = written(tmp_path, "export.csv", make(), **options)
    made = initialise(str(path), tmp_path)
    assert config(made)["source"][LINES] == expected
    assert made.unanswered is None
    load_settings(tmp_path)


DETAILS = {
    "online retail": {"name": "Description"},
    "ta-feng": {"subcategory": "PRODUCT_SUBCLASS"},
    "german": {"name": "Bezeichnung", "category": "Warengruppe"},
    "chinese": {"name": "商品名称", "category": "类别"},
    "shopify": {"name": "Lineitem name", "brand": "Vendor"},
    "woocommerce": {"name": "Item Name", "category": "Category"},
}


@pytest.mark.parametrize("shop", DETAILS)
def test_products_come_from_order_lines_when_these_describe_them(shop: str, tmp_path: Path) -> None:
    make, options, _ = SHOPS[shop]
    made = initialise(str(written(tmp_path, "export.csv", make(), **options)), tmp_path)
    assert config(made)["source"]["products"] == {"from_order_lines": True, "columns": DETAILS[shop]}


def test_a_file_without_header_is_mapped_by_its_values(tmp_path: Path) -> None:
    path = tmp_path / "CDNOW.txt"
    path.write_text(shops.cdnow())
    made = initialise(str(path), tmp_path)
    lines = config(made)["source"][LINES]
    assert lines["separator"] == "whitespace"
    assert lines["names"] == ["column_1", "column_2", "column_3", "column_4"]
    assert lines["times"] == ["%Y%m%d"]
    assert lines["columns"] == {
        "customer_id": "column_1",
        "ordered_at": "column_2",
        "quantity": "column_3",
        "amount": "column_4",
    }
    assert "by its values alone" in made.path.read_text()


def test_the_file_gives_reason_and_next_best_when_it_guesses(tmp_path: Path) -> None:
    made = initialise(str(written(tmp_path, "export.csv", shops.online_retail())), tmp_path)
    text = made.path.read_text()
    assert '# customer_id: "Customer ID" - by name; 60 different values, 25 % empty. Next best: ' in text
    assert "against its name" not in text


def test_the_file_says_so_when_content_decides_against_a_name(tmp_path: Path) -> None:
    made = initialise(str(written(tmp_path, "export.csv", shops.ta_feng())), tmp_path)
    reasons = {guess["key"]: guess["reason"] for guess in made.guesses}
    assert "against its name" in reasons["columns.quantity"]
    assert "grows with the quantity, so the line's total - against its name" in reasons["columns.amount"]
