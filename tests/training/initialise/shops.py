"""Exports in the shapes that shops have them, small, and what they hold by construction."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pandas as pd

START = datetime(2024, 1, 1, 9, 30)  # noqa: DTZ001
PRODUCTS = 40


def purchases(count: int = 400) -> Iterator[tuple[int, int, datetime, int, int, float]]:
    """Yield (line, customer, time, product, quantity, price of one): two lines an order, orders 7 hours apart."""
    for line in range(count):
        order = line // 2
        product = (line * 7) % PRODUCTS
        yield (
            line,
            12_000 + (order * 13) % 60,
            START + timedelta(hours=7 * order),
            product,
            1 + (line + line // 40) % 4,
            1.25 + product,
        )


def online_retail() -> pd.DataFrame:
    """Return the well-known online retailer's columns: C for cancellations, postage, ids through floats."""
    rows = []
    for line, customer, time, product, quantity, price in purchases():
        cancelled = line % 20 == 0
        rows.append(
            {
                "InvoiceNo": f"{'C' if cancelled else ''}{536_365 + line // 2}",
                "StockCode": "POST"
                if line % 90 == 5
                else f"{20_000 + product}{'AB'[product % 2] if product % 3 else ''}",
                "Description": "POSTAGE" if line % 90 == 5 else f"WHITE HANGING HEART {product}",
                "Quantity": -quantity if cancelled else quantity,
                "InvoiceDate": f"{time.month}/{time.day}/{time.year} {time.hour}:{time.minute:02}",
                "UnitPrice": price,
                "Customer ID": "" if line % 4 == 3 else f"{customer}.0",
                "Country": "France" if customer % 9 == 0 else "United Kingdom",
            }
        )
    return pd.DataFrame(rows)


def ta_feng() -> pd.DataFrame:
    """Return the Taiwanese grocer's columns: AMOUNT counts units, SALES_PRICE is the money of the line."""
    return pd.DataFrame(
        {
            "TRANSACTION_DT": f"{time.month}/{time.day}/{time.year}",
            "CUSTOMER_ID": f"{customer:08}",
            "AGE_GROUP": "35-39" if customer % 2 else "45-49",
            "PIN_CODE": "115",
            "PRODUCT_SUBCLASS": 100_100 + product // 4,
            "PRODUCT_ID": 4_710_000_000 + product,
            "AMOUNT": quantity,
            "ASSET": int(quantity * price * 8),
            "SALES_PRICE": int(quantity * price * 10),
        }
        for _, customer, time, product, quantity, price in purchases()
    )


def cdnow() -> str:
    """Return the lines of a music shop without a header: customer, day, number, dollars."""
    return "\n".join(
        f" {customer:05} {time:%Y%m%d} {quantity:2} {quantity * price:7.2f}"
        for _, customer, time, _, quantity, price in purchases()
    )


def visits() -> pd.DataFrame:
    """Return customers and days alone."""
    return pd.DataFrame({"client": f"c{customer}", "date": f"{time:%Y-%m-%d}"} for _, customer, time, *_ in purchases())


def german() -> pd.DataFrame:
    """Return a German till's columns with decimal commas."""
    return pd.DataFrame(
        {
            "Belegnr": f"B{line // 2:06}",
            "Belegdatum": f"{time:%d.%m.%Y}",
            "Uhrzeit": f"{time:%H:%M}",
            "Kundennummer": customer,
            "Artikelnummer": f"A-{product:04}",
            "Bezeichnung": f"Käse {product}",
            "Warengruppe": f"Gruppe {product % 5}",
            "Menge": quantity,
            "Umsatz": f"{1000 * quantity + price:,.2f}".translate(str.maketrans(",.", ".,")),
            "Filiale": 1 + customer % 3,
        }
        for line, customer, time, product, quantity, price in purchases()
    )


def chinese() -> pd.DataFrame:
    """Return a Chinese shop's columns."""
    return pd.DataFrame(
        {
            "会员号": f"M{customer}",
            "小票号": f"{20240000 + line // 2}",
            "商品编码": f"{6900000 + product}",
            "商品名称": f"苹果味牛奶{product}号",
            "类别": f"饮料{product % 4}",
            "数量": quantity,
            "单价": price,
            "实付金额": round(quantity * price, 2),
            "交易日期": f"{time.year}年{time.month}月{time.day}日",
            "门店": f"上海{customer % 3}店",
            "状态": "已退款" if line % 50 == 7 else "已取消" if line % 50 == 9 else "已完成",
        }
        for line, customer, time, product, quantity, price in purchases()
    )


def dunnhumby() -> pd.DataFrame:
    """Return the columns of a British grocer's card data."""
    return pd.DataFrame(
        {
            "SHOP_WEEK": 200_607 + line // 100,
            "SHOP_DATE": f"{time:%Y%m%d}",
            "SHOP_WEEKDAY": 1 + time.weekday(),
            "SHOP_HOUR": time.hour,
            "QUANTITY": quantity,
            "SPEND": round(quantity * price, 2),
            "PROD_CODE": f"PRD{900_000 + product:07}",
            "PROD_CODE_10": f"CL{product % 7:05}",
            "CUST_CODE": f"CUST{customer:010}" if line % 5 else "",
            "CUST_PRICE_SENSITIVITY": "LA",
            "CUST_LIFESTAGE": "YF",
            "BASKET_ID": f"{994_100_100_000_000 + line // 2}",
            "STORE_CODE": f"STORE{customer % 4:05}",
        }
        for line, customer, time, product, quantity, price in purchases()
    )


def shopify() -> pd.DataFrame:
    """Return Shopify's orders export: the order's own figures stand on its first line alone."""
    rows = []
    for line, customer, time, product, quantity, price in purchases():
        first = line % 2 == 0
        rows.append(
            {
                "Name": f"#{1001 + line // 2}",
                "Email": f"shopper{customer}@example.com",
                "Financial Status": ("refunded" if line % 60 == 0 else "paid") if first else "",
                "Paid at": f"{time:%Y-%m-%d %H:%M:%S} +0100" if first else "",
                "Currency": "EUR" if first else "",
                "Subtotal": round(quantity * price, 2) if first else "",
                "Shipping": 4.9 if first else "",
                "Total": round(quantity * price + 4.9, 2) if first else "",
                "Discount Code": "",
                "Discount Amount": 0.0 if first else "",
                "Created at": f"{time:%Y-%m-%d %H:%M:%S} +0100",
                "Lineitem quantity": quantity,
                "Lineitem name": f"Mug no. {product}",
                "Lineitem price": price,
                "Lineitem sku": f"MUG-{product:03}",
                "Vendor": "Potters" if product % 2 else "Kiln",
            }
        )
    return pd.DataFrame(rows)


def woocommerce() -> pd.DataFrame:
    """Return the columns of a WooCommerce export."""
    return pd.DataFrame(
        {
            "Order ID": 7000 + line // 2,
            "Order Date": f"{time:%Y-%m-%d %H:%M:%S}",
            "Order Status": "wc-cancelled" if line // 2 % 25 == 3 else "wc-completed",
            "Customer User ID": customer,
            "Billing Email": f"shopper{customer}@example.com",
            "Product ID": product,
            "Item Name": f"Lamp {product}",
            "Category": f"Lamps {product % 4}",
            "Quantity": quantity,
            "Item Cost": price,
            "Line Total": round(quantity * price, 2),
            "Order Total Amount": 10.5 + line // 2,
        }
        for line, customer, time, product, quantity, price in purchases()
    )
