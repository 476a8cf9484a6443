"""What is predicted: features, labels, predictions, their rivals, stores and artifacts. No weights, no HTTP."""

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from models.errors import ConfigError, UnknownPredictionError
from models.settings import FeatureSettings, ModelSettings, first_fault

if TYPE_CHECKING:
    from models.prediction import Prediction

PREDICTIONS = (
    "models.churn:Churn",
    "models.repurchase:Repurchase",
    "models.lookalike:Lookalike",
    "models.next_best_product.prediction:NextBestProduct",
)


def predictions(settings: ModelSettings | None = None) -> tuple["Prediction", ...]:
    """Return every prediction, set up as configured.

    Parameters
    ----------
    settings : ModelSettings, optional
        Default: every setting at its default.

    Raises
    ------
    ConfigError
        A section names no prediction, or has an unknown key or a value that is not allowed.
    """
    settings = settings or ModelSettings()
    classes = _classes()
    for section in settings.predictions:
        if section not in classes:
            raise ConfigError(f"unknown section [predictions.{section}]; the predictions are {', '.join(classes)}")
    return tuple(_configured(cls, settings) for cls in classes.values())


def prediction_from(name: str, features: FeatureSettings, section: Mapping[str, Any]) -> "Prediction":
    """Return one prediction with the settings that an artifact was made with.

    Raises
    ------
    UnknownPredictionError
        No prediction has this name.
    """
    return prediction_named(name, ModelSettings(features=features, predictions={name: dict(section)}))


def prediction_named(name: str, settings: ModelSettings | None = None) -> "Prediction":
    """Return one prediction by name.

    Raises
    ------
    UnknownPredictionError
        No prediction has this name.
    """
    classes = _classes()
    if name not in classes:
        raise UnknownPredictionError(f"unknown prediction {name!r}; the predictions are {', '.join(classes)}")
    return next(prediction for prediction in predictions(settings) if prediction.name == name)


def _classes() -> "dict[str, type[Prediction]]":
    classes: list[type[Prediction]] = [resolve_name(path) for path in PREDICTIONS]
    return {cls.name: cls for cls in classes}


def _configured(cls: "type[Prediction]", settings: ModelSettings) -> "Prediction":
    try:
        section = cls.Settings.model_validate(settings.predictions.get(cls.name, {}))
    except ValidationError as error:
        raise ConfigError(first_fault(f"[predictions.{cls.name}]", error)) from None
    return cls(settings.features, section)
