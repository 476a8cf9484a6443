"""The request and the answer."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from models.messages import AboutCustomers, Envelope, Identifier, Message, Status
from models.next_best_product.asking import Mode

MAX_PRODUCTS = 100_000
"""Products in one answer: customers times k."""
ANSWERED_K, MAX_K = 10, 100

LevelName = Literal["product", "category"]
Products = Annotated[list[Identifier], Field(max_length=100_000)]


class Filters(Message):
    """What may be recommended; an item that groups products stays while one of its products may be."""

    categories: list[Identifier] | None = Field(
        default=None,
        min_length=1,
        max_length=1_000,
        description="Only these departments, categories or subcategories; null = all.",
        examples=[["GROCERY"]],
    )
    brands: list[Identifier] | None = Field(
        default=None,
        min_length=1,
        max_length=1_000,
        description="Only these brands; null = all.",
        examples=[["National"]],
    )
    exclude: Products = Field(default=[], description="Never these product ids.", examples=[["1082185"]])
    in_stock: Products | None = Field(
        default=None, description="Only these product ids; null = everything is in stock.", examples=[None]
    )


class NextBestProductRequest(AboutCustomers):
    """For whom, and what kind of product."""

    k: int = Field(
        default=ANSWERED_K,
        strict=True,
        ge=1,
        le=MAX_K,
        description="Products for each customer; customers x k at most 100,000.",
    )
    mode: Mode = Field(
        default="any",
        description="any: the next basket; new: never bought before; repeat: bought before; basket: completes one.",
    )
    level: LevelName | None = Field(
        default=None, description="product or category; null = product, or category where that is all there is."
    )
    basket: list[Identifier] | None = Field(
        default=None,
        max_length=500,
        description="Product ids in the basket to complete, 1 to 500; for the mode basket alone.",
        examples=[None],
    )
    filters: Filters = Field(default=Filters(), description="What may be recommended.")

    @model_validator(mode="after")
    def _basket_fits_the_mode(self) -> "NextBestProductRequest":
        if self.mode == "basket" and not self.basket:
            raise ValueError("mode 'basket' needs a basket: 1 to 500 product ids; or ask for the mode 'any'")
        if self.mode != "basket" and self.basket is not None:
            raise ValueError(
                f"a basket is for the mode 'basket', not for {self.mode!r}; leave it out, or change the mode"
            )
        return self

    @model_validator(mode="after")
    def _not_too_much(self) -> "NextBestProductRequest":
        if len(self.customers) * self.k > MAX_PRODUCTS:
            raise ValueError(
                f"{len(self.customers):,} customers x {self.k} products; at most {MAX_PRODUCTS:,} a call: ask for "
                "fewer customers or a smaller k"
            )
        return self


class ProductReason(Message):
    """Why a product is recommended."""

    kind: Literal["past_purchase", "rule", "popularity"] = Field(description="What the reason is.")
    text: str = Field(description="The reason in words.", examples=["bought on 12 days, last 5 days ago"])
    count: int | None = Field(default=None, description="past_purchase: days on which the customer bought it.")
    last_days: int | None = Field(default=None, description="past_purchase: days since the customer last bought it.")
    item: str | None = Field(
        default=None, description="rule: the product or category, bought or in the basket, that it goes with."
    )
    support: float | None = Field(default=None, description="rule: share of all orders that hold both.")
    confidence: float | None = Field(
        default=None, description="rule: share of the orders with `item` that hold it too."
    )
    lift: float | None = Field(default=None, description="rule: how many times as often as in all orders.")
    lift_low: float | None = Field(default=None, description="rule: lower end of the lift's 95 % interval.")
    lift_high: float | None = Field(
        default=None,
        description="rule: upper end of the lift's 95 % interval; an interval with 1 in it is a weak rule.",
    )


class Recommendation(Message):
    """One product, or one category."""

    product_id: str | None = Field(description="The product; null at category level.", examples=["1082185"])
    category: str | None = Field(description="The category; of a product, its own; null = not known.")
    name: str | None = Field(description="The product's name; null = not known.", examples=["Banana"])
    score: float | None = Field(
        description="Higher is better within one mode and level; null where popularity filled a place that was left.",
        examples=[0.61],
    )
    reason: ProductReason = Field(description="Why.")
    fallback: bool = Field(description="True where nothing of the customer's own speaks for it: it is popular.")


class NextBestProductAnswer(Message):
    """The answer for one customer."""

    customer_id: str = Field(description="As asked.", examples=["900"])
    status: Status = Field(description="ok, or why nothing here is from a history.")
    explanation: str | None = Field(
        description="Why nothing is from a history, or why there are fewer than k products."
    )
    as_of: date = Field(description="Local midnight up to which this answer knows the customer.")
    products: list[Recommendation] = Field(description="Best first; k, or fewer where no more may be recommended.")


class NextBestProductResponse(Envelope):
    """The answers, in the order asked."""

    unknown_products: list[str] = Field(
        description="Product ids of the basket that are not known or not recommended at this level, and of the filters "
        "that are not known, at most 1,000; they are ignored."
    )
    answers: list[NextBestProductAnswer] = Field(description="One for each customer asked for, in order.")
