"""A study: which parameters were tried on which history, how they did, and what to try next.

Akiba, T. et al. (2019), Optuna: a next-generation hyperparameter optimization framework. KDD 25. The sampler is the
tree-structured Parzen estimator: Bergstra, J. et al. (2011), Algorithms for hyper-parameter optimization. NeurIPS 24.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from models.boosting import PARAMETERS
from models.errors import TrackingError
from models.features import fingerprint
from models.parts import canonical_json
from training.report import configured
from training.run import Trainer

STUDIES = Path("mlruns", "tuning.db")
# drawn at random before the sampler has something to go by
RANDOM_TRIALS = 10


class Study:
    """The trials of one prediction on one history, kept in SQLite.

    Only finished trials are written, and each proposal follows from those and the seed alone: whoever is killed leaves
    nothing half done behind, and goes on as if nothing had been.

    Parameters
    ----------
    trainer : Trainer
        Whose prediction, data and settings; with others it is another study.
    folds : sequence of date
        The cutoffs that trials are judged at.

    Raises
    ------
    TrackingError
        The file cannot be read or written.
    """

    def __init__(self, trainer: Trainer, folds: Sequence[date]) -> None:
        self._optuna = _quiet_optuna()
        self._space = space(self._optuna)
        self._seed = trainer.settings.training.seed
        self._folds = folds
        self._path = trainer.settings.workspace / STUDIES
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._readable():
            self._kept = self._optuna.create_study(
                study_name=self._name(trainer), storage=f"sqlite:///{self._path}", load_if_exists=True
            )

    def __len__(self) -> int:
        return len(self._kept.trials)

    @property
    def best(self) -> tuple[int, dict[str, Any]]:
        """The position and the parameters of the trial with the lowest loss, the first of equals."""
        values = [trial.value for trial in self._kept.trials]
        return int(np.argmin(values)), self._kept.trials[int(np.argmin(values))].params

    def propose(self) -> dict[str, Any]:
        """Return what to try next: the hand-set parameters first."""
        if not len(self):
            return hand_set(self._space)
        sampler = self._optuna.samplers.TPESampler(seed=self._seed + len(self), n_startup_trials=RANDOM_TRIALS)
        scratch = self._optuna.create_study(sampler=sampler)
        scratch.add_trials(self._kept.trials)
        proposed: dict[str, Any] = scratch.ask(self._space).params
        return proposed

    def add(self, parameters: Mapping[str, Any], loss: float) -> None:
        """Keep a finished trial."""
        made = self._optuna.trial.create_trial(params=dict(parameters), distributions=self._space, value=loss)
        with self._readable():
            self._kept.add_trial(made)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        import sqlalchemy

        try:
            yield
        except (self._optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError) as error:
            cause = str(error.__cause__ or error).partition("\n")[0]
            raise TrackingError(f"{self._path} failed: {cause}; train without --tune, or remove the file") from error

    def _name(self, trainer: Trainer) -> str:
        about = {
            "settings": configured(trainer.prediction, trainer.settings),
            "features": fingerprint(trainer.prediction.features),
            "data": trainer.intake.fingerprint,
            "cutoffs": [day.isoformat() for day in trainer.plan.cutoffs],
            "folds": [day.isoformat() for day in self._folds],
            "space": {name: repr(allowed) for name, allowed in self._space.items()},
            "parameters": dict(PARAMETERS),
        }
        return f"{trainer.prediction.name}-{hashlib.sha256(canonical_json(about)).hexdigest()[:32]}"


def space(optuna: ModuleType) -> dict[str, Any]:
    """Return the distribution of each parameter that is tuned, by LightGBM's name of it."""
    real, whole = optuna.distributions.FloatDistribution, optuna.distributions.IntDistribution
    return {
        "learning_rate": real(0.02, 0.2, log=True),
        "num_leaves": whole(4, 63, log=True),
        "min_data_in_leaf": whole(10, 500, log=True),
        "feature_fraction": real(0.2, 1.0),
        "bagging_fraction": real(0.5, 1.0),
        "lambda_l2": real(0.1, 100.0, log=True),
    }


def hand_set(names: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that fits have without tuning."""
    return {name: PARAMETERS[name] for name in names}


def _quiet_optuna() -> ModuleType:
    # imported here: most trainings do not tune
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
