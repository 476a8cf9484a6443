import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from models.metrics import (
    RECALL_SHARES,
    BinaryMeasurement,
    IntervalMeasurement,
    QueryMeasurement,
    bootstrap,
    randomised_position,
)

# ranks by hand: 0.2 (-), 0.5 (+, -), 0.9 (+)
TIED = BinaryMeasurement(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.2, 0.5, 0.5, 0.9]))


def random_measurement(units: int, seed: int = 0) -> BinaryMeasurement:
    rng = np.random.default_rng(seed)
    probability = rng.random(units).round(2)
    return BinaryMeasurement((rng.random(units) < probability).astype(float), probability)


def test_auc_counts_a_tie_as_half_a_pair():
    # pairs (+, -): 0.5>0.2, 0.5=0.5, 0.9>0.2, 0.9>0.5 -> 3.5 of 4
    assert TIED.metrics()["auc"] == 3.5 / 4


def test_auc_counts_pairs_by_weight_when_weighted():
    # weights: 0.2 x 2, + at 0.5 x 1, - at 0.5 x 3, 0.9 x 0 -> won 2, tied 3 of 1 * 5 pairs
    assert TIED.metrics(np.array([2.0, 1.0, 3.0, 0.0]))["auc"] == pytest.approx((2 + 1.5) / 5)


def test_average_precision_takes_ties_as_one_step():
    # at 0.9: precision 1, recall +1/2; at 0.5: precision 2/3, recall +1/2
    assert TIED.metrics()["average_precision"] == pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 3)


def test_losses_are_the_hand_worked_ones():
    expected = [-math.log(0.8), -math.log(0.5), -math.log(0.5), -math.log(0.9)]
    assert TIED.loss == pytest.approx(expected)
    assert TIED.metrics()["log_loss"] == pytest.approx(sum(expected) / 4)
    assert TIED.metrics()["brier"] == pytest.approx((0.2**2 + 0.5**2 + 0.5**2 + 0.1**2) / 4)


def test_loss_is_finite_when_a_certain_probability_was_wrong():
    certain = BinaryMeasurement(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    assert certain.loss == pytest.approx([-math.log(1e-12)] * 2, rel=1e-4)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_are_those_of_scikit_learn(seed, weighted):
    found = random_measurement(500, seed)
    weights = np.random.default_rng(seed).integers(0, 4, 500).astype(float) if weighted else None
    y, p = found.outcome, found.probability
    metrics = found.metrics(weights)
    assert metrics["auc"] == pytest.approx(roc_auc_score(y, p, sample_weight=weights))
    assert metrics["average_precision"] == pytest.approx(average_precision_score(y, p, sample_weight=weights))
    assert metrics["brier"] == pytest.approx(brier_score_loss(y, p, sample_weight=weights))
    clipped = np.clip(p, 1e-12, 1 - 1e-12)
    assert metrics["log_loss"] == pytest.approx(log_loss(y, clipped, sample_weight=weights))


def test_a_weight_is_a_repeat():
    found = random_measurement(60)
    counts = np.random.default_rng(9).integers(0, 4, 60)
    repeated = BinaryMeasurement(np.repeat(found.outcome, counts), np.repeat(found.probability, counts))
    weighted = found.metrics(counts.astype(float))
    for name in ("auc", "average_precision", "log_loss", "brier"):
        assert weighted[name] == pytest.approx(repeated.metrics()[name]), name


@pytest.mark.parametrize("outcome", [0.0, 1.0])
def test_ranking_is_nan_when_there_is_one_class_only(outcome):
    one_class = BinaryMeasurement(np.full(3, outcome), np.array([0.1, 0.2, 0.3]))
    assert math.isnan(one_class.metrics()["auc"])
    assert math.isnan(one_class.metrics()["average_precision"]) == (outcome == 0)


def test_calibration_error_is_the_mean_gap_of_ten_equal_bins():
    # 20 customers, two a bin: bin i predicts 0.05 + i/10 for both
    probability = np.repeat(np.arange(10) / 10 + 0.05, 2)
    outcome = np.tile([0.0, 1.0], 10)
    by_hand = np.mean([abs(0.05 + i / 10 - 0.5) for i in range(10)])
    found = BinaryMeasurement(outcome, probability)
    assert found.metrics()["calibration_error"] == pytest.approx(by_hand)
    predicted, observed = found.calibration_curve()
    assert predicted == pytest.approx(np.arange(10) / 10 + 0.05)
    assert observed == pytest.approx([0.5] * 10)


def test_calibration_error_lets_opposite_gaps_cancel_inside_a_bin_only():
    # 10 customers, one a bin: nothing can cancel
    probability = np.linspace(0.3, 0.39, 10)
    outcome = np.tile([0.0, 1.0], 5)
    expected = np.abs(probability - outcome).mean()
    assert BinaryMeasurement(outcome, probability).metrics()["calibration_error"] == pytest.approx(expected)


def test_calibration_error_counts_a_customer_by_weight():
    found = BinaryMeasurement(np.array([0.0, 1.0]), np.array([0.1, 0.6]))
    # three parts of gap 0.1, one part of gap -0.4
    assert found.metrics(np.array([3.0, 1.0]))["calibration_error"] == pytest.approx((3 * 0.1 + 0.4) / 4)


def test_calibration_floor_is_above_zero_and_shrinks_when_there_are_more_customers():
    floors = [random_measurement(units).calibration_floor(draws=40, seed=1) for units in (100, 1_000, 10_000)]
    assert floors[0] > 2 * floors[1] > 4 * floors[2] > 0


def test_calibration_floor_is_the_same_when_the_seed_is():
    found = random_measurement(200)
    assert found.calibration_floor(draws=5, seed=1) == found.calibration_floor(draws=5, seed=1)
    assert found.calibration_floor(draws=5, seed=1) != found.calibration_floor(draws=5, seed=2)


def test_calibration_curve_has_no_empty_bin_when_there_are_few_customers():
    predicted, observed = TIED.calibration_curve()
    assert predicted.tolist() == [0.2, 0.5, 0.5, 0.9]
    assert observed.tolist() == [0, 1, 0, 1]


def dates(actual: list[float], waiting: list[float], *, cut_at: int = 90, position: float = 0.5) -> IntervalMeasurement:
    """Days that are measured by their order and by their place in the distribution alone."""
    zeros = np.zeros(len(actual))
    whole = np.floor(waiting)
    return IntervalMeasurement(np.array(actual), whole, zeros, zeros, np.array(waiting), zeros + position, cut_at)


def test_interval_metrics_are_the_hand_worked_ones():
    found = IntervalMeasurement(
        actual=np.array([3.0, 20.0, 90.0, 10.0]),
        expected=np.array([5.0, 10.0, 90.0, 10.0]),
        earliest=np.array([1.0, 2.0, 30.0, 11.0]),
        latest=np.array([9.0, 19.0, 90.0, 12.0]),
        waiting=np.array([6.0, 12.0, 80.0, 14.0]),
        position=np.array([0.1, 0.95, 0.5, 0.05]),
        cut_at=90,
    )
    assert found.loss.tolist() == [2, 10, 0, 0]
    assert found.metrics() == {
        "error_days": 12 / 4,
        # 3 before 10, 20 and 90: right; 10 before 20: wrong; 10 and 20 before 90: right
        "c_index": 5 / 6,
        "range_coverage": 2 / 4,
        "range_width_days": (8 + 17 + 60 + 1) / 4,
    }
    weighted = found.metrics(np.array([1.0, 3.0, 0.0, 0.0]))
    assert weighted == {"error_days": 8.0, "c_index": 1.0, "range_coverage": 0.25, "range_width_days": (8 + 3 * 17) / 4}


def test_the_c_index_knows_no_order_between_days_that_are_equal_or_beyond_sight():
    assert dates([5, 90, 90], [10, 20, 30]).metrics()["c_index"] == 1
    assert dates([5, 5, 9], [20, 10, 30]).metrics()["c_index"] == 1
    # equally expected: half a pair
    assert dates([5, 90], [20, 20]).metrics()["c_index"] == 0.5
    assert math.isnan(dates([90, 90], [10, 20]).metrics()["c_index"])
    assert math.isnan(dates([5, 5], [10, 20]).metrics()["c_index"])


@pytest.mark.parametrize("cut_at", [30, 90, 1000])
def test_the_c_index_is_the_share_of_pairs_in_the_right_order(cut_at):
    rng = np.random.default_rng(2)
    step = -(-cut_at // 400)
    actual = np.minimum(rng.integers(0, cut_at // step + 5, 150) * step, cut_at).astype(float)
    waiting = rng.integers(0, 400, 150) / 400 * cut_at + 1e-9
    weights = rng.integers(0, 3, 150).astype(float)
    right = pairs = 0.0
    for one in range(150):
        for other in range(150):
            if actual[one] < min(actual[other], cut_at):
                mass = weights[one] * weights[other]
                pairs += mass
                right += mass * (waiting[one] < waiting[other]) + mass / 2 * (waiting[one] == waiting[other])
    assert dates(actual, waiting, cut_at=cut_at).metrics(weights)["c_index"] == pytest.approx(right / pairs)


def test_a_range_covers_what_it_says_when_every_probability_is_right():
    rng = np.random.default_rng(3)
    # days 0, 1, 2, ... come with probability 0.3 each for those who have not come: whole days hold more than 80 %
    came = rng.geometric(0.3, 20_000) - 1
    before, through = 1 - 0.7**came, 1 - 0.7 ** (came + 1)
    position = randomised_position(before, through)
    assert ((before <= position) & (position <= through)).all()
    assert np.histogram(position, 10, (0, 1))[0] / 20_000 == pytest.approx(np.full(10, 0.1), abs=0.01)
    np.testing.assert_array_equal(position, randomised_position(before, through))


@pytest.mark.parametrize(("position", "covered"), [(0.05, 0), (0.1, 1), (0.9, 1), (0.95, 0)])
def test_a_day_is_covered_when_it_lies_between_the_shares_of_the_range(position, covered):
    assert dates([5.0], [5.0], position=position).metrics()["range_coverage"] == covered


def test_bootstrap_interval_holds_the_value_and_narrows_when_there_are_more_customers():
    widths = []
    for units in (200, 5_000):
        found = random_measurement(units)
        intervals = bootstrap(found.metrics, units=units, draws=100, seed=1)
        for name in ("auc", "average_precision", "log_loss", "brier"):
            low, high = intervals[name]
            assert low < found.metrics()[name] < high, name
        widths.append(intervals["auc"][1] - intervals["auc"][0])
    assert widths[1] < widths[0] / 3


def drawn(seed: int) -> list[np.ndarray]:
    weights: list[np.ndarray] = []

    def metrics(counts: np.ndarray) -> dict[str, float]:
        weights.append(counts)
        return {"total": counts.sum()}

    bootstrap(metrics, units=30, draws=20, seed=seed)
    # the metric itself is asked for beside the draws
    return [counts for counts in weights if not (counts == 1).all()]


def test_bootstrap_weights_are_counts_of_a_draw_with_replacement():
    draws = drawn(seed=1)
    assert len(draws) == 20
    for counts in draws:
        assert counts.shape == (30,)
        assert counts.sum() == 30
        assert (counts == counts.round()).all()
        assert (counts >= 0).all()
        assert counts.max() > 1


def test_bootstrap_draws_the_same_customers_when_the_seed_is_the_same():
    np.testing.assert_array_equal(drawn(seed=1), drawn(seed=1))
    assert not np.array_equal(drawn(seed=1), drawn(seed=2))


def interval_of(value: float, draws: list[float], name: str = "auc") -> tuple[float, float]:
    values = iter(draws)
    return bootstrap(
        lambda counts: {name: value if (counts == 1).all() else next(values)}, units=50, draws=len(draws), seed=1
    )[name]


def test_bootstrap_gives_the_middle_95_percent_of_the_draws():
    # draws -20..20: middle 95 % from -19 to 19
    draws = [float(draw) for draw in range(-20, 21)]
    assert interval_of(0, draws) == (-19, 19)
    assert interval_of(-5, draws) == (-19, 19)


def test_bootstrap_moves_the_draws_to_the_value_when_repeats_alone_raise_the_metric():
    # draws 0..40: mean 20, middle 95 % from 1 to 39, moved by -15
    assert interval_of(5, [float(draw) for draw in range(41)], "calibration_error") == (-14, 24)


def test_bootstrap_has_no_interval_when_no_draw_has_a_value():
    low, high = interval_of(1.0, [math.nan, math.nan])
    assert math.isnan(low)
    assert math.isnan(high)


def test_bootstrap_leaves_out_draws_without_a_value():
    assert interval_of(1.0, [math.nan, 1.0, 1.0]) == (1.0, 1.0)


def test_queries_are_weighed_one_by_one():
    recall = np.tile(np.array(RECALL_SHARES), (2, 1))
    recall[1] = np.minimum(recall[1] * 4, 1)
    found = QueryMeasurement(np.array([0.5, 1.0]), recall)
    assert found.loss.tolist() == [0.5, 0.0]
    assert found.metrics() == pytest.approx({"auc": 0.75, "recall_at_10pct": 0.25, "lift_at_10pct": 2.5})
    assert found.metrics(np.array([0.0, 2.0])) == pytest.approx({"auc": 1, "recall_at_10pct": 0.4, "lift_at_10pct": 4})
