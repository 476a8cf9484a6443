"""Artifacts: a fitted prediction as files - LightGBM text, npy and JSON - with golden rows that prove it on opening."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from models import prediction_from
from models.errors import CorruptPartError, FingerprintMismatchError, InvalidModelOutputError
from models.parts import canonical_json, npy_array, npy_bytes, parsing, seal, verify, write_durably
from models.prediction import Customers, Fitted, Prediction
from models.settings import FeatureSettings

GOLDEN_ROWS = 16
# another build of a numeric library may round differently in the last bits; a wrong model is far away
GOLDEN_TOLERANCE = 1e-9

_ABOUT = "artifact.json"
_MEDIANS = "medians.npy"
_GOLDEN_FEATURES = "golden_features.npy"
_GOLDEN_SCORES = "golden_scores.npy"
_FITTED = "fitted"


@dataclass(frozen=True)
class Artifact:
    """A fitted prediction and what is needed to serve it.

    Parameters
    ----------
    prediction : Prediction
        With the settings that it was trained with.
    fitted : Fitted
        The fitted method.
    names : tuple of str, length f
        Feature names, in order.
    fingerprint : str
        Fingerprint of the features that it was fitted on.
    medians : float32 array, shape (f,)
        Median of each feature over the training examples; NaN = all null.
    golden : float32 array, shape (g, f)
        Synthetic customers; never real ones.
    """

    prediction: Prediction
    fitted: Fitted
    names: tuple[str, ...]
    fingerprint: str
    medians: NDArray[np.float32]
    golden: NDArray[np.float32]

    def golden_scores(self) -> NDArray[np.float64]:
        """Score the golden rows, shape (g, outputs)."""
        count = len(self.golden)
        as_of = np.full(count, np.datetime64("2000-01-01", "D"))
        histories = self.prediction.golden_histories(self.fitted, count)
        return self.fitted.score(Customers([""] * count, as_of, self.golden, self.names, histories))


def golden_customers(features: NDArray[np.float32], *, seed: int) -> NDArray[np.float32]:
    """Make synthetic customers: each figure is drawn by itself between the 5th and 95th percentile of its feature.

    Parameters
    ----------
    features : float32 array, shape (n, f)
        Training examples.
    seed : int
        Seed of the draws.

    Returns
    -------
    float32 array, shape (GOLDEN_ROWS, f)
        NaN as often as the feature is null.
    """
    rng = np.random.default_rng(seed)
    golden = np.full((GOLDEN_ROWS, features.shape[1]), np.nan, np.float32)
    for position, column in enumerate(features.T):
        known = column[~np.isnan(column)]
        if len(known):
            low, high = np.quantile(known, [0.05, 0.95])
            null = rng.random(GOLDEN_ROWS) >= len(known) / len(column)
            golden[:, position] = np.where(null, np.nan, rng.uniform(low, high, GOLDEN_ROWS))
    return golden


def save_artifact(folder: Path, artifact: Artifact) -> str:
    """Write an artifact into an existing empty folder; the same artifact gives the same bytes.

    Returns
    -------
    str
        Its digest.
    """
    about = {
        "prediction": artifact.prediction.name,
        "settings": artifact.prediction.settings.model_dump(mode="json"),
        "features": artifact.prediction.features.model_dump(mode="json"),
        "method": artifact.fitted.method,
        "choices": artifact.fitted.choices,
        "names": list(artifact.names),
        "fingerprint": artifact.fingerprint,
    }
    write_durably(folder / _ABOUT, canonical_json(about))
    write_durably(folder / _MEDIANS, npy_bytes(artifact.medians))
    write_durably(folder / _GOLDEN_FEATURES, npy_bytes(artifact.golden))
    write_durably(folder / _GOLDEN_SCORES, npy_bytes(artifact.golden_scores()))
    (folder / _FITTED).mkdir()
    for name, content in artifact.fitted.parts().items():
        write_durably(folder / _FITTED / name, content)
    return seal(folder)


def load_artifact(folder: Path, digest: str) -> Artifact:
    """Verify, open and prove an artifact.

    Raises
    ------
    CorruptPartError
        A file is not the one that the digest names; nothing was parsed. Or another version of Foresell made it, whose
        method or parts this one does not have. Or its files cannot be read.
    InvalidModelOutputError
        The golden rows do not give their scores.
    """
    verified = verify(folder, digest)
    with parsing(folder):
        about: dict[str, Any] = orjson.loads((folder / _ABOUT).read_bytes())
        prediction = prediction_from(
            about["prediction"], FeatureSettings.model_validate(about["features"]), about["settings"]
        )
        # never a file that merely lies there: it was not verified
        paths = [folder / name for name in verified if name.startswith(f"{_FITTED}/")]
        parts = {path.name: path.read_bytes() for path in paths}
        artifact = Artifact(
            prediction=prediction,
            fitted=_fitted(prediction, about["method"], parts),
            names=tuple(about["names"]),
            fingerprint=about["fingerprint"],
            medians=npy_array((folder / _MEDIANS).read_bytes()),
            golden=npy_array((folder / _GOLDEN_FEATURES).read_bytes()),
        )
        _replay(artifact, npy_array((folder / _GOLDEN_SCORES).read_bytes()))
    return artifact


def check_fingerprint(artifact: Artifact, fingerprint: str, *, of: str) -> None:
    """Refuse an artifact that was fitted on other features than ``fingerprint``.

    Raises
    ------
    FingerprintMismatchError
        The message names both.
    """
    if artifact.fingerprint != fingerprint:
        raise FingerprintMismatchError(
            f"{artifact.prediction.name} was fitted on features {artifact.fingerprint[:12]}, {of} has "
            f"{fingerprint[:12]}; train, promote and publish with one version of Foresell and its settings"
        )


def _fitted(prediction: Prediction, method: str, parts: Mapping[str, bytes]) -> Fitted:
    name = prediction.name
    again = f"train and promote {name}, then publish"
    if method not in prediction.methods:
        raise CorruptPartError(
            f"this artifact holds {name} fitted by {method!r}, which this version of Foresell does not have: {again}"
        )
    try:
        return prediction.load(method, parts)
    except KeyError as missing:
        raise CorruptPartError(
            f"this artifact holds {name} fitted by {method!r} without {missing.args[0]}, another version of Foresell "
            f"made it: {again}"
        ) from None


def _replay(artifact: Artifact, expected: NDArray[np.float64]) -> None:
    found = artifact.golden_scores()
    if found.shape != expected.shape or not np.allclose(
        found, expected, rtol=GOLDEN_TOLERANCE, atol=GOLDEN_TOLERANCE, equal_nan=True
    ):
        raise InvalidModelOutputError(
            f"{artifact.prediction.name}: the golden rows do not give their scores; publish again with this version"
        )
