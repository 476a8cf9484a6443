"""The prediction's own section of the configuration."""

from typing import Literal

from pydantic import Field

from models.section import Section
from models.settings import Days


class NextBestProductSettings(Section):
    """What is recommended here."""

    horizon: Days = Field(default=30, description="Length of the label window in days.")
    category_column: Literal["subcategory", "category", "department"] = Field(
        default="subcategory", description="What a category is; where it is empty, the finest grouping that is not."
    )
    exclude_categories: tuple[str, ...] = Field(
        default=(), description="Departments, categories or subcategories that are never recommended, e.g. fuel."
    )
    min_buyers: int = Field(
        default=15,
        ge=1,
        description="A product is recommended when so many of the customers that are learnt from bought it.",
    )
