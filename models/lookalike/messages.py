"""What a lookalike request and its answer look like."""

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from models.churn import Level
from models.messages import Envelope, Identifier, Message

MIN_SEEDS = 20
MAX_SEEDS = 100_000
MAX_RETURNED = 10_000

BY_FILE = "for more, write the audience to a file: foresell audience --seeds FILE --size N --out FILE"

_EXAMPLE_SEEDS: list[JsonValue] = [
    *("900", "1228", "906", "1409", "1445", "1453", "1489", "1527", "1541", "1613"),
    *("1653", "1697", "1762", "1829", "1865", "1899", "1982", "2007", "2070", "2201"),
]


class Within(Message):
    """Restricts the audience; every filter that is given must hold."""

    bought_category: Identifier | None = Field(
        default=None,
        description="Bought a product of this department, category or subcategory before as_of.",
        examples=["BACON"],
    )
    never_bought_category: Identifier | None = Field(
        default=None, description="Never bought a product of it: cross-selling.", examples=["BACON"]
    )
    churn_level: Level | None = Field(
        default=None,
        description="Has this level of churn in the same release; who is not eligible for churn has none.",
        examples=["high"],
    )
    channel: Identifier | None = Field(
        default=None, description="Ordered through this channel before as_of.", examples=["web"]
    )
    attributes: dict[Identifier, str | int | float] = Field(
        default={}, description="Attributes that the model uses, with the wanted value.", examples=[{"age": "35-44"}]
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_dump(exclude_defaults=True):
            raise ValueError(f"names no filter: give one of {', '.join(type(self).model_fields)}")
        return self


class AudienceQuery(Message):
    """Who is wanted: people like the seeds."""

    seeds: list[Identifier] = Field(
        min_length=1,
        max_length=MAX_SEEDS,
        description="Customer ids to look like: at least 20 known ones, at most 100,000; each counts once.",
        examples=[_EXAMPLE_SEEDS],
    )
    size: int | None = Field(default=None, ge=1, description="Size of the audience; or give share.", examples=[500])
    share: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Size as a share of those who may be in it; or size.",
        examples=[None, 0.1],
    )
    include_seeds: bool = Field(default=False, description="Whether seeds may be in the audience.")
    within: Annotated[list[Identifier], Field(min_length=1, max_length=1_000_000)] | Within | None = Field(
        default=None,
        description="Only these customers: ids, or an object of filters; default: everybody in the store.",
        examples=[None, {"bought_category": "BACON"}],
    )

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.size is None) == (self.share is None):
            raise ValueError("give either size, e.g. 500, or share, e.g. 0.1, and not both")
        return self


class LookalikeRequest(AudienceQuery):
    """Who is wanted: people like the seeds, at most 10,000 of them."""

    @model_validator(mode="after")
    def _few_enough(self) -> Self:
        if self.size is not None and self.size > MAX_RETURNED:
            raise ValueError(f"size {self.size:,} is more than the {MAX_RETURNED:,} ids of one answer; {BY_FILE}")
        return self


class Member(Message):
    """Somebody in the audience."""

    customer_id: str = Field(description="Who.", examples=["1228"])
    score: float = Field(
        description="The higher, the more alike; comparable within one answer only.", examples=[0.0712]
    )
    rank: int = Field(description="1 = most alike.", examples=[1])


class QualityPoint(Message):
    """What an audience of one size is expected to reach, by cross-validation on the seeds."""

    size: int = Field(description="Size of the audience.", examples=[500])
    expected_lift: float = Field(
        description="How many times more people like the seeds than a random audience of this size.", examples=[3.1]
    )
    expected_recall: float = Field(description="Share of all people like the seeds that it reaches.", examples=[0.62])
    expected_recall_low: float = Field(
        description="Lower end of its 95 % interval: so few seeds were looked for.", examples=[0.48]
    )
    expected_recall_high: float = Field(description="Upper end of its 95 % interval.", examples=[0.74])
    spend_rank_lift: float = Field(description="The same for the biggest spenders of 90 days.", examples=[2.4])
    spend_rank_recall: float = Field(description="The same for the biggest spenders of 90 days.", examples=[0.48])


class Trait(Message):
    """What sets the seeds apart: one group of features, or one category that they buy."""

    group: str = Field(description="Feature group, or `taste` for a category.", examples=["spend"])
    text: str = Field(
        description="In words, with the medians of the seeds and of the others.",
        examples=["Spend: value of the last order: typically 41 against 22, higher than usual (0.8 deviations)"],
    )
    direction: Literal["higher", "lower"] = Field(description="The seeds beside everybody.")
    deviations: float = Field(
        description="Mean of the seeds minus everybody's mean, in everybody's standard deviations.", examples=[1.2]
    )


class LookalikeResponse(Envelope):
    """The audience, how good it can be expected to be, and what sets the seeds apart."""

    seeds_known: int = Field(description="Different seeds that the store knows.", examples=[50])
    seeds_unknown: list[str] = Field(
        description="Seeds that the store does not know; at most 1,000 are listed.", examples=[["nobody"]]
    )
    seeds_unknown_count: int = Field(description="How many of the different seeds the store does not know.")
    candidates: int = Field(description="Customers who may be in the audience.", examples=[2419])
    audience: list[Member] = Field(description="Most alike first.")
    quality: list[QualityPoint] = Field(description="What to expect by size, rising; empty where it cannot be told.")
    traits: list[Trait] = Field(description="What sets the seeds apart, strongest first.")
    notes: list[str] = Field(
        description="What was done differently from what was asked, or could not be done.", examples=[[]]
    )
