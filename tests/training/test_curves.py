import numpy as np
import pytest

from models.metrics import BinaryMeasurement, IntervalMeasurement
from training import curves

# four customers: two events, ranked first and third
FOUR = BinaryMeasurement(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.4, 0.6, 0.9]))


def test_gain_finds_each_event_where_its_score_ranks():
    found = curves.gain(FOUR)
    assert found.x.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert found.y.tolist() == [0, 0.5, 0.5, 1, 1]


def test_lift_is_the_rate_over_the_average_rate():
    found = curves.lift(FOUR)
    assert found.x.tolist() == [0.25, 0.5, 0.75, 1]
    assert found.y == pytest.approx([2, 1, 4 / 3, 1])


def test_roc_rises_with_events_and_moves_right_with_the_others():
    found = curves.roc(FOUR)
    assert found.x.tolist() == [0, 0, 0.5, 0.5, 1]
    assert found.y.tolist() == [0, 0.5, 0.5, 1, 1]


def test_precision_is_read_at_each_recall():
    found = curves.precision_recall(FOUR)
    assert found.x.tolist() == [0.5, 0.5, 1, 1]
    assert found.y == pytest.approx([1, 1 / 2, 2 / 3, 1 / 2])


def test_equal_scores_are_picked_together():
    tied = BinaryMeasurement(np.array([1.0, 0.0, 0.0, 1.0]), np.full(4, 0.5))
    assert curves.gain(tied).x.tolist() == [0, 1]
    assert curves.gain(tied).y.tolist() == [0, 1]


def test_roc_area_equals_the_auc_when_drawn_from_the_same_scores():
    rng = np.random.default_rng(1)
    probability = rng.random(500).round(2)
    measurement = BinaryMeasurement((rng.random(500) < probability).astype(float), probability)
    found = curves.roc(measurement)
    assert np.trapezoid(found.y, found.x) == pytest.approx(measurement.metrics()["auc"])


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_curves_are_finite_when_only_one_class_is_there(outcome):
    measurement = BinaryMeasurement(np.full(3, outcome), np.array([0.1, 0.5, 0.9]))
    for draw in (curves.gain, curves.lift, curves.roc, curves.precision_recall, curves.calibration):
        found = draw(measurement)
        assert np.isfinite(found.x).all()
        assert np.isfinite(found.y).all()


def test_error_within_counts_customers_by_days_off():
    measurement = IntervalMeasurement(np.array([3.0, 5, 7]), np.array([3.0, 4, 10]), *np.zeros((4, 3)), 4)
    assert curves.error_within(measurement).y == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1, 1])


def test_a_long_curve_is_thinned_with_both_ends_kept():
    long = curves.Curve(np.arange(10_000.0), np.arange(10_000.0))
    thin = long.thinned()
    assert len(thin.x) == curves.MAX_POINTS
    assert (thin.x[0], thin.x[-1]) == (0, 9_999)
