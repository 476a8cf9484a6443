"""Every column name of Foresell's tables, spine, labels and answers, with its unit.

Nothing else spells a column name: import this module as ``col``. Names put the entity first and the unit last.
Instants in the kept tables are wall-clock times of the configured time zone, without an offset; days are local dates.
"""

# tables
ORDER_LINES = "order_lines"
PRODUCTS = "products"
CUSTOMERS = "customers"
CONTACTS = "contacts"
EVENTS = "events"
IDENTITIES = "identities"  # read by intake alone

# keys
CUSTOMER_ID = "customer_id"
SOURCE_ID = "source_id"  # one of the ids by which a person is known
PRODUCT_ID = "product_id"
ORDER_ID = "order_id"
CAMPAIGN_ID = "campaign_id"
STORE_ID = "store_id"

# order lines
ORDERED_AT = "ordered_at"  # local wall-clock time
ORDER_DAY = "order_day"  # local date, added by intake
QUANTITY = "quantity"  # DECIMAL(18,4), units sold
AMOUNT = "amount"  # DECIMAL(18,4), money paid for the line; negative = return
DISCOUNT = "discount"  # DECIMAL(18,4), money taken off the line, >= 0
CHANNEL = "channel"

# anonymous sales
LINES = "lines"  # order lines of a product on a day that nobody's name is on

# products
NAME = "name"
DEPARTMENT = "department"
CATEGORY = "category"
SUBCATEGORY = "subcategory"
BRAND = "brand"
PRICE = "price"  # DECIMAL(18,4)

# customers
JOINED_AT = "joined_at"  # local wall-clock time
JOINED_DAY = "joined_day"  # local date, added by intake
VALID_FROM = "valid_from"  # local wall-clock time from which the row's attributes hold
VALID_DAY = "valid_day"  # local date, added by intake

# contacts
SENT_AT = "sent_at"  # local wall-clock time
SENT_DAY = "sent_day"  # local date, added by intake
RESPONDED_AT = "responded_at"  # local wall-clock time; null = no answer (yet)
RESPONDED_DAY = "responded_day"  # local date, added by intake
IS_CONTROL = "is_control"
OFFER = "offer"

# events
OCCURRED_AT = "occurred_at"  # local wall-clock time
OCCURRED_DAY = "occurred_day"  # local date, added by intake
KIND = "kind"

# spine and labels
AS_OF = "as_of"  # local midnight that divides past from future, as a date
NEXT_ORDER_DAYS = "next_order_days"  # whole days from as_of to the first order on or after it; null = none in the data

NEXT_BASKET = "next_basket"  # product ids of the first order day in the window; null = none
WINDOW_PRODUCTS = "window_products"  # product ids of the whole window; null = none

# quarantine
RULE = "rule"  # the row rule that a rejected row broke

# answers
STATUS = "status"
EXPLANATION = "explanation"  # why there is no prediction; null where there is one
PROBABILITY = "probability"
LEVEL = "level"
PERCENTILE = "percentile"  # 1..100, 100 = most likely
REASONS = "reasons"
SCORE = "score"  # the higher, the better; comparable within one answer only
RANK = "rank"  # 1 = best
ITEM = "item"  # product id, or the category's name
REASON = "reason"
FALLBACK = "fallback"  # whether popularity filled the place
NEXT_ORDER_EXPECTED = "next_order_expected"  # local date, the median; null = not expected within the longest horizon
NEXT_ORDER_EARLIEST = "next_order_earliest"  # local date, 10th percentile
NEXT_ORDER_LATEST = "next_order_latest"  # local date, 90th percentile


def probability_within(horizon: int) -> str:
    """Name the batch column that holds P(event within ``horizon`` days)."""
    return f"{PROBABILITY}_{horizon}d"
