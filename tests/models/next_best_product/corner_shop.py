"""A corner shop of five products in three categories, small enough to work everything out by hand."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pyarrow as pa

from models import columns as col
from models import prediction_from
from models.messages import ModelReference
from models.next_best_product.learning import Learnt, Snapshot
from models.next_best_product.messages import NextBestProductRequest, NextBestProductResponse
from models.next_best_product.neighbours import Neighbours
from models.next_best_product.prediction import NextBestProduct
from models.next_best_product.profiles import Events, Profiles, events_of, profiles_of, unique_events
from models.next_best_product.recommender import FittedRecommender, ItemMethod, Level
from models.next_best_product.vocabulary import Vocabulary, kept, vocabulary_of
from models.prediction import Customers, Examples, Served
from models.products import GROUPINGS
from models.purchases import Histories, purchases_of
from models.settings import FeatureSettings
from models.store import open_store, write_store

AS_OF = date(2018, 1, 1)
IDS = ("apple", "bread", "coal", "diesel", "eggs")
APPLE, BREAD, COAL, DIESEL, EGGS = range(5)
GROUPS = ("fruit", "bakery", None, "fuel", "bakery")
NO_RULES = Neighbours(np.zeros(6, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))

Lines = Sequence[tuple[str, int]]
Bought = Mapping[int, Lines]

# ann knows apples and bread; diesel is fuel, which is never recommended; dan never ordered; six eves buy alike
SHOPPERS: Mapping[str, Lines] = {
    "ann": [("apple", 3), ("apple", 13), ("bread", 3)],
    "bob": [("coal", 40)],
    "cat": [("diesel", 2)],
    "dan": [],
    **{f"eve{number}": [("apple", 5), ("eggs", 5)] for number in range(6)},
}


def products() -> pa.Table:
    """Return the products: coal has no category, and only its department is known."""
    return pa.table(
        {
            col.PRODUCT_ID: list(IDS),
            col.NAME: [each.title() for each in IDS],
            col.DEPARTMENT: ["food", "food", "home", "car", "food"],
            col.CATEGORY: pa.array(list(GROUPS), pa.string()),
            col.SUBCATEGORY: pa.array(list(GROUPS), pa.string()),
            col.BRAND: ["ours", "ours", "theirs", "theirs", "ours"],
        }
    )


def histories(bought: Bought, count: int) -> Histories:
    """Return purchases by customer: (product, age in days)."""
    now = int(np.datetime64(AS_OF, "D").astype(np.int64))
    rows = [(row, IDS.index(product), now - age) for row, lines in bought.items() for product, age in lines]
    customers, items, days = (list(each) for each in zip(*rows, strict=True)) if rows else ([], [], [])
    as_of = np.full(count, np.datetime64(AS_OF, "D"))
    return Histories(products(), purchases_of(customers, items, days, count=count), np.arange(count), as_of)


def events(lines: Sequence[tuple[int, int, int]], *, customers: int, items: int = 5) -> Events:
    """Return events from (customer, item, age)."""
    row, item, age = np.array(lines, np.int64).reshape(-1, 3).T
    return unique_events(row, item, age, customers, items)


def profiles(lines: Sequence[tuple[int, int, int]], *, customers: int, items: int = 5) -> Profiles:
    """Return profiles from (customer, item, age)."""
    return profiles_of(events(lines, customers=customers, items=items))


def fitted_scorer(method: ItemMethod, lines: Sequence[tuple[int, int, int]], *, customers: int) -> Any:
    """Fit a method that learns from what was bought, and not from what came next."""
    now = Snapshot(events(lines, customers=customers), (), ())
    return method.fit(Learnt(now, (), {}), seed=1)


def level_of(method: ItemMethod, column: str = col.PRODUCT_ID, shoppers: Mapping[str, Lines] = SHOPPERS) -> Level:
    """Teach one level to a method by what shoppers bought; fuel is no item."""
    every = vocabulary_of(products(), column, ("fuel",))
    vocabulary = kept(every, np.isin(np.arange(len(every)), every.codes(products())))
    return level_with(method, vocabulary, histories(dict(enumerate(shoppers.values())), len(shoppers)))


def level_with(method: ItemMethod, vocabulary: Vocabulary, known: Histories) -> Level:
    """Teach one level with the items of a vocabulary."""
    now = Snapshot(events_of(known, vocabulary.codes(known.products), len(vocabulary)), (), ())
    scorer = method.fit(Learnt(now, (), {}), seed=1)
    return Level(vocabulary, now.statistics, now.rules, scorer)


def served_shop(
    folder: Path,
    method: ItemMethod,
    *,
    grouped: bool = True,
    shoppers: Mapping[str, Lines] = SHOPPERS,
    **settings: Any,
) -> Served:
    """Serve shoppers with a method that was taught by them."""
    levels = {"product": level_of(method, shoppers=shoppers)}
    if grouped:
        levels["category"] = level_of(method, col.SUBCATEGORY, shoppers)
    columns = [name for name in products().column_names if grouped or name not in GROUPINGS]
    known = histories(dict(enumerate(shoppers.values())), len(shoppers))
    orders = np.array([len({age for _, age in lines}) for lines in shoppers.values()], np.float32)
    batch = pa.RecordBatch.from_pydict({col.CUSTOMER_ID: list(shoppers), "orders": orders})
    features = FeatureSettings(**settings)
    write_store(
        folder, [batch], customers=len(shoppers), products=products().select(columns), purchases=known.purchases,
        as_of=AS_OF, names=("orders",), fingerprint="f" * 64, settings=features,
    )  # fmt: skip
    return Served(
        prediction=shop_prediction(features),
        fitted=FittedRecommender(method.name, levels),
        store=open_store(folder),
        inline=Mock(),
        model=ModelReference(name="next-best-product", version="2", run_id="a" * 32),
        release="r000001",
        cut_points=np.empty(0),
        medians=np.zeros(1, np.float32),
    )


def shop_prediction(features: FeatureSettings | None = None, **section: Any) -> NextBestProduct:
    """Return the prediction, set up for so small a shop."""
    about = {"exclude_categories": ["fuel"], "min_buyers": 1, **section}
    prediction = prediction_from("next-best-product", features or FeatureSettings(), about)
    assert isinstance(prediction, NextBestProduct)
    return prediction


def ask(served: Served, *customers: Any, **more: Any) -> NextBestProductResponse:
    """Ask for customers by id or with their histories."""
    request = NextBestProductRequest.model_validate({"customers": list(customers), **more})
    answer = served.prediction.answer(served, request)
    assert isinstance(answer, NextBestProductResponse)
    return NextBestProductResponse.model_validate_json(answer.model_dump_json())


def inline(lines: Lines, **more: Any) -> dict[str, Any]:
    """Write a customer who comes with a history."""
    now = np.datetime64(AS_OF, "D")
    orders = [{"ordered_at": f"{now - age}T17:05:00", "product_id": product, **more} for product, age in lines]
    return {"customer_id": "sent", "as_of": str(now), "order_lines": orders}


def rows_of(table: pa.Table, column: str, wanted: str) -> list[dict[str, Any]]:
    """Return the rows of a table where a column has a value."""
    return [row for row in table.to_pylist() if row[column] == wanted]


def examples_of(known: Histories, baskets: Sequence[Sequence[str] | None], windows: Sequence[Sequence[str] | None],
                *, limit: date = AS_OF) -> Examples:  # fmt: skip
    """Return examples at the histories' own cutoffs; what came next by product id."""
    ids = [str(row) for row in known.rows]
    customers = Customers(ids, known.as_of, np.ones((len(known), 1), np.float32), ("orders",), known)
    labels = {col.NEXT_BASKET: ragged(baskets), col.WINDOW_PRODUCTS: ragged(windows)}
    return Examples(customers, labels, limit)


def ragged(lists: Sequence[Sequence[str] | None]) -> np.ndarray:
    """Return lists as a label column."""
    column = np.empty(len(lists), object)
    for row, each in enumerate(lists):
        column[row] = None if each is None else np.array(each, object)
    return column
