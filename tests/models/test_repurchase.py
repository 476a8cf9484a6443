from datetime import date

import numpy as np
import pytest

from models import columns as col
from models.errors import InvalidRequestError
from models.prediction import Examples
from models.repurchase import Repurchase, RepurchaseRequest, RepurchaseSettings
from models.settings import FeatureSettings
from tests.synthetic import AS_OF, people

NAN = np.nan
REPURCHASE = Repurchase(FeatureSettings(), RepurchaseSettings())
# the curve's days: 3, 7, 14, 30, 60, 90
CURVE = np.array([[0.1, 0.3, 0.5, 0.6, 0.8, 0.95]])


def target_of(next_order_days: list[float], *, recency_days: float = 1, observed_days: int = 100) -> np.ndarray:
    customers = people(recency_days=[recency_days] * len(next_order_days))
    limit = date.fromordinal(AS_OF.toordinal() + observed_days)
    return REPURCHASE.target(Examples(customers, {col.NEXT_ORDER_DAYS: np.array(next_order_days)}, limit))


def days(scores: np.ndarray, share: float) -> list[float]:
    return REPURCHASE.next_order_days(scores, share).tolist()


def test_the_horizons_are_the_answered_ones_and_the_curves():
    assert REPURCHASE.horizons == (3, 7, 14, 30, 60, 90)
    assert REPURCHASE.main_output == 1
    two = Repurchase(FeatureSettings(), RepurchaseSettings(horizons=(10, 20)))
    assert two.horizons == (3, 10, 14, 20)
    assert two.main_output == 1


def test_each_answered_horizon_is_a_task_and_the_next_orders_day_is_one_that_does_not_choose():
    assert [(task.tag, task.horizon, task.chooses) for task in REPURCHASE.tasks] == [
        ("h7", 7, True),
        ("h30", 30, True),
        ("h90", 90, True),
        ("next_order", 90, False),
    ]


def test_repurchase_is_an_order_on_any_day_of_each_window():
    found = target_of([0, 2, 3, 29, 30, 89, 90, NAN])
    assert found.tolist() == [
        [1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1, 1],
        [0, 1, 1, 1, 1, 1],
        [0, 0, 0, 1, 1, 1],
        [0, 0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_repurchase_is_known_for_the_windows_that_have_closed():
    np.testing.assert_array_equal(target_of([5], observed_days=30), [[0, 1, 1, 1, NAN, NAN]])
    np.testing.assert_array_equal(target_of([5], observed_days=29), [[0, 1, 1, NAN, NAN, NAN]])


def test_repurchase_is_not_defined_for_those_who_never_ordered():
    assert np.isnan(target_of([5, NAN], recency_days=NAN)).all()
    assert REPURCHASE.eligible(people(recency_days=[1, 3000, NAN])).tolist() == [True, True, False]


def test_no_probability_falls_when_the_horizon_grows():
    scores = np.array([[0.2, 0.1, 0.3, 0.25, 0.9, 0.1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]])
    assert REPURCHASE.adjust(scores).tolist() == [[0.2, 0.2, 0.3, 0.3, 0.9, 0.9], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]]


def test_the_next_order_is_expected_where_the_curve_reaches_the_share():
    # 0.5 is reached within exactly 14 days: on day 13
    assert days(CURVE, 0.5) == [13]
    # 0.7 between 0.6 within 30 days and 0.8 within 60: ln(.4 / .3) of ln(.4 / .2), within 42.5 days, on day 42
    assert days(CURVE, 0.7) == [42]
    # 0.2 between 0.1 within 3 days and 0.3 within 7: ln(.9 / .8) of ln(.9 / .7), within 4.9 days, on day 4
    assert days(CURVE, 0.2) == [4]
    # 0.9 is halfway from 60 to 90 days: .2, .1, .05 are silent; within 75 days, on day 74
    assert days(CURVE, 0.9) == [74]


def test_the_next_order_is_expected_on_day_0_when_the_curve_starts_steeply():
    # 0.1 of 0.9 within 3 days: within a third of a day
    assert days(np.array([[0.9, 0.9, 0.9, 0.9, 0.9, 0.9]]), 0.1) == [0]
    # 0.7 of 0.9 within 3 days: within 1.6 days, on day 1
    assert days(np.array([[0.9, 0.9, 0.9, 0.9, 0.9, 0.9]]), 0.7) == [1]


def test_the_next_order_is_expected_at_once_when_it_is_certain():
    assert days(np.ones((1, 6)), 0.5) == [0]
    assert days(np.ones((1, 6)), 0.9) == [0]


def test_the_next_order_is_not_expected_when_the_curve_ends_below_the_share():
    assert np.isnan(days(CURVE, 0.951)).all()
    assert days(CURVE, 0.95) == [89]
    assert np.isnan(days(np.zeros((1, 6)), 0.1)).all()


def test_the_next_order_is_at_the_first_horizon_when_the_curve_is_flat_at_the_share():
    assert days(np.array([[0.2, 0.5, 0.5, 0.5, 0.5, 0.9]]), 0.5) == [6]


def test_figures_are_probabilities_by_horizon_and_dates_of_each_customers_own_as_of():
    scores = np.vstack([CURVE[0], [0, 0, 0, 0, 0, 0.2]])
    as_of = np.array(["2018-01-01", "2016-02-28"], dtype="datetime64[D]")
    assert REPURCHASE.figures(scores, as_of) == {
        "probability_7d": [0.3, 0.0],
        "probability_30d": [0.6, 0.0],
        "probability_90d": [0.95, 0.2],
        "next_order_expected": [date(2018, 1, 14), None],
        # 0.1 is reached within 3 days: on day 2; and ln(.9) of ln(.8) from 60 to 90 days: on day 74, over a leap day
        "next_order_earliest": [date(2018, 1, 3), date(2016, 5, 12)],
        "next_order_latest": [date(2018, 3, 16), None],
    }


def test_figures_are_empty_when_nobody_is_eligible():
    figures = REPURCHASE.figures(np.empty((0, 6)), np.empty(0, "datetime64[D]"))
    assert set(figures) >= {"probability_7d", "next_order_expected"}
    assert all(column == [] for column in figures.values())


def chosen(scores: np.ndarray, horizons: list[int] | None = None) -> dict:
    """Return the fields of the one answer."""
    figures = REPURCHASE.figures(scores, np.full(len(scores), np.datetime64(AS_OF)))
    columns = REPURCHASE.chosen(RepurchaseRequest(customers=["a"], horizons=horizons), figures)
    return {name: value for name, (value,) in columns.items()}


def test_probabilities_are_nested_by_the_horizons_asked_for():
    assert chosen(CURVE)["probabilities"] == {"7": 0.3, "30": 0.6, "90": 0.95}
    assert chosen(CURVE, [30, 7])["probabilities"] == {"30": 0.6, "7": 0.3}
    assert chosen(CURVE, [90])["probabilities"] == {"90": 0.95}


def test_an_answer_says_how_far_it_sees_when_no_order_is_expected():
    late = chosen(np.array([[0, 0, 0, 0, 0.1, 0.49]]))
    assert (late["next_order_expected"], late["next_order_latest"]) == (None, None)
    assert late["next_order_earliest"] == date(2018, 3, 1)
    assert late["not_expected_within_days"] == 90
    assert chosen(CURVE)["not_expected_within_days"] is None
    # the horizons asked for do not shorten the sight
    assert chosen(np.array([[0, 0, 0, 0, 0.1, 0.49]]), [7])["not_expected_within_days"] == 90


def test_nothing_is_chosen_when_there_is_no_prediction():
    figures = REPURCHASE.figures(np.empty((0, 6)), np.empty(0, "datetime64[D]"))
    columns = REPURCHASE.chosen(RepurchaseRequest(customers=["a"]), figures)
    assert columns == {
        "probabilities": [],
        "next_order_expected": [],
        "next_order_earliest": [],
        "next_order_latest": [],
        "not_expected_within_days": [],
    }


@pytest.mark.parametrize("horizons", [[14], [7, 31], [1]])
def test_a_horizon_that_was_not_trained_is_refused_with_those_that_were(horizons):
    with pytest.raises(
        InvalidRequestError, match=rf"horizon {horizons[-1]} was not trained; the model has 7, 30, 90"
    ) as caught:
        REPURCHASE.accept(RepurchaseRequest(customers=["a"], horizons=horizons))
    assert caught.value.field == "horizons"


def test_trained_horizons_are_accepted():
    REPURCHASE.accept(RepurchaseRequest(customers=["a"]))
    REPURCHASE.accept(RepurchaseRequest(customers=["a"], horizons=[90, 7]))


class Fixed:
    def __init__(self, scores: list[list[float]]) -> None:
        self.scores = np.array(scores)

    def score(self, customers):
        return self.scores


def test_the_next_orders_day_is_measured_up_to_the_longest_horizon():
    # expected on day 13, between 2 and 79; then nothing at all in sight
    fitted = Fixed([CURVE[0].tolist(), CURVE[0].tolist(), [0] * 6])
    customers = people(recency_days=[1, 1, 1])
    known = Examples(customers, {col.NEXT_ORDER_DAYS: np.array([10.0, NAN, 95.0])}, date(2018, 4, 11))
    found = REPURCHASE.measure(fitted, known, REPURCHASE.tasks[-1])
    assert found.actual.tolist() == [10, 90, 90]
    assert found.expected.tolist() == [13, 13, 90]
    assert found.earliest.tolist() == [2, 2, 90]
    assert found.latest.tolist() == [74, 74, 90]
    assert found.loss.tolist() == [3, 77, 0]
    # day 10 lies between 10 and 11 days, of which 7 hold 0.3 and 14 hold 0.5; whoever did not come lies above the rest
    within_10, within_11 = (1 - 0.7 * (0.5 / 0.7) ** (part / 7) for part in (3, 4))
    assert within_10 < found.position[0] < within_11
    assert 0.95 < found.position[1] < 1
    assert 0 < found.position[2] < 1
    assert found.waiting[2] == 90


def test_the_mean_waiting_time_is_the_sum_of_the_silent_days():
    # within 1, 2, ... days with probability 0.2, 0.36, ...: .8 + .64 + ... + .8 ** 90
    curve = 1 - 0.8 ** np.array([REPURCHASE.horizons], float)
    customers = people(recency_days=[1])
    known = Examples(customers, {col.NEXT_ORDER_DAYS: np.array([10.0])}, date(2018, 4, 11))
    found = REPURCHASE.measure(Fixed(curve.tolist()), known, REPURCHASE.tasks[-1])
    assert found.waiting == pytest.approx([4 * (1 - 0.8**90)])
    assert 1 - 0.8**10 < found.position[0] < 1 - 0.8**11


def test_a_horizon_is_measured_by_its_own_output():
    known = Examples(people(recency_days=[1]), {col.NEXT_ORDER_DAYS: np.array([10.0])}, date(2018, 4, 11))
    measured = {task.tag: REPURCHASE.measure(Fixed(CURVE.tolist()), known, task) for task in REPURCHASE.tasks[:-1]}
    assert {tag: (found.outcome[0], found.probability[0]) for tag, found in measured.items()} == {
        "h7": (0, 0.3),
        "h30": (1, 0.6),
        "h90": (1, 0.95),
    }
