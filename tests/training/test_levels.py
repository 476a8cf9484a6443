"""Which losses choose: the level of a single window is nobody's merit, a lasting bias is."""

import numpy as np
import pytest

from models.metrics import BinaryMeasurement
from models.ranking import measured
from training.levels import choosing_losses

HAPPENED = np.array([1.0, 1.0, 0.0, 0.0])


def window(probability: float, share: float) -> BinaryMeasurement:
    """Ten customers with the same probability; the share of them ordered."""
    return BinaryMeasurement((np.arange(10) < round(10 * share)).astype(float), np.full(10, probability))


def entropy(share: float) -> float:
    """Return the loss of a probability that is right."""
    return float(-share * np.log(share) - (1 - share) * np.log(1 - share))


def test_one_window_alone_is_judged_as_it_was() -> None:
    fold = window(0.3, 0.5)
    assert choosing_losses([fold]).tolist() == fold.loss.tolist()


def test_a_bias_that_both_windows_show_counts_in_full() -> None:
    folds = [window(0.3, 0.5), window(0.3, 0.5)]
    assert choosing_losses(folds) == pytest.approx(np.concatenate([fold.loss for fold in folds]))


def test_what_one_window_lacks_and_the_other_has_too_much_of_counts_for_nothing() -> None:
    # log-odds of .2 and .8 are as far from 0 on either side
    losses = choosing_losses([window(0.5, 0.2), window(0.5, 0.8)])
    assert losses.mean() == pytest.approx(entropy(0.2))


def test_half_of_an_odd_windows_surprise_stays_with_each_of_two() -> None:
    losses = choosing_losses([window(0.5, 0.5), window(0.5, 0.2)])
    # the second needs log(.2 / .8) = -2 log 2, the mean window half of it: each keeps a bias of -log 2
    first, second = BinaryMeasurement(window(0.5, 0.5).outcome, np.full(10, 2 / 3)), window(1 / 3, 0.2)
    assert losses == pytest.approx(np.concatenate([first.loss, second.loss]))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_window_where_it_happened_to_nobody_or_everybody_is_left_as_it_is(share: float) -> None:
    odd, usual = window(0.3, share), window(0.3, 0.3)
    assert choosing_losses([odd, usual]) == pytest.approx(np.concatenate([odd.loss, usual.loss]))


def test_certain_probabilities_and_windows_without_anybody_are_no_error() -> None:
    nobody = BinaryMeasurement(np.empty(0), np.empty(0))
    certain = BinaryMeasurement(HAPPENED, np.array([0.0, 1.0, 0.0, 1.0]))
    losses = choosing_losses([nobody, certain])
    assert np.isfinite(losses).all()
    assert losses.tolist() == certain.loss.tolist()


def test_lists_are_judged_by_their_own_loss() -> None:
    lists = measured([np.array([1, 2])], [np.array([False, False])], [np.array([2])], offered=np.ones(3, bool))
    assert choosing_losses([lists, lists]).tolist() == [*lists.loss, *lists.loss]
