"""Our own method: one small LightGBM for each horizon.

Small trees with strong regularisation equalled fifty rounds of tuning on three retailers. How many trees is chosen
on the newest training cutoffs, whose windows no earlier training window reaches into; then everything is fitted again.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray
from scipy.special import expit

from models.methods import MAX_EXAMPLES, check_target
from models.parts import canonical_json
from models.prediction import Customers, Matrix, Scores
from models.sampling import thinned
from models.single_row import SingleRow

if TYPE_CHECKING:
    # imported where it is called: it imports scikit-learn where it finds it, two seconds that most processes never use
    import lightgbm as lgb

DEFAULT_TREES = 100
MAX_TREES = 400
PATIENCE = 30
VALIDATION_CUTOFFS = 2
MIN_ROWS = 200
BOOSTER = "booster_"
PARAMETERS_PART = "parameters.json"

PARAMETERS: Mapping[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "verbosity": -1,
    # the same data and seed must give the same bytes, whatever the machine
    "deterministic": True,
    "force_row_wise": True,
    # horizons are fitted side by side; on a busy machine the threads of one fit would wait for each other
    "num_threads": 1,
}


@dataclass(frozen=True)
class FittedBoosting:
    """One booster for each horizon.

    Parameters
    ----------
    boosters : sequence of lightgbm.Booster, length k
        By rising horizon.
    parameters : mapping of str to number
        Where they differ from ``PARAMETERS``.
    """

    boosters: "Sequence[lgb.Booster]"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    method: str = "lightgbm"

    @property
    def choices(self) -> Mapping[str, Any]:
        """The number of trees of each horizon, and parameters that were given."""
        own = {"parameters": dict(self.parameters)} if self.parameters else {}
        return {"trees": [booster.num_trees() for booster in self.boosters]} | own

    def score(self, customers: Customers) -> Scores:
        """Return the probability within each horizon, shape (n, k)."""
        scores: Scores = expit(self.odds(customers))
        return scores

    def odds(self, customers: Customers) -> Scores:
        """Return the log-odds within each horizon, shape (n, k)."""
        if len(customers) == 1:
            features = np.ascontiguousarray(customers.features)
            return np.array([[single.odds(features) for single in self._single_rows]])
        # one thread: waking others costs fifty times what a row costs
        columns = [booster.predict(customers.features, raw_score=True, num_threads=1) for booster in self.boosters]
        return np.column_stack(columns)

    @cached_property
    def _single_rows(self) -> Sequence[SingleRow]:
        return [SingleRow(booster) for booster in self.boosters]

    def contributions(self, customers: Customers, output: int) -> Scores:
        """Return TreeSHAP contributions to the log-odds, shape (n, f).

        Notes
        -----
        Lundberg, S. M. et al. (2020), From local explanations to global understanding with explainable AI for trees.
        Nature Machine Intelligence 2.
        """
        shap: Scores = self.boosters[output].predict(customers.features, pred_contrib=True, num_threads=1)
        return shap[:, :-1]

    def parts(self) -> Mapping[str, bytes]:
        """Return each booster as LightGBM text, and parameters that were given."""
        own = {PARAMETERS_PART: canonical_json(dict(self.parameters))} if self.parameters else {}
        boosters = enumerate(self.boosters)
        return {f"{BOOSTER}{i:02d}.txt": booster.model_to_string().encode() for i, booster in boosters} | own


@dataclass(frozen=True)
class Boosting:
    """Gradient-boosted trees (Ke, G. et al., 2017, LightGBM, NeurIPS 30), one model a horizon."""

    name: str = "lightgbm"

    def fit(
        self,
        customers: Customers,
        target: Scores,
        *,
        horizons: Sequence[int],
        seed: int,
        choices: Mapping[str, Any] | None = None,
    ) -> FittedBoosting:
        """Fit as ``models.methods.Method`` says.

        ``choices`` may hold ``trees``, the number of each horizon, and ``parameters`` in place of ours.
        """
        check_target(target, horizons)
        given = choices or {}
        frozen, parameters = given.get("trees", [None] * len(horizons)), given.get("parameters", {})

        def fit_one(output: int) -> "lgb.Booster":
            rows = thinned(np.flatnonzero(~np.isnan(target[:, output])), MAX_EXAMPLES)
            known = _Known(customers.features[rows], target[rows, output], customers.as_of[rows], horizons[output])
            trees = frozen[output] or known.best_trees(parameters, seed)
            return _train(known.features, known.outcome, trees, parameters, seed)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return FittedBoosting(list(pool.map(fit_one, range(len(horizons)))), parameters)

    def load(self, parts: Mapping[str, bytes]) -> FittedBoosting:
        """Return the boosters that ``parts`` hold."""
        import lightgbm as lgb

        names = sorted(name for name in parts if name.startswith(BOOSTER))
        if not names:
            raise KeyError(f"{BOOSTER}00.txt")
        boosters = [lgb.Booster(model_str=parts[name].decode()) for name in names]
        return FittedBoosting(boosters, orjson.loads(parts.get(PARAMETERS_PART, b"{}")))


@dataclass(frozen=True)
class _Known:
    """The examples of one horizon whose outcome is known."""

    features: Matrix
    outcome: NDArray[np.float64]
    as_of: NDArray[np.datetime64]
    horizon: int

    @cached_property
    def _late(self) -> NDArray[np.bool_]:
        return np.isin(self.as_of, np.unique(self.as_of)[-VALIDATION_CUTOFFS:])

    @cached_property
    def _early(self) -> NDArray[np.bool_]:
        # windows that close before the first late cutoff: early stopping never fires on windows that overlap
        closed: NDArray[np.bool_] = self.as_of + np.timedelta64(self.horizon, "D") <= self.as_of[self._late].min()
        return closed

    def best_trees(self, parameters: Mapping[str, Any], seed: int) -> int:
        """Return the number of trees with the lowest log loss on the late cutoffs."""
        if not self._can_choose:
            return DEFAULT_TREES
        import lightgbm as lgb

        late = lgb.Dataset(self.features[self._late], self.outcome[self._late], free_raw_data=False)
        stop = lgb.early_stopping(PATIENCE, verbose=False)
        early = self.features[self._early], self.outcome[self._early]
        booster = _train(*early, MAX_TREES, parameters, seed, [late], [stop])
        return max(int(booster.best_iteration), 1)

    @property
    def _can_choose(self) -> bool:
        outcome = self.outcome[self._early]
        return len(outcome) >= MIN_ROWS and len(np.unique(outcome)) == 2


def _train(
    features: Matrix,
    outcome: NDArray[np.float64],
    trees: int,
    parameters: Mapping[str, Any],
    seed: int,
    valid_sets: Sequence[Any] = (),
    callbacks: Sequence[Any] = (),
) -> "lgb.Booster":
    import lightgbm as lgb

    return lgb.train(
        {**PARAMETERS, **parameters, "seed": seed},
        lgb.Dataset(features, outcome, free_raw_data=False),
        trees,
        valid_sets=list(valid_sets),
        callbacks=list(callbacks),
    )
