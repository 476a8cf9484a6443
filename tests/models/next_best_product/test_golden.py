import numpy as np

from models import columns as col
from models.next_best_product.golden import PURCHASES, golden_histories
from models.next_best_product.recommender import FittedRecommender
from models.prediction import Customers
from models.purchases import Histories
from models.rivals.personal_frequency import PersonalFrequency
from tests.models.next_best_product.corner_shop import level_of

COUNT = 16


def recommender(*levels: str) -> FittedRecommender:
    columns = {"product": col.PRODUCT_ID, "category": col.SUBCATEGORY}
    return FittedRecommender(
        "personal_frequency", {name: level_of(PersonalFrequency(), columns[name]) for name in levels}
    )


def content(histories: Histories) -> tuple[bytes, ...]:
    bought = histories.purchases
    return tuple(each.tobytes() for each in (bought.ends, bought.items, bought.days, histories.rows, histories.as_of))


def test_the_same_items_give_the_same_bytes() -> None:
    one, two = (golden_histories(recommender("category", "product"), COUNT) for _ in range(2))
    assert content(one) == content(two)
    assert one.products.equals(two.products)


def test_everybody_buys_items_of_every_level() -> None:
    fitted = recommender("category", "product")
    histories = golden_histories(fitted, COUNT)
    assert len(histories) == COUNT
    assert len(histories.purchases.items) > COUNT * PURCHASES / 2
    for level in fitted.levels.values():
        assert (level.vocabulary.codes(histories.products) >= 0).all()
    assert all(len(histories.of(position)[0]) for position in range(COUNT))


def test_they_can_be_scored_at_any_levels() -> None:
    for levels in (("category", "product"), ("product",)):
        fitted = recommender(*levels)
        histories = golden_histories(fitted, COUNT)
        features = np.ones((COUNT, 1), np.float32)
        scores = fitted.score(Customers([""] * COUNT, histories.as_of, features, ("orders",), histories))
        assert scores.shape == (COUNT, 20 * len(levels))
        first = scores.reshape(COUNT, -1, 10)[:, :, 0].reshape(COUNT, len(levels), 2)
        # any: everybody has a first item of their own; new: this method leaves every place to popularity
        assert np.isfinite(first[:, :, 0]).all()
        assert (first[:, -1, 0] > 1).any()
        assert not (scores.reshape(COUNT, -1, 2, 10)[:, :, 1] > 0).any()
        assert not np.isinf(scores).any()
