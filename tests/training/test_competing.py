import pytest

from models import prediction_named, predictions
from models.errors import ConfigError
from models.settings import TrainingSettings
from training.competing import check_without, competing


def test_what_is_left_out_does_not_compete_and_the_others_keep_their_order() -> None:
    churn = prediction_named("churn")
    _, second, *others = churn.methods
    assert competing(churn, TrainingSettings()) == churn.methods
    assert competing(churn, TrainingSettings(without=(second, "als"))) == (churn.methods[0], *others)


def test_a_name_that_no_prediction_has_is_refused_with_those_that_there_are() -> None:
    check_without(predictions(), TrainingSettings(without=("als", "recency")))
    with pytest.raises(ConfigError, match=r"training\.without: there is no method 'nearest'; there are blend, .*als"):
        check_without(predictions(), TrainingSettings(without=("als", "nearest")))


def test_leaving_out_all_that_a_prediction_has_is_refused() -> None:
    lookalike = prediction_named("lookalike")
    with pytest.raises(ConfigError, match="leaves lookalike no method of seed_logistic, centroid, spend_rank"):
        check_without(predictions(), TrainingSettings(without=lookalike.methods))
