from collections import Counter

import numpy as np

from models import columns as col
from models.next_best_product.golden import PURCHASES, golden_histories
from models.next_best_product.recommender import FittedRecommender
from models.prediction import Customers
from models.purchases import Histories
from models.rivals.personal_frequency import PersonalFrequency
from tests.models.next_best_product.corner_shop import AS_OF, histories, level_of, products

COUNT = 16
# eight of the shoppers ever bought a product that is an item, seven of them one with a category. In the last 30 days
# seven bought apples, one bread and six others eggs, both of which are bakery; coal was bought earlier
SHARES = {"category": [7 / 7, 7 / 7], "product": [7 / 8, 1 / 8, 0.0, 6 / 8]}


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
        assert np.isfinite(scores).all()
        for position, name in enumerate(levels):
            codes = fitted.levels[name].vocabulary.codes(histories.products)
            for row, (first, new) in enumerate(scores.reshape(COUNT, len(levels), 2, 10)[:, position]):
                days, others = habits(codes, *histories.of(row)), [*SHARES[name]]
                for item in days:
                    others[item] = 0.0
                # any: the days of what was bought; then, as in all places of new, the shares of what was not
                others = sorted((share for share in others if share), reverse=True)
                own = sorted(days.values(), reverse=True)
                np.testing.assert_allclose(first, padded(own + others))
                np.testing.assert_allclose(new, padded(others))
        assert (scores[:, -20] > 1).all()


def test_places_that_popularity_filled_are_scored_by_the_share_of_buyers() -> None:
    fitted = recommender("category", "product")
    nobody = Histories(products(), histories({}, 1).purchases, np.arange(1), np.full(1, np.datetime64(AS_OF, "D")))
    (scores,) = fitted.score(Customers([""], nobody.as_of, np.ones((1, 1), np.float32), ("orders",), nobody))
    category, product = padded([7 / 7, 7 / 7]), padded([7 / 8, 6 / 8, 1 / 8])
    np.testing.assert_allclose(scores, [*category, *category, *product, *product])


def habits(codes: np.ndarray, rows: np.ndarray, ages: np.ndarray) -> Counter[int]:
    """On how many days each item was bought."""
    return Counter(item for item, _ in set(zip(codes[rows].tolist(), ages.tolist(), strict=True)))


def padded(scores: list[float]) -> list[float]:
    return [*scores, *[0.0] * (10 - len(scores))]
