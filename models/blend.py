"""Our own method: boosted trees, a wide logistic regression and BG/NBD, averaged in log-odds.

Trees see what bends and what hangs together; a straight line needs fewer examples; BG/NBD needs no label: it reads the
newest histories as they are, where the others know windows that closed a horizon ago. Their mistakes differ. The shares
are fixed: chosen once, on validation cutoffs of three retailers (docs/decisions/0013-methods-for-customers.md). A voice
whose fit finds no answer is missing: the others share what was its.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import orjson
from scipy.special import expit

from models.boosting import Boosting, FittedBoosting
from models.errors import NotConvergedError
from models.methods import Method, log_odds
from models.parts import canonical_json
from models.prediction import Customers, Fitted, Scores
from models.rivals.bg_nbd import BGNBD, FittedBGNBD
from models.rivals.logistic import WIDE, FittedLogistic

TREES, LINE, PROCESS = "trees_", "line_", "process_"
"""What the names of each voice's parts begin with."""
SHARES: Mapping[str, float] = {TREES: 0.5, LINE: 0.25, PROCESS: 0.25}
HISTORY = ("orders", "recency_days", "tenure_days")
"""What BG/NBD reads."""
VOICES: Mapping[str, str] = {TREES: "lightgbm", LINE: WIDE.name, PROCESS: BGNBD.name}
"""Name of each voice's method."""
MISSING_PART = "missing.json"


@dataclass(frozen=True)
class FittedBlend:
    """The three voices, or those whose fit found an answer.

    Parameters
    ----------
    trees : FittedBoosting
        One booster for each horizon.
    line : FittedLogistic, optional
        One regression for each horizon; None = its fit found no answer.
    process : FittedBGNBD, optional
        For all horizons; None = its fit found no answer.
    usual : mapping of str to float
        Median over the examples of each number of ``HISTORY``.
    """

    trees: FittedBoosting
    line: FittedLogistic | None
    process: FittedBGNBD | None
    usual: Mapping[str, float]
    method: str = "blend"

    @property
    def choices(self) -> Mapping[str, Any]:
        """What the trees chose, and ``without``: the names of missing voices, where there are any."""
        without = self._without
        return dict(self.trees.choices) | ({"without": without} if without else {})

    @cached_property
    def shares(self) -> Mapping[str, float]:
        """The share of each voice that there is; they add up to 1."""
        there = {name: SHARES[name] for name in self._voices}
        return {name: share / sum(there.values()) for name, share in there.items()}

    def score(self, customers: Customers) -> Scores:
        """Return the probability within each horizon, shape (n, k); NaN for somebody who never ordered."""
        scores: Scores = expit(self.odds(customers))
        return scores

    def odds(self, customers: Customers) -> Scores:
        """Return the log-odds within each horizon, shape (n, k)."""
        shares = self.shares
        odds = shares[TREES] * self.trees.odds(customers)
        if self.line:
            odds = odds + shares[LINE] * self.line.odds(customers)
        if self.process:
            odds = odds + shares[PROCESS] * log_odds(self.process.score(customers))
        return odds

    def contributions(self, customers: Customers, output: int) -> Scores:
        """Return what each feature adds to the log-odds, shape (n, f).

        Of the trees TreeSHAP, compared with the examples that they learnt from; of the regression the difference to the
        customer with the median of every feature; of BG/NBD the same difference, handed out as one number after the
        other, in the order of ``HISTORY``, becomes its median: another order would hand out the same sum otherwise.
        """
        shares = self.shares
        added: Scores = shares[TREES] * self.trees.contributions(customers, output)
        if self.line:
            added = added + shares[LINE] * self.line.contributions(customers, output)
        if self.process:
            read = [customers.names.index(name) for name in HISTORY]
            added[:, read] += shares[PROCESS] * self._steps(self.process, customers, output)
        return added

    def _steps(self, process: FittedBGNBD, customers: Customers, output: int) -> Scores:
        """Return the change of BG/NBD's log-odds as one number after the other becomes the median, shape (n, 3)."""
        features = customers.features.copy()
        odds = [log_odds(process.score(customers)[:, output])]
        for name in HISTORY:
            features[:, customers.names.index(name)] = self.usual[name]
            odds.append(log_odds(process.score(replace(customers, features=features))[:, output]))
        return -np.diff(np.column_stack(odds), axis=1)

    @property
    def _voices(self) -> Mapping[str, Fitted]:
        voices = {TREES: self.trees, LINE: self.line, PROCESS: self.process}
        return {name: voice for name, voice in voices.items() if voice is not None}

    @property
    def _without(self) -> list[str]:
        return [VOICES[name] for name in SHARES if name not in self._voices]

    def parts(self) -> Mapping[str, bytes]:
        """Return the parts of every voice, and which are missing, where there are any."""
        missing = {"without": self._without, "usual": dict(self.usual)}
        own = {MISSING_PART: canonical_json(missing)} if self._without else {}
        voices = self._voices.items()
        return {prefix + name: part for prefix, voice in voices for name, part in voice.parts().items()} | own


@dataclass(frozen=True)
class Blend:
    """Half boosted trees, a quarter logistic regression on every feature, a quarter BG/NBD.

    Where a fit of the latter two does not converge, the others share what was its: trees and the one that is left two
    to one, or trees alone.

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
        """Fit as ``models.methods.Method`` says; ``choices`` are those of ``Boosting`` and ``without``."""
        trees = Boosting().fit(customers, target, horizons=horizons, seed=seed, choices=choices)
        without = set((choices or {}).get("without", ()))

        def voice(method: Method) -> Any:
            try:
                return None if method.name in without else method.fit(customers, target, horizons=horizons, seed=seed)
            except NotConvergedError:
                return None

        line, process = voice(WIDE), voice(BGNBD(self.silence))
        return FittedBlend(trees, line, process, _usual(line) if line else _medians(customers))

    def load(self, parts: Mapping[str, bytes]) -> FittedBlend:
        """Return the voices that ``parts`` hold."""
        missing = orjson.loads(parts.get(MISSING_PART, b"{}"))

        def voice(method: Method, prefix: str) -> Any:
            return None if method.name in missing.get("without", ()) else method.load(_within(parts, prefix))

        line, process = voice(WIDE, LINE), voice(BGNBD(self.silence), PROCESS)
        trees = Boosting().load(_within(parts, TREES))
        return FittedBlend(trees, line, process, _usual(line) if line else missing["usual"])


def _usual(line: FittedLogistic) -> dict[str, float]:
    return {name: line.median(name) for name in HISTORY}


def _medians(customers: Customers) -> dict[str, float]:
    ordered = customers.take(customers.column("orders") > 0)
    return {name: float(np.median(ordered.column(name))) for name in HISTORY}


def _within(parts: Mapping[str, bytes], prefix: str) -> dict[str, bytes]:
    return {name.removeprefix(prefix): content for name, content in parts.items() if name.startswith(prefix)}
