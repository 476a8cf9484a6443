import numpy as np
import pytest

from models.metrics import RECALL_SHARES, BinaryMeasurement, QueryMeasurement
from tests.training.outcomes import dates
from training.what_if import SHARES, what_if


def table(measurement):
    return {row.share: row for row in what_if(measurement, draws=50, seed=1)}


def test_counts_are_those_of_the_first_customers():
    # ten customers, highest first: churner, stays, churner, churner, then six who stay
    outcome = np.array([1, 0, 1, 1, 0, 0, 0, 0, 0, 0.0])
    found = table(BinaryMeasurement(outcome, np.linspace(0.9, 0.1, 10)))
    for share, customers, caught, others, missed in ((0.1, 1, 1, 0, 2), (0.2, 2, 1, 1, 2), (0.5, 5, 3, 2, 0)):
        row = found[share]
        assert (row.customers, row.caught.value, row.others.value, row.missed.value) == (
            customers,
            caught,
            others,
            missed,
        )


def test_of_equal_probabilities_so_many_are_caught_as_a_random_choice_would():
    # ten are equal and four of them churn: half of them hold two
    found = table(BinaryMeasurement(np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0.0]), np.full(10, 0.4)))
    assert found[0.5].caught.value == pytest.approx(2)
    assert found[0.5].missed.value == pytest.approx(2)


def test_somebody_is_contacted_however_few_there_are():
    assert table(BinaryMeasurement(np.array([1, 0.0]), np.array([0.9, 0.1])))[0.01].customers == 1


def test_intervals_hold_the_value_and_are_those_of_a_binomial():
    rng = np.random.default_rng(2)
    probability = np.r_[np.full(1000, 0.5), np.full(9000, 0.1)] + rng.random(10_000) * 1e-6
    outcome = (rng.random(10_000) < probability).astype(float)
    row = {row.share: row for row in what_if(BinaryMeasurement(outcome, probability), draws=400, seed=1)}[0.1]
    assert row.caught.low < row.caught.value < row.caught.high
    # 1.96 x sqrt(1000 x .5 x .5) = 31
    assert row.caught.high - row.caught.low == pytest.approx(62, rel=0.2)


def test_queries_are_told_in_shares():
    recall = np.tile(np.array(RECALL_SHARES) ** 0.5, (4, 1))
    found = table(QueryMeasurement(np.full(4, 0.7), recall))
    assert set(found) == set(SHARES)
    assert found[0.01].customers is None
    assert found[0.01].caught.value == pytest.approx(0.1)
    assert found[0.01].missed.value == pytest.approx(0.9)


def test_a_date_ranks_nobody():
    assert what_if(dates(np.zeros(3), np.zeros(3), cut_at=9), draws=20, seed=1) == ()
