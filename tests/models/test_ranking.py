from collections.abc import Sequence

import numpy as np
import pytest

from models.ranking import TOP, RankingMeasurement, measured


def items(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def measurement(
    ranked: Sequence[Sequence[int]],
    right: Sequence[Sequence[int]],
    filled: Sequence[Sequence[bool]] | None = None,
    *,
    count: int = 20,
    offered: Sequence[int] | None = None,
) -> RankingMeasurement:
    fallbacks = filled or [[False] * len(each) for each in ranked]
    return measured(
        [items(*each) for each in ranked],
        [np.array(each, bool) for each in fallbacks],
        [items(*each) for each in right],
        offered=np.ones(count, bool) if offered is None else np.isin(np.arange(count), offered),
    )


def ndcg(ranked: Sequence[int], right: Sequence[int]) -> float:
    (found,) = measurement([ranked], [right], count=30).ndcg
    return float(found)


def test_a_list_with_everything_right_at_the_head_has_all_of_the_gain() -> None:
    assert ndcg([3, 7, 1, 2], [3, 7]) == ndcg([7, 3, 1, 2], [3, 7]) == 1
    # nothing right
    assert ndcg([3, 7], [4]) == 0


def test_a_hit_further_down_is_discounted_by_its_place() -> None:
    # places 2 and 4 of the best places 1 and 2
    assert ndcg([1, 3, 2, 7], [3, 7]) == pytest.approx((1 / np.log2(3) + 1 / np.log2(5)) / (1 + 1 / np.log2(3)))
    assert ndcg([5, 3], [3]) == pytest.approx(1 / np.log2(3))


def test_only_the_first_ten_count_and_the_best_list_has_ten_hits() -> None:
    assert ndcg(range(30), [10]) == 0
    assert ndcg(range(30), [9]) == pytest.approx(1 / np.log2(11))
    # more right items than places
    assert ndcg(range(30), range(25)) == pytest.approx(1)


def test_a_short_list_is_perfect_only_when_it_holds_all_that_is_right() -> None:
    assert ndcg([4], [4]) == 1
    assert ndcg([4], [4, 5]) == pytest.approx(1 / (1 + 1 / np.log2(3)))
    assert ndcg([], [4]) == 0


def test_hits_are_those_of_the_customer_and_not_of_a_neighbour() -> None:
    # the first and the last item, where one customer's end and another's begin
    found = measurement([[0, 4], [4, 0], [0, 4]], [[4], [0], [1, 4]], count=5)
    np.testing.assert_allclose(found.recall, [1, 1, 1 / 2])
    np.testing.assert_allclose(found.ndcg[:2], [1 / np.log2(3)] * 2)
    assert measurement([[4], [0]], [[0], [4]], count=5).recall.tolist() == [0, 0]


def test_each_customer_has_a_loss() -> None:
    found = measurement([[1, 2], [3, 4]], [[1], [4]])
    np.testing.assert_allclose(found.loss, [0, 1 - 1 / np.log2(3)])
    assert found.metrics()["ndcg_10"] == pytest.approx((1 + 1 / np.log2(3)) / 2)


def test_recall_is_the_share_of_what_was_right_among_the_first_ten() -> None:
    found = measurement([[1, 2, 3], list(range(20))], [[1, 3, 9], [9, 10]])
    np.testing.assert_allclose(found.recall, [2 / 3, 1 / 2])
    assert found.metrics()["recall_10"] == pytest.approx(7 / 12)


def test_coverage_is_the_share_of_the_items_that_anybody_sees() -> None:
    found = measurement([[1, 2], [2, 3], list(range(20))], [[1], [1], [1]], count=20)
    # 0 to 9, the first ten of the last list
    assert found.metrics()["coverage"] == 10 / 20
    assert found.shown.shape == (3, TOP)
    assert found.shown[0].tolist() == [1, 2, *[-1] * 8]


def test_coverage_is_of_what_may_be_shown_at_all() -> None:
    # three items are seen, 1, 2 and 3, all of which may be shown: of twenty, of four, of just these
    seen = [[1, 2], [2, 3]]
    for offered in (range(20), [1, 2, 3, 19], [1, 2, 3]):
        found = measurement(seen, [[1], [1]], count=20, offered=offered)
        assert found.metrics()["coverage"] == 3 / len(offered)
        # the first customer, twice, sees two
        assert found.metrics(np.array([2.0, 0.0]))["coverage"] == 2 / len(offered)
        np.testing.assert_array_equal(found.ndcg, measurement(seen, [[1], [1]]).ndcg)


def test_what_is_shown_but_not_offered_covers_nothing() -> None:
    # 0, 1, 2 and 4 are seen; of what may be shown, 1, 2 and 3, two are among them
    seen = [[1, 0, 2], [4, 2], [0, 1]]
    right = [[0], [2], [1]]
    found = measurement(seen, right, count=5, offered=[1, 2, 3])
    assert found.metrics()["coverage"] == 2 / 3
    # more is seen than may be shown: all of it is covered, and no more than all
    assert measurement(seen, right, count=5, offered=[1, 2]).metrics()["coverage"] == 1
    assert measurement(seen, right, count=5, offered=[3]).metrics()["coverage"] == 0
    # the second customer alone sees 2
    assert found.metrics(np.array([0.0, 3.0, 0.0]))["coverage"] == 1 / 3
    # a hit is a hit whether it may be shown or not: items 0, 2 and 1 are at the second place
    np.testing.assert_allclose(found.ndcg, [1 / np.log2(3)] * 3)
    assert found.recall.tolist() == [1, 1, 1]


def test_nothing_is_covered_when_nothing_may_be_shown() -> None:
    found = measurement([[], []], [[1], [2]], count=20, offered=[])
    assert found.metrics() == {"ndcg_10": 0, "recall_10": 0, "coverage": 0, "fallback_share": 0}
    # nor by what is shown all the same
    assert measurement([[3], [4]], [[1], [2]], count=20, offered=[]).metrics()["coverage"] == 0


def test_the_share_of_fallbacks_is_of_the_first_ten_of_each_list() -> None:
    found = measurement([[1, 2], list(range(20))], [[1], [1]], [[True, False], [False] * 9 + [True] * 11])
    np.testing.assert_allclose(found.fallback, [1 / 2, 1 / 10])
    assert found.metrics()["fallback_share"] == pytest.approx(0.3)


def test_weights_say_how_often_a_draw_has_each_customer() -> None:
    found = measurement([[1, 2], [3], [5]], [[1], [4], [5]], [[False, False], [True], [False]])
    drawn = found.metrics(np.array([2.0, 1.0, 0.0]))
    assert drawn["ndcg_10"] == drawn["recall_10"] == pytest.approx(2 / 3)
    assert drawn["fallback_share"] == pytest.approx(1 / 3)
    # nobody drawn sees item 5
    assert drawn["coverage"] == 3 / 20
    assert found.metrics(np.ones(3)) == found.metrics()


def test_an_empty_list_finds_nothing_and_fills_nothing() -> None:
    found = measurement([[]], [[1]])
    assert found.metrics() == {"ndcg_10": 0, "recall_10": 0, "coverage": 0, "fallback_share": 0}


@pytest.mark.parametrize("count", [0, 5])
def test_there_are_no_figures_when_there_is_nobody(count: int) -> None:
    found = measurement([], [], count=count)
    assert found.loss.shape == (0,)
    metrics = dict(found.metrics())
    assert metrics.pop("coverage") == 0
    assert np.isnan(list(metrics.values())).all()
