"""An artifact in MLflow's model format: its files, a signature, a synthetic example and the code that opens it."""

from importlib.metadata import version as installed
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from models.artifact import load_artifact
from training.scores import ARTIFACT, DIGEST, scores

_PYFUNC = Path(__file__).with_name("pyfunc.py")
_REQUIREMENTS = ("duckdb", "ibis-framework", "lightgbm", "mlflow", "numpy", "orjson", "pandas", "pyarrow", "scipy")


def save_model(mlflow: ModuleType, target: Path, about: Any, *, folder: Path, digest: str) -> None:
    """Write a model that MLflow can load and call; nothing in it is a pickle.

    Parameters
    ----------
    mlflow : module
        From ``quiet_mlflow``.
    target : Path
        The folder to make.
    about : mlflow.models.Model
        Names the run and the logged model.
    folder : Path
        A saved artifact.
    digest : str
        The artifact's digest; the model verifies it whenever it is loaded.
    """
    artifact = load_artifact(folder, digest)
    example = pd.DataFrame(artifact.golden, columns=list(artifact.names))
    mlflow.pyfunc.save_model(
        target,
        mlflow_model=about,
        python_model=str(_PYFUNC),
        artifacts={ARTIFACT: str(folder)},
        model_config={DIGEST: digest},
        signature=mlflow.models.infer_signature(example, scores(artifact, example)),
        input_example=example,
        # said outright: inferring them would load the model in a process of its own
        pip_requirements=[f"{package}=={installed(package)}" for package in _REQUIREMENTS],
    )
