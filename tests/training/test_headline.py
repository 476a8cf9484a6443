import numpy as np
import pytest

from models.metrics import BinaryMeasurement, QueryMeasurement, bootstrap
from tests.training.outcomes import dates
from training.headline import LOSS, area, headline, mean


def drawn(count=400, seed=1):
    rng = np.random.default_rng(seed)
    probability = rng.random(count).round(1)
    return BinaryMeasurement((rng.random(count) < probability).astype(float), probability)


def test_area_is_the_share_of_pairs_in_order_and_ties_count_half():
    # three events, two others: six pairs, of which 0.9 wins 2, 0.5 wins 1 and ties 1, 0.2 wins 0
    found = area(np.array([1, 1, 1, 0, 0.0]), np.array([0.9, 0.5, 0.2, 0.5, 0.3]))
    assert found.value == pytest.approx((2 + 1.5 + 0) / 6)


def test_area_is_the_same_as_the_measurement_says():
    measured = drawn()
    assert headline(measured).value == pytest.approx(measured.metrics()["auc"])


def test_influence_of_everybody_adds_up_to_nothing():
    assert headline(drawn()).influence.sum() == pytest.approx(0, abs=1e-9)


def test_interval_is_as_wide_as_the_bootstraps():
    measured = drawn()
    low, high = bootstrap(measured.metrics, units=400, draws=2000, seed=3)["auc"]
    found = headline(measured).figure
    assert found.high - found.low == pytest.approx(high - low, rel=0.06)


def test_area_has_no_value_when_everybody_did_the_same():
    assert np.isnan(area(np.ones(3), np.array([0.1, 0.2, 0.3])).value)


def test_difference_to_itself_is_nothing_beyond_doubt():
    found = headline(drawn()).minus(headline(drawn()))
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_paired_difference_is_narrower_than_that_of_strangers():
    ours, measured = headline(drawn()), drawn()
    theirs = headline(BinaryMeasurement(measured.outcome, measured.probability**2 + 0.01 * measured.outcome))
    paired = ours.minus(theirs)
    assert paired.high - paired.low < 0.5 * np.hypot(ours.error, theirs.error)


def test_interval_of_an_area_ends_at_one_and_that_of_a_difference_does_not():
    # all but one of 38 pairs in order
    best = area(np.repeat([1, 0.0], [2, 19]), np.r_[0.9, 0.5, 0.6, np.linspace(0, 0.4, 18)])
    assert best.value == pytest.approx(37 / 38)
    assert best.value + 1.96 * best.error > 1
    assert best.figure.high == 1
    worst = area(np.repeat([1, 0.0], [2, 19]), -np.r_[0.9, 0.5, 0.6, np.linspace(0, 0.4, 18)])
    assert worst.figure.low == 0
    assert worst.minus(best).low < -1


def test_mean_has_the_standard_error_of_a_mean():
    values = np.array([1, 2, 3, 6.0])
    found = mean(LOSS, values)
    assert found.value == 3
    assert found.error == pytest.approx(values.std(ddof=1) / 2)


@pytest.mark.parametrize(
    ("measurement", "metric", "value"),
    [
        (QueryMeasurement(np.array([0.6, 0.8]), np.zeros((2, 14))), "auc", 0.7),
        (dates(np.array([3, 5.0]), np.array([4, 1.0]), cut_at=9), "error_days", 2.5),
    ],
)
def test_each_measurement_has_the_figure_that_people_read_first(measurement, metric, value):
    found = headline(measurement)
    assert found.metric == metric
    assert found.value == pytest.approx(value)
