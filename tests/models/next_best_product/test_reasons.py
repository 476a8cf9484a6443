import math
from collections.abc import Sequence

import numpy as np
import pytest

from models.metrics import Z95
from models.next_best_product.asking import Asked
from models.next_best_product.neighbours import together
from models.next_best_product.profiles import profiles_of
from models.next_best_product.reasons import Explainer, PastPurchase, Rule, Why
from models.next_best_product.statistics import statistics_of
from tests.models.next_best_product.corner_shop import APPLE, BREAD, COAL, DIESEL, EGGS, events

# 20 orders: apples with eggs in 6, apples alone in 2, bread with eggs in 5, bread alone in 1, coal in 6
SHOP = [*[(APPLE, EGGS)] * 6, *[(APPLE,)] * 2, *[(BREAD, EGGS)] * 5, (BREAD,), *[(COAL,)] * 6]
# nobody buys diesel without coal, but everybody buys coal
TWINS = [*[(COAL, DIESEL)] * 6, *[(COAL,)] * 4]
Lines = Sequence[tuple[int, int, int]]


def explainer(orders: Sequence[Sequence[int]], own: Lines = (), basket: Sequence[int] | None = None) -> Explainer:
    """The customer in question is the last one."""
    everybody = events([(row, item, 9) for row, order in enumerate(orders) for item in order], customers=len(orders))
    asked = Asked(
        profiles_of(events(own, customers=1)),
        "any" if basket is None else "basket",
        baskets=() if basket is None else (np.array(basket, np.int64),),
    )
    return Explainer(statistics_of(everybody), together(everybody), asked, 0)


def why(item: int, orders: Sequence[Sequence[int]], own: Lines = (), basket: Sequence[int] | None = None) -> Why:
    """Return what speaks for one item."""
    (found,) = explainer(orders, own, basket).why(np.array([item]))
    return found


def test_a_past_purchase_comes_before_a_rule() -> None:
    own = [(0, APPLE, 3), (0, EGGS, 12), (0, EGGS, 5)]
    assert why(EGGS, SHOP, own) == PastPurchase(orders=2, last_days=5)


def test_a_rule_has_support_confidence_and_lift_by_hand() -> None:
    found = why(EGGS, SHOP, [(0, APPLE, 3)])
    assert isinstance(found, Rule)
    assert found.antecedent == APPLE
    # 6 of 20 orders hold both, 6 of the 8 with apples, and 11 of 20 hold eggs
    assert (found.support, found.confidence, found.lift) == pytest.approx((6 / 20, 6 / 8, (6 / 8) / (11 / 20)))


def test_the_lift_has_an_interval_by_hand() -> None:
    found = why(EGGS, SHOP, [(0, APPLE, 3)])
    assert isinstance(found, Rule)
    lift = (6 / 8) / (11 / 20)
    reach = math.exp(Z95 * math.sqrt(1 / 6 - 1 / 8 - 1 / 11 + (2 * lift - 1) / 20))
    assert (found.lift_low, found.lift_high) == pytest.approx((lift / reach, lift * reach))
    # as often as not chance: ten times the orders are surer
    often = why(EGGS, SHOP * 10, [(0, APPLE, 3)])
    assert isinstance(often, Rule)
    assert often.lift == pytest.approx(lift)
    assert found.lift_low < 1 < often.lift_low < often.lift < often.lift_high < found.lift_high


def test_the_interval_holds_the_true_lift_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(3)
    # apples in 30 %, eggs in 40 %, both in 18 % of the orders: a lift of 1.5
    held = 0
    for _ in range(300):
        both, apples, eggs, _ = rng.multinomial(400, [0.18, 0.12, 0.22, 0.48])
        orders = [*[(APPLE, EGGS)] * both, *[(APPLE,)] * apples, *[(EGGS,)] * eggs]
        orders += [(COAL,)] * (400 - len(orders))
        found = why(EGGS, orders, [(0, APPLE, 3)])
        assert isinstance(found, Rule)
        held += found.lift_low <= 1.5 <= found.lift_high
    assert 0.92 <= held / 300 <= 0.98


def test_the_rule_that_is_surest_is_told_and_not_one_of_few_orders() -> None:
    # five of six orders with coal hold eggs, and sixty of eighty with apples
    orders = [*[(COAL, EGGS)] * 5, (COAL,), *[(APPLE, EGGS)] * 60, *[(APPLE,)] * 20, *[(BREAD,)] * 75]
    few, many = (why(EGGS, orders, [(0, item, 3)]) for item in (COAL, APPLE))
    assert isinstance(few, Rule)
    assert isinstance(many, Rule)
    assert few.lift > many.lift
    assert few.lift_low < many.lift_low
    assert why(EGGS, orders, [(0, APPLE, 3), (0, COAL, 3)]) == many


def test_the_rule_from_what_most_orders_go_on_from_is_told() -> None:
    found = why(EGGS, SHOP, [(0, APPLE, 3), (0, BREAD, 3)])
    assert isinstance(found, Rule)
    # 5 of the 6 with bread
    assert found.antecedent == BREAD
    assert found.lift == pytest.approx((5 / 6) / (11 / 20))


def test_a_rule_that_lifts_nothing_is_no_reason() -> None:
    # every order with diesel holds coal, and so does every other one: the lift is 1
    assert why(COAL, TWINS, [(0, DIESEL, 3)]) is None
    # one more order without coal
    found = why(COAL, [*TWINS, (APPLE,)], [(0, DIESEL, 3)])
    assert isinstance(found, Rule)
    assert found.lift == pytest.approx(11 / 10)


def test_popularity_is_all_there_is_when_nothing_of_the_customer_goes_with_the_item() -> None:
    assert why(EGGS, SHOP, [(0, COAL, 3)]) is None
    assert why(EGGS, SHOP) is None
    # four orders with both are too few for a rule
    assert why(EGGS, [*[(APPLE, EGGS)] * 4, (COAL,)], [(0, APPLE, 3)]) is None


def test_a_past_purchase_comes_before_the_rule_of_a_basket() -> None:
    assert why(EGGS, SHOP, [(0, EGGS, 5)], basket=[APPLE]) == PastPurchase(orders=1, last_days=5)
    found = why(EGGS, SHOP, [(0, COAL, 5)], basket=[APPLE])
    assert isinstance(found, Rule)
    assert found.antecedent == APPLE


def test_a_rule_is_from_the_basket_and_not_from_the_history_in_basket_mode() -> None:
    assert why(EGGS, SHOP, [(0, APPLE, 3)], basket=[COAL]) is None


def test_the_last_of_the_customers_items_is_found_and_what_lies_after_it_is_not() -> None:
    own = [(0, APPLE, 3), (0, COAL, 4)]
    assert why(COAL, SHOP, own) == PastPurchase(orders=1, last_days=4)
    assert why(DIESEL, SHOP, own) is None


def test_each_of_several_items_has_its_own_reason_in_their_order() -> None:
    own = [(0, APPLE, 3), (0, COAL, 4), (0, COAL, 9)]
    # best first is no order of the items
    for items in ([EGGS, DIESEL, COAL, BREAD, APPLE], [APPLE, BREAD, COAL, DIESEL, EGGS], [COAL, EGGS]):
        found = explainer(SHOP, own).why(np.array(items))
        assert found == tuple(why(item, SHOP, own) for item in items)
    eggs, coal, apple = explainer(SHOP, own).why(np.array([EGGS, COAL, APPLE]))
    assert isinstance(eggs, Rule)
    assert (coal, apple) == (PastPurchase(2, 4), PastPurchase(1, 3))
    assert explainer(SHOP, own, basket=[BREAD]).why(np.array([EGGS, COAL, BREAD])) == (
        why(EGGS, SHOP, own, [BREAD]),
        PastPurchase(2, 4),
        None,
    )


def test_nothing_is_said_of_no_items() -> None:
    for own in ((), [(0, APPLE, 3)]):
        assert explainer(SHOP, own).why(np.array([], np.int64)) == ()
