"""Which methods compete: all that a prediction has, but for those that the configuration leaves out."""

from collections.abc import Sequence

from models.errors import ConfigError
from models.prediction import Prediction
from models.settings import TrainingSettings

LEFT_OUT = "training.without names it"
"""Why a method that could compete does not."""


def competing(prediction: Prediction, training: TrainingSettings) -> tuple[str, ...]:
    """Return the methods that compete, from the most complex to the simplest."""
    return tuple(method for method in prediction.methods if method not in training.without)


def check_without(predictions: Sequence[Prediction], training: TrainingSettings) -> None:
    """Refuse to leave out what no prediction has, or all that one has.

    Raises
    ------
    ConfigError
        The message names the methods that there are.
    """
    known = dict.fromkeys(method for prediction in predictions for method in prediction.methods)
    unknown = [method for method in training.without if method not in known]
    if unknown:
        raise ConfigError(f"training.without: there is no method {unknown[0]!r}; there are {', '.join(known)}")
    for prediction in predictions:
        if not competing(prediction, training):
            raise ConfigError(
                f"training.without leaves {prediction.name} no method of {', '.join(prediction.methods)}: take one out"
            )
