"""Our own method: boosted trees, a wide logistic regression and BG/NBD, averaged in log-odds.

Trees see what bends and what hangs together; a straight line needs fewer examples; BG/NBD needs no label: it reads the
newest histories as they are, where the others know windows that closed a horizon ago. Their mistakes differ. The shares
are fixed: chosen once, on validation cutoffs of three retailers (docs/decisions/0013-methods-for-customers.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit

from models.boosting import Boosting, FittedBoosting
from models.methods import log_odds
from models.prediction import Customers, Fitted, Scores
from models.rivals.bg_nbd import BGNBD, FittedBGNBD
from models.rivals.logistic import WIDE, FittedLogistic

TREES, LINE, PROCESS = "trees_", "line_", "process_"
"""What the names of each voice's parts begin with."""
SHARES: Mapping[str, float] = {TREES: 0.5, LINE: 0.25, PROCESS: 0.25}
HISTORY = ("orders", "recency_days", "tenure_days")
"""What BG/NBD reads."""


@dataclass(frozen=True)
class FittedBlend:
    """The three voices.

    Parameters
    ----------
    trees : FittedBoosting
        One booster for each horizon.
    line : FittedLogistic
        One regression for each horizon.
    process : FittedBGNBD
        For all horizons.
    """

    trees: FittedBoosting
    line: FittedLogistic
    process: FittedBGNBD
    method: str = "blend"

    @property
    def choices(self) -> Mapping[str, Any]:
        """What the trees chose."""
        return self.trees.choices

    def score(self, customers: Customers) -> Scores:
        """Return the probability within each horizon, shape (n, k); NaN for somebody who never ordered."""
        scores: Scores = expit(self.odds(customers))
        return scores

    def odds(self, customers: Customers) -> Scores:
        """Return the log-odds within each horizon, shape (n, k)."""
        process = log_odds(self.process.score(customers))
        return (
            SHARES[TREES] * self.trees.odds(customers)
            + SHARES[LINE] * self.line.odds(customers)
            + SHARES[PROCESS] * process
        )

    def contributions(self, customers: Customers, output: int) -> Scores:
        """Return what each feature adds to the log-odds, shape (n, f).

        Of the trees TreeSHAP, compared with the examples that they learnt from; of the other two the difference to
        the customer with the median of every feature.
        """
        trees = self.trees.contributions(customers, output)
        line = self.line.contributions(customers, output)
        added: Scores = SHARES[TREES] * trees + SHARES[LINE] * line
        added[:, [customers.names.index(name) for name in HISTORY]] += SHARES[PROCESS] * self._steps(customers, output)
        return added

    def _steps(self, customers: Customers, output: int) -> Scores:
        """Return the change of BG/NBD's log-odds as one number after the other becomes the median, shape (n, 3)."""
        features = customers.features.copy()
        odds = [log_odds(self.process.score(customers)[:, output])]
        for name in HISTORY:
            features[:, customers.names.index(name)] = self.line.median(name)
            odds.append(log_odds(self.process.score(replace(customers, features=features))[:, output]))
        return -np.diff(np.column_stack(odds), axis=1)

    def parts(self) -> Mapping[str, bytes]:
        """Return the parts of every voice."""
        voices: Mapping[str, Fitted] = {TREES: self.trees, LINE: self.line, PROCESS: self.process}
        return {prefix + name: part for prefix, voice in voices.items() for name, part in voice.parts().items()}


@dataclass(frozen=True)
class Blend:
    """Half boosted trees, a quarter logistic regression on every feature, a quarter BG/NBD.

    Parameters
    ----------
    silence : bool
        The event is no order within the horizon.
    """

    silence: bool
    name: str = "blend"

    def fit(
        self,
        customers: Customers,
        target: Scores,
        *,
        horizons: Sequence[int],
        seed: int,
        choices: Mapping[str, Any] | None = None,
    ) -> FittedBlend:
        """Fit as ``models.methods.Method`` says; ``choices`` are those of ``Boosting``."""
        trees = Boosting().fit(customers, target, horizons=horizons, seed=seed, choices=choices)
        line = WIDE.fit(customers, target, horizons=horizons, seed=seed)
        process = BGNBD(self.silence).fit(customers, target, horizons=horizons, seed=seed)
        return FittedBlend(trees, line, process)

    def load(self, parts: Mapping[str, bytes]) -> FittedBlend:
        """Return the voices that ``parts`` hold."""
        trees = Boosting().load(_within(parts, TREES))
        return FittedBlend(trees, WIDE.load(_within(parts, LINE)), BGNBD(self.silence).load(_within(parts, PROCESS)))


def _within(parts: Mapping[str, bytes], prefix: str) -> dict[str, bytes]:
    return {name.removeprefix(prefix): content for name, content in parts.items() if name.startswith(prefix)}
