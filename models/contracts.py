"""The tables' contracts: which columns each table has, of which type.

Instants are stored as wall-clock times of the configured zone; intake adds the local date beside each (``DAY_OF``),
and everything downstream counts in those dates. Money and quantities are exact decimals.
"""

from collections.abc import Mapping

from models import columns as col

DECIMAL = "decimal(18, 4)"

SCHEMAS: Mapping[str, Mapping[str, str]] = {
    col.ORDER_LINES: {
        col.CUSTOMER_ID: "string",
        col.ORDERED_AT: "timestamp",
        col.ORDER_DAY: "date",
        col.PRODUCT_ID: "string",
        col.ORDER_ID: "string",
        col.QUANTITY: DECIMAL,
        col.AMOUNT: DECIMAL,
        col.DISCOUNT: DECIMAL,
        col.CHANNEL: "string",
        col.STORE_ID: "string",
    },
    col.PRODUCTS: {
        col.PRODUCT_ID: "string",
        col.NAME: "string",
        col.DEPARTMENT: "string",
        col.CATEGORY: "string",
        col.SUBCATEGORY: "string",
        col.BRAND: "string",
        col.PRICE: DECIMAL,
    },
    # and one string column for each configured attribute
    col.CUSTOMERS: {
        col.CUSTOMER_ID: "string",
        col.JOINED_AT: "timestamp",
        col.JOINED_DAY: "date",
        col.VALID_FROM: "timestamp",
        col.VALID_DAY: "date",
    },
    col.CONTACTS: {
        col.CUSTOMER_ID: "string",
        col.CAMPAIGN_ID: "string",
        col.SENT_AT: "timestamp",
        col.SENT_DAY: "date",
        col.CHANNEL: "string",
        col.IS_CONTROL: "boolean",
        col.RESPONDED_AT: "timestamp",
        col.RESPONDED_DAY: "date",
        col.OFFER: "string",
    },
    col.EVENTS: {
        col.CUSTOMER_ID: "string",
        col.OCCURRED_AT: "timestamp",
        col.OCCURRED_DAY: "date",
        col.KIND: "string",
        col.PRODUCT_ID: "string",
        col.CHANNEL: "string",
    },
}

# the local date that intake adds beside each instant
DAY_OF: Mapping[str, str] = {
    col.ORDERED_AT: col.ORDER_DAY,
    col.JOINED_AT: col.JOINED_DAY,
    col.VALID_FROM: col.VALID_DAY,
    col.SENT_AT: col.SENT_DAY,
    col.RESPONDED_AT: col.RESPONDED_DAY,
    col.OCCURRED_AT: col.OCCURRED_DAY,
}

REQUIRED: Mapping[str, tuple[str, ...]] = {
    col.ORDER_LINES: (col.CUSTOMER_ID, col.ORDERED_AT),
    col.PRODUCTS: (col.PRODUCT_ID,),
    col.CUSTOMERS: (col.CUSTOMER_ID,),
    col.CONTACTS: (col.CUSTOMER_ID, col.CAMPAIGN_ID, col.SENT_AT),
    col.EVENTS: (col.CUSTOMER_ID, col.OCCURRED_AT, col.KIND),
}
