import numpy as np
import pytest

from models.metrics import BinaryMeasurement
from models.settings import Attribute
from tests.synthetic import people
from tests.training.outcomes import dates
from training.slices import parts_of, slices


def judged(*, wrong: slice = slice(0, 0), off: float = 0.0):
    """A thousand customers who are ranked well, but for some, and whose first half's probabilities may be off."""
    rng = np.random.default_rng(1)
    probability = rng.random(1000)
    outcome = (rng.random(1000) < probability).astype(float)
    shown = probability.copy()
    shown[wrong] = 1 - shown[wrong]
    shown[:500] = np.clip(shown[:500] + off, 0, 1)
    return BinaryMeasurement(outcome, shown)


def halves(count=1000, at=500):
    first = np.arange(count) < at
    return {"first": first, "second": ~first}


def test_each_part_has_its_size_and_its_own_figure():
    measured = judged()
    first = slices(measured, halves()).each[0]
    own = BinaryMeasurement(measured.outcome[:500], measured.probability[:500])
    assert (first.name, first.customers, first.events) == ("first", 500, int(own.outcome.sum()))
    assert first.figure.value == pytest.approx(own.metrics()["auc"])
    assert first.gap.value == pytest.approx((own.probability - own.outcome).mean())


def test_the_worst_is_named_when_it_is_ranked_worse_beyond_doubt():
    found = slices(judged(wrong=slice(0, 300)), halves())
    assert found.worst == "first"
    assert found.each[0].rest.high < 0 < found.each[1].rest.low


def test_nobody_is_named_when_the_parts_differ_by_chance():
    found = slices(judged(), halves())
    assert found.each[0].rest.value != found.each[1].rest.value
    assert (found.worst, found.most_off) == (None, None)


def test_the_part_with_wrong_probabilities_is_named():
    found = slices(judged(off=0.2), halves())
    assert found.most_off == "first"
    assert found.each[0].gap.low > 0.1
    assert found.worst is None


@pytest.mark.parametrize("at", [99, 901])
def test_a_small_part_is_counted_and_not_judged(at):
    found = {each.name: each for each in slices(judged(), halves(at=at)).each}
    small, large = found["first" if at < 500 else "second"], found["second" if at < 500 else "first"]
    assert small.customers == 99
    # the number of events would tell what single customers did
    assert (small.events, small.figure, small.gap) == (None, None, None)
    assert large.events is not None
    # too few others are no comparison either
    assert large.figure is not None
    assert large.rest is None


def test_a_part_without_ten_events_is_not_judged():
    outcome = np.r_[np.ones(9), np.zeros(491), np.tile([0, 1.0], 250)]
    first, _ = slices(BinaryMeasurement(outcome, np.linspace(0, 1, 1000)), halves()).each
    assert (first.customers, first.events, first.figure) == (500, None, None)


def test_a_date_is_judged_by_its_error_and_lower_is_better():
    actual = np.r_[np.tile([9, 11.0], 100), np.tile([5, 15.0], 100)]
    found = slices(dates(actual, np.full(400, 10.0), cut_at=60), halves(400, 200))
    assert [each.figure.value for each in found.each] == [1, 5]
    assert found.worst == "second"
    assert found.each[1].gap is None


def customers():
    return people(tenure_days=[1, 2, 3, 4, 5, 6], orders=[1, 1, 2, 4, 5, 9], spend=[np.nan, 1, 1, 7, 8, 9])


def rows(parts):
    return {name: np.flatnonzero(inside).tolist() for name, inside in parts.items()}


def test_parts_are_thirds_of_tenure_and_spend_and_numbers_of_orders():
    assert rows(parts_of(customers(), (), {})) == {
        "New: first order at most 2 days ago": [0, 1],
        "Old: first order more than 4 days ago": [4, 5],
        "One order so far": [0, 1],
        "Two to four orders": [2, 3],
        "Five orders or more": [4, 5],
        "Small spenders: 1 at most": [1, 2],
        "Big spenders: more than 7": [4, 5],
    }


def test_parts_follow_the_levels_of_an_attribute():
    age = Attribute(name="age_group", kind="ordered", levels=("18-34", "35+"))
    found = parts_of(customers(), (age,), {"age_group": ["18-34", "35+", None, "35+", "?", "18-34"]})
    told = {name: inside for name, inside in rows(found).items() if name.startswith("age")}
    assert told == {"age group: 18-34": [0, 5], "age group: 35+": [1, 3], "age group: unknown": [2, 4]}


def test_parts_of_a_numeric_attribute_are_its_thirds():
    income = Attribute(name="income", kind="numeric")
    found = rows(parts_of(customers(), (income,), {"income": ["10", "20", "30", "40", "lots", None]}))
    assert found["income: 20 at most"] == [0, 1]
    assert found["income: more than 30"] == [3]
    assert found["income: unknown"] == [4, 5]


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (["0.125", "0.25", "0.3", "0.6", "0.7", "0.8"], "0.25 at most", "more than 0.6"),
        (["7", "99.5", "99.6", "1234.4", "5000", "6000"], "99.5 at most", "more than 1,234"),
    ],
)
def test_edges_of_parts_keep_their_fractions_below_a_hundred(values, low, high):
    found = parts_of(customers(), (Attribute(name="score", kind="numeric"),), {"score": values})
    assert [name for name in found if name.startswith("score")] == [f"score: {low}", f"score: {high}"]


def test_nobody_is_no_part_and_nor_is_everybody():
    found = parts_of(people(tenure_days=[5, 5], orders=[7, 7]), (), {})
    assert found == {}
