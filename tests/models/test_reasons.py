import numpy as np
import pytest

from models.features import GROUPS, catalogue
from models.methods import log_odds
from models.reasons import explain, group_directions, group_effects, positions_by_group
from models.settings import FeatureSettings
from tests.synthetic import people

GROUPED = {"recency": [0], "frequency": [1, 2]}


class Sum:
    """log-odds = 0.5 + recency_days - 2 * orders + orders_90d, for output 1; the opposite for output 0."""

    def score(self, customers):
        odds = 0.5 + customers.features.astype(float) @ np.array([1.0, -2.0, 1.0])
        return 1 / (1 + np.exp(-np.column_stack([-odds, odds])))


class Tree:
    def contributions(self, customers, output):
        assert output == 1
        return np.array([[0.5, 0.25, -1.0], [0.0, 2.0, 1.0]])


def three(**columns):
    return people(**({"recency_days": [3.0, 1.0], "orders": [2.0, 1.0], "orders_90d": [1.0, 1.0]} | columns))


def effects(fitted, customers, medians=(1, 1, 1), output=1):
    return group_effects(fitted, customers, output=output, medians=np.array(medians, np.float32), groups=GROUPED)


def test_an_effect_is_the_change_in_log_odds_when_the_group_is_set_to_its_medians():
    # first customer: recency 3 -> 1 takes 2 away; orders 2 -> 1 with orders_90d 1 -> 1 gives 2 back
    assert effects(Sum(), three()) == pytest.approx(np.array([[2, -2], [0, 0]]), abs=1e-9)
    assert effects(Sum(), three(), output=0) == pytest.approx(np.array([[-2, 2], [0, 0]]), abs=1e-9)


def test_a_group_is_set_to_its_medians_all_at_once():
    # orders 2 -> 0 and orders_90d 1 -> 3: log-odds of that part -3 -> 3
    assert effects(Sum(), three(), medians=(3, 0, 3))[0] == pytest.approx([0, -6], abs=1e-9)


def test_the_customers_themselves_are_not_changed():
    customers = three()
    before = customers.features.copy()
    effects(Sum(), customers)
    np.testing.assert_array_equal(customers.features, before)


def test_contributions_are_added_up_by_group_when_the_method_has_them():
    assert effects(Tree(), three()).tolist() == [[0.5, -0.75], [0, 3]]


def test_effects_are_finite_when_a_probability_is_certain():
    class Certain:
        def score(self, customers):
            sure = (customers.features[:, 0] > 2).astype(float)
            return np.column_stack([sure, sure])

    found = effects(Certain(), three())
    assert np.isfinite(found).all()
    assert found[0, 0] == pytest.approx(log_odds(np.array([1.0]))[0] - log_odds(np.array([0.0]))[0])


def test_the_strongest_groups_are_told_first_in_words():
    customers = people(recency_days=[63], gap_median_days=[14], orders=[12], orders_90d=[3], spend=[10])
    (told,) = explain(np.array([[0.41, -1.5, 0.2]]), customers, ["recency", "frequency", "spend"], 2)
    assert [reason.model_dump() for reason in told] == [
        {"group": "frequency", "text": "12 orders in all, 3 in the last 90 days", "effect": "lowers", "log_odds": -1.5},
        {"group": "recency", "text": "last order 63 days ago, usually every 14", "effect": "raises", "log_odds": 0.41},
    ]


@pytest.mark.parametrize(
    ("count", "expected"), [(0, []), (1, ["spend"]), (3, ["spend", "recency"]), (10, ["spend", "recency"])]
)
def test_at_most_count_reasons_are_given_and_none_without_an_effect(count, expected):
    customers = people(recency_days=[3], orders=[2], spend=[10])
    (told,) = explain(np.array([[0.1, 0.0, -0.2]]), customers, ["recency", "frequency", "spend"], count)
    assert [reason.group for reason in told] == expected


def test_equal_effects_keep_the_catalogues_order():
    customers = people(recency_days=[3], orders=[2])
    (told,) = explain(np.array([[0.5, -0.5]]), customers, ["recency", "frequency"], 2)
    assert [reason.group for reason in told] == ["recency", "frequency"]


def test_each_customer_has_its_own_words():
    customers = people(recency_days=[3, 9])
    told = explain(np.array([[1.0], [2.0]]), customers, ["recency"], 1)
    assert [reasons[0].text for reasons in told] == ["last order 3 days ago", "last order 9 days ago"]


def test_every_feature_is_in_exactly_one_group_that_has_words():
    positions = positions_by_group(FeatureSettings())
    assert sorted(position for each in positions.values() for position in each) == list(
        range(len(catalogue(FeatureSettings())))
    )
    assert set(positions) <= set(GROUPS)


def followed(values, effect, groups=None):
    customers = people(recency_days=values[0], orders=values[1])
    return group_directions(np.column_stack(effect), customers, groups or {"recency": [0], "frequency": [1]})


def test_a_direction_is_that_of_the_effect_over_the_feature():
    rising, rng = np.arange(40.0), np.random.default_rng(1)
    found = followed((rising, rng.permutation(40)), (rising**3, -rising))
    assert (found["recency"].feature, found["recency"].correlation) == ("recency_days", pytest.approx(1))
    assert abs(found["frequency"].correlation) < 0.5


def test_a_direction_is_told_by_the_feature_of_the_group_that_the_effect_follows_most():
    rising, rng = np.arange(40.0), np.random.default_rng(1)
    (found,) = followed((rng.permutation(40), rising), (-rising,), {"both": [0, 1]}).values()
    assert (found.feature, found.correlation) == ("orders", pytest.approx(-1))


def test_a_direction_reads_only_customers_whose_value_is_known():
    values = np.r_[np.arange(30.0), np.full(10, np.nan)]
    found = followed((values, np.ones(40)), (np.r_[np.arange(30.0), np.full(10, -99)], np.arange(40.0)))
    # nobody's orders differ: nothing is told of them
    assert {group: each.correlation for group, each in found.items()} == {"recency": pytest.approx(1)}
