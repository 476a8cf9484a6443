from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from models import columns as col
from models.errors import NotEnoughDataError
from models.lookalike.queries import ANY_ORDER, area, draw_queries, past_lists, recalls, window_buyers
from models.metrics import RECALL_SHARES
from models.prediction import Examples
from models.purchases import Histories, purchases_of
from tests.memory import peak_memory
from tests.synthetic import people

PRODUCTS = pa.table({col.PRODUCT_ID: ["bread", "soap"], col.CATEGORY: ["bakery", "care"]})
COUNT = 200
OPTIONS = {"horizon": 30, "active_days": 180, "seeds": 50, "most": 4}


def examples() -> Examples:
    """The first 100 buy bread next; of them the first 40 had bought it before. The last ten are long gone."""
    recency = np.full(COUNT, 5.0)
    recency[-10:] = 300
    customers = people(date(2017, 11, 1), recency_days=recency, spend_90d=np.arange(COUNT), orders_90d=np.ones(COUNT))
    purchases = purchases_of(range(40), [0] * 40, [100] * 40, count=COUNT)
    histories = Histories(PRODUCTS, purchases, np.arange(COUNT), customers.as_of)
    windows = np.empty(COUNT, object)
    for row in range(100):
        windows[row] = np.array(["bread"])
    labels = {col.WINDOW_PRODUCTS: windows, col.NEXT_ORDER_DAYS: np.where(np.arange(COUNT) < 100, 3.0, np.nan)}
    return Examples(replace(customers, histories=histories), labels, date(2017, 12, 1))


def test_buyers_are_told_from_those_who_had_bought_before() -> None:
    names, later, before = window_buyers(examples(), col.CATEGORY)
    assert names == ["bakery", "care"]
    assert (later.sum(axis=0).tolist(), before.sum(axis=0).tolist()) == ([100, 0], [40, 0])


def test_seeds_are_left_out_of_the_pool_and_the_other_buyers_are_hidden() -> None:
    (query,) = draw_queries(examples(), col.CATEGORY, new=False, **OPTIONS)
    assert (query.name, len(query.seeds), len(query.pool), query.hidden.sum()) == ("bakery", 50, 140, 50)
    assert not set(query.seeds) & set(query.pool)
    assert set(query.seeds) | set(query.pool[query.hidden]) == set(range(100))


def test_only_those_who_never_bought_it_take_part_when_new_buyers_are_wanted() -> None:
    (query,) = draw_queries(examples(), col.CATEGORY, new=True, **OPTIONS)
    assert set(query.seeds) | set(query.pool) == set(range(40, 190))
    assert len(query.seeds) == 30
    assert set(query.seeds) | set(query.pool[query.hidden]) == set(range(40, 100))


def test_the_queries_are_the_same_whenever_they_are_drawn() -> None:
    one, two = (draw_queries(examples(), col.CATEGORY, new=False, **OPTIONS)[0] for _ in range(2))
    np.testing.assert_array_equal(one.seeds, two.seeds)


def test_past_lists_are_the_buyers_and_the_new_buyers_of_each_category() -> None:
    (everybody, bought), (newcomers, bought_new) = past_lists(examples(), col.CATEGORY, horizon=30, active_days=180)
    assert (everybody.sum(), bought.sum(), newcomers.sum(), bought_new.sum()) == (190, 100, 150, 60)
    assert set(np.flatnonzero(bought_new)) == set(range(40, 100))


def test_lists_that_are_too_short_are_not_held() -> None:
    given, names = examples(), [f"c{number:04d}" for number in range(5_000)]
    assert given.customers.histories is not None
    many = pa.table({col.PRODUCT_ID: ["bread", *names], col.CATEGORY: ["bakery", *names]})
    given = replace(
        given, customers=replace(given.customers, histories=replace(given.customers.histories, products=many))
    )
    tables = peak_memory(lambda: window_buyers(given, col.CATEGORY))
    assert peak_memory(lambda: past_lists(given, col.CATEGORY, horizon=30, active_days=180)) < 1.1 * tables


def test_past_lists_are_those_who_order_soon_when_there_are_no_products() -> None:
    given = examples()
    given = replace(given, customers=replace(given.customers, histories=None))
    # all orders come on the third day: a tenth of 30 days holds none of them
    lists = past_lists(given, col.CATEGORY, horizon=30, active_days=180)
    assert [int(members.sum()) for _, members in lists] == [100] * 5


def test_orders_are_asked_for_when_there_are_no_products() -> None:
    without = replace(examples(), customers=replace(examples().customers, histories=None))
    found = draw_queries(without, col.CATEGORY, new=False, **OPTIONS)
    assert [query.name for query in found] == [ANY_ORDER] * 4
    assert len({tuple(query.seeds) for query in found}) == 4


def test_it_is_refused_in_one_line_when_too_few_buy_anything() -> None:
    few = examples().take(np.arange(COUNT) >= 90)
    with pytest.raises(NotEnoughDataError, match=r"no category has 40 buyers in the 30 days from 2017-11-01: lengthen"):
        draw_queries(few, col.CATEGORY, new=False, **OPTIONS)


def test_the_area_counts_ties_half() -> None:
    hidden = np.array([True, False, True, False])
    assert area(np.array([3.0, 2.0, 1.0, 0.0]), hidden) == 0.75
    assert area(np.ones(4), hidden) == 0.5


def test_recall_is_the_share_of_the_hidden_among_the_first() -> None:
    hidden = np.zeros(20, bool)
    hidden[[0, 5]] = True
    found = dict(zip(RECALL_SHARES, recalls(-np.arange(20.0), hidden).tolist(), strict=True))
    assert (found[0.0], found[0.1], found[0.3], found[1.0]) == (0.0, 0.5, 1.0, 1.0)
