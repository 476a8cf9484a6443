"""Lookalike on the published queries: how well the hidden are found, beside rivals, and whether its curve comes true.

A query: some of those who did something in a window are the seeds, the others are hidden among the customers and have
to be found. The seeds are ``default_rng(1000 * sum of the name's code points + seeds).choice(sorted members, seeds,
replace=False)``; they are left out of the ranking. Methods are fitted as a promotion on the query's day fits them: the
space on everybody at that day, whose window is open, and the prior on the lists of the newest training cutoff whose
window had closed by then; training cutoffs are counted back from the day in the configured steps.

The published split does not name the day of the cdnow queries: 1998-01-01, everybody is ranked, is the one that leaves
180 days and reproduces the published figures. The settings were chosen on other categories in September and October
2017 and on cdnow's October 1997. The published queries were seen meanwhile: those of cdnow showed that a prior learnt
from few lists weighed too much, and how much it is to weigh was then chosen on October 1997.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.lines import CDNOW, COMPLETE_JOURNEY, workspace
from models import columns as col
from models import prediction_named
from models.engines import open_duckdb
from models.lookalike.audience import CURVE_SHARES, ranked
from models.lookalike.fitted import FittedLookalike, Ranker, taught_by
from models.lookalike.logistic import fit_logistic, inverse_strength
from models.lookalike.queries import Query, area, window_buyers
from models.lookalike.space import Points
from models.prediction import Examples
from training.frame import training_frame

WINDOW, ACTIVE_DAYS = 30, 180
PLAIN = "plain_logistic"
PLAIN_TASTE_WEIGHT = 1.5
"""How far a taste counts beside a feature in the plain regression: the published figures are reproduced so."""
OURS, RIVALS = "seed_logistic", ("spend_rank", "centroid", PLAIN)
DRAWS = 400

OFTEN = ("BACON", "CITRUS", "DELI MEATS", "TOMATOES")
BUYERS = (*OFTEN, "BROOMS AND MOPS", "FROZEN MEAT", "FRZN NOVELTIES/WTR ICE", "PEPPERS-ALL", "REFRIGERATED",
          "SPRING/SUMMER SEASONAL")  # fmt: skip
NEW = ("TURKEY", "FROZEN PIE/DESSERTS", "CHRISTMAS  SEASONAL", "BAKING NEEDS", "CANNED MILK", "DRY SAUCES/GRAVY",
       "FLOUR & MEALS", "FRUIT - SHELF STABLE")  # fmt: skip
CAMPAIGNS = {"camp18": date(2017, 10, 30), "camp13": date(2017, 8, 8), "camp8": date(2017, 5, 8)}
NOVEMBER = date(2017, 11, 1)

Mask = NDArray[np.bool_]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """A query to be drawn: who is wanted, at which day of which history."""

    name: str
    source: str
    as_of: date


@dataclass(frozen=True)
class Group:
    """Queries of one kind, with the published mean AUC by method; none where it was not published.

    Parameters
    ----------
    title : str
        For people.
    kind : str
        Who is wanted: ``buyers``, ``new_buyers``, ``redeemers``, ``targeted_redeemers`` or ``spenders``.
    asked : tuple of Asked
    seeds : int
    published : mapping of str to float
    quick : bool
        Whether the quick part asks them.
    """

    title: str
    kind: str
    asked: tuple[Asked, ...]
    seeds: int
    published: dict[str, float]
    quick: bool = False


def _journey(*names: str) -> tuple[Asked, ...]:
    return tuple(Asked(name, COMPLETE_JOURNEY, CAMPAIGNS.get(name, NOVEMBER)) for name in names)


def _published(spend: float, centroid: float | None, plain: float) -> dict[str, float]:
    given = {"spend_rank": spend, "centroid": centroid, PLAIN: plain}
    return {name: value for name, value in given.items() if value is not None}


_SPENDERS = (Asked("top10%", CDNOW, date(1998, 1, 1)),)
GROUPS = (
    Group("category buyers, 50 seeds", "buyers", _journey(*BUYERS), 50, _published(.733, .741, .762), quick=True),
    Group("category buyers, 200 seeds", "buyers", _journey(*OFTEN), 200, _published(.752, .755, .788), quick=True),
    Group("NEW buyers of a category, 50 seeds", "new_buyers", _journey(*NEW), 50, _published(.695, .639, .711),
          quick=True),
    Group("coupon redeemers, everyone, 50 seeds", "redeemers", _journey(*CAMPAIGNS), 50, _published(.832, None, .876)),
    Group("coupon redeemers, the targeted, 50 seeds", "targeted_redeemers", _journey(*CAMPAIGNS), 50,
          _published(.701, None, .782)),
    Group("cdnow top spenders, 50 seeds", "spenders", _SPENDERS, 50, _published(.851, .853, .859)),
    Group("cdnow top spenders, 1,000 seeds", "spenders", _SPENDERS, 1_000, _published(.853, .855, .867)),
    Group("top spenders, 50 seeds", "spenders", _journey("top10%", "top20%"), 50, {}),
    Group("top spenders, 200 seeds", "spenders", _journey("top20%"), 200, {}),
)  # fmt: skip

PUBLISHED_ALONE = {
    "LightGBM on the seeds against the rest": {
        GROUPS[0].title: .715, GROUPS[1].title: .784, GROUPS[2].title: .646, GROUPS[5].title: .747,
        GROUPS[6].title: .862,
    },
    "a model of what everyone did in the month before, which needs more than seeds": {
        GROUPS[0].title: .816, GROUPS[2].title: .682,
    },
    "rank by past redemptions": {GROUPS[3].title: .872, GROUPS[4].title: .776},
}  # fmt: skip
"""Published mean AUCs of methods that are not fitted here, by line."""


@dataclass(frozen=True)
class Scored:
    """How one method ranked one query's pool."""

    scores: Vector
    hidden: Mask

    @property
    def auc(self) -> float:
        """Of everybody in the pool, each counted once."""
        return area(self.scores, self.hidden)

    def recalls(self, sizes: Sequence[int]) -> Vector:
        """Return the share of the hidden among so many best."""
        caught = np.cumsum(self.hidden[np.argsort(-self.scores, kind="stable")])
        return np.array([caught[size - 1] / caught[-1] for size in sizes])


@dataclass(frozen=True)
class Curve:
    """What an answer expects at each of ``CURVE_SHARES``, and what came true; of ours and of the spend rank.

    ``covered`` is 1 where the true recall lies in the interval of the expected one.
    """

    expected: Vector
    true: Vector
    spend_expected: Vector
    spend_true: Vector
    covered: Vector


@dataclass(frozen=True)
class PlainLogistic(FittedLookalike):
    """The published regression: on the features and tastes alone, without a prior."""

    method = PLAIN

    def ranker(self, groups: Sequence[Points], background: Points) -> Ranker:
        """Fit a regression for each group."""
        scale = np.ones(background.vectors.shape[1])
        scale[len(self.space.names) :] = PLAIN_TASTE_WEIGHT
        weights = np.column_stack([self._weights(taught_by(seeds), background, scale) for seeds in groups])
        return lambda points: (points.vectors @ weights).T

    def _weights(self, seeds: Points, background: Points, scale: Vector) -> Vector:
        x = np.vstack([seeds.vectors, background.vectors]) * scale
        y = np.r_[np.ones(len(seeds)), np.zeros(len(background))]
        c = inverse_strength(len(x), len(seeds), strength=self.strength)
        found: Vector = fit_logistic(x, y, np.ones(len(x)), c=c)[:-1] * scale
        return found


class Moment:
    """Everything that queries of one history and day need.

    Parameters
    ----------
    source : str
        The history.
    as_of : date
        The cutoff.
    workspaces : Path
        Folder of the workspaces.
    """

    def __init__(self, source: str, as_of: date, workspaces: Path) -> None:
        self.source, self.as_of = source, as_of
        self.settings, _ = workspace(source, workspaces)
        self.prediction = prediction_named("lookalike", self.settings.models)
        step = self.settings.cutoffs.step_days
        closed = as_of - timedelta(math.ceil(WINDOW / step) * step)
        past = self._frame([closed, as_of])
        # labels of the day itself are read for drawing queries alone: fits know no more than the day did
        self.now = past.at([as_of]).known_by(as_of + timedelta(WINDOW))
        fits = {name: self.prediction.fit(name, past, horizon=WINDOW, seed=1) for name in self.prediction.methods}
        self.methods: dict[str, FittedLookalike] = {
            name: fit for name, fit in fits.items() if isinstance(fit, FittedLookalike)
        }
        ours = self.methods[OURS]
        self.methods[PLAIN] = PlainLogistic(ours.space, ours.background, ours.strength, ours.prior)
        self.everybody = ours.space.points(self.now.customers)

    def query(self, name: str, kind: str, seeds: int) -> Query:
        """Draw a query by the published rule; rows are in the order of the ids."""
        active = self.now.customers.column("recency_days") <= ACTIVE_DAYS
        universe, members = getattr(self, f"_{kind}")(name, active)
        wanted = np.flatnonzero(universe & members)
        rng = np.random.default_rng(1000 * sum(map(ord, name)) + seeds)
        drawn = np.sort(rng.choice(wanted, seeds, replace=False))
        pool = np.setdiff1d(np.flatnonzero(universe), drawn)
        return Query(name, drawn, pool, members[pool])

    def _buyers(self, name: str, active: Mask) -> tuple[Mask, Mask]:
        names, later, _ = window_buyers(self.now, col.CATEGORY)
        return active, later[:, names.index(name)]

    def _new_buyers(self, name: str, active: Mask) -> tuple[Mask, Mask]:
        names, later, before = window_buyers(self.now, col.CATEGORY)
        return active & ~before[:, names.index(name)], later[:, names.index(name)]

    def _redeemers(self, name: str, active: Mask) -> tuple[Mask, Mask]:
        return active, self._contacted(name, redeemed=True)

    def _targeted_redeemers(self, name: str, active: Mask) -> tuple[Mask, Mask]:
        return active & self._contacted(name, redeemed=False), self._contacted(name, redeemed=True)

    def _spenders(self, name: str, active: Mask) -> tuple[Mask, Mask]:
        """Take the top share of what is spent in the next 60 days (cdnow: of everybody, in the next 180)."""
        days, universe = (180, np.ones(len(active), bool)) if self.source == CDNOW else (60, active)
        spent = self._spent(days)
        rows = np.flatnonzero(universe)
        count = round(len(rows) * float(name.removeprefix("top").removesuffix("%")) / 100)
        members = np.zeros(len(active), bool)
        members[rows[np.argsort(-spent[rows], kind="stable")[:count]]] = True
        return universe, members

    def _contacted(self, name: str, *, redeemed: bool) -> Mask:
        with open_duckdb(self.settings.tables) as engine:
            contacts = engine.tables[col.CONTACTS]
            wanted = contacts.filter(contacts[col.CAMPAIGN_ID] == name.removeprefix("camp"))
            wanted = wanted.filter(wanted[col.RESPONDED_AT].notnull()) if redeemed else wanted
            ids = set(wanted.to_pyarrow()[col.CUSTOMER_ID].to_pylist())
        return np.array([customer in ids for customer in self.now.customers.ids])

    def _spent(self, days: int) -> Vector:
        with open_duckdb(self.settings.tables) as engine:
            lines = engine.tables[col.ORDER_LINES]
            day = lines[col.ORDER_DAY]
            inside = lines.filter((day >= self.as_of) & (day < self.as_of + timedelta(days)))
            total = inside[col.AMOUNT].sum().cast("float64")
            found = inside.group_by(col.CUSTOMER_ID).aggregate(spent=total).to_pyarrow()
        spent = dict(zip(found[col.CUSTOMER_ID].to_pylist(), found["spent"].to_pylist(), strict=True))
        return np.array([spent.get(customer) or 0.0 for customer in self.now.customers.ids])

    def _frame(self, cutoffs: Sequence[date]) -> Examples:
        """Compute everybody known at the day, as training does: at each cutoff, with what was bought next."""
        training = self.settings.training
        with open_duckdb(self.settings.tables) as engine:
            return training_frame(
                engine,
                self.prediction,
                cutoffs,
                limit=self.as_of,
                max_examples=training.max_examples,
                seed=training.seed,
            )


@cache
def moment(source: str, as_of: date, workspaces: Path) -> Moment:
    """Return a history's day, computed when it is first asked for."""
    return Moment(source, as_of, workspaces)


def figures(workspaces: Path, *, quick: bool) -> list[dict[str, Any]]:
    """Measure every method on every group of published queries.

    Parameters
    ----------
    workspaces : Path
        Folder of the workspaces.
    quick : bool
        The category buyers alone.

    Returns
    -------
    list of dict
        For each group and method: ``line``, ``method``, ``ours`` (whether it is), ``seeds``, ``queries`` (names),
        ``auc`` (mean over the queries), ``published`` (None where it is not), ``published_plain``, ``aucs`` (of each
        query), ``beside`` (rival -> ``difference``, ``low``, ``high``: mean AUC minus the rival's, 95 % over queries
        and the customers of each), and of ours ``curve``: ``shares``, mean ``expected``, ``true``, ``spend_expected``
        and ``spend_true`` recall, ``covered`` (share of queries whose true recall lies in the answer's interval), and
        ``largest_gap`` between the first two.
    """
    return [row for group in GROUPS if group.quick or not quick for row in _rows(group, workspaces)]


def _rows(group: Group, workspaces: Path) -> list[dict[str, Any]]:
    scored: dict[str, list[Scored]] = {name: [] for name in (OURS, *RIVALS)}
    curves = []
    for asked in group.asked:
        at = moment(asked.source, asked.as_of, workspaces)
        query = at.query(asked.name, group.kind, group.seeds)
        for name, found in scored.items():
            found.append(_scored(at.methods[name], at.everybody, query))
        curves.append(curve(at.methods[OURS], at.everybody, query))
    drawn = {name: _drawn(found) for name, found in scored.items()}
    rows = [_row(group, name, scored, drawn) for name in scored]
    rows[0]["curve"] = _curve_row(curves)
    return rows


def _row(
    group: Group, name: str, scored: dict[str, list[Scored]], drawn: dict[str, tuple[float, Vector]]
) -> dict[str, Any]:
    mean, draws = drawn[name]
    beside = {}
    for rival in RIVALS:
        if rival != name:
            low, high = np.percentile(draws - drawn[rival][1], [2.5, 97.5])
            beside[rival] = {"difference": mean - drawn[rival][0], "low": float(low), "high": float(high)}
    return {
        "line": group.title,
        "method": name,
        "ours": name == OURS,
        "seeds": group.seeds,
        "queries": [asked.name for asked in group.asked],
        "auc": mean,
        "published": group.published.get(name),
        "published_plain": group.published.get(PLAIN),
        "aucs": [each.auc for each in scored[name]],
        "beside": beside,
    }


def _scored(method: FittedLookalike, everybody: Points, query: Query) -> Scored:
    background = everybody.take(method.drawn_from(query.pool))
    (scores,) = method.ranker([everybody.take(query.seeds)], background)(everybody.take(query.pool))
    return Scored(scores, query.hidden)


def curve(method: FittedLookalike, everybody: Points, query: Query) -> Curve:
    """Compare what cross-validation on a query's seeds expects with where the hidden lie."""
    found = ranked(method, everybody.take(query.seeds), everybody.take(method.drawn_from(query.pool)), everybody)
    sizes = [max(1, round(len(query.pool) * share)) for share in CURVE_SHARES]
    points = found.quality(query.seeds, query.pool, sizes)
    ours, spend = (Scored(scores[query.pool], query.hidden) for scores in (found.scores, found.spend))
    true = ours.recalls(sizes)
    inside = [
        point.expected_recall_low <= recall <= point.expected_recall_high
        for point, recall in zip(points, true.tolist(), strict=True)
    ]
    return Curve(
        np.array([point.expected_recall for point in points]),
        true,
        np.array([point.spend_rank_recall for point in points]),
        spend.recalls(sizes),
        np.array(inside, float),
    )


def _curve_row(curves: Sequence[Curve]) -> dict[str, Any]:
    mean = {name: np.mean([getattr(each, name) for each in curves], axis=0) for name in Curve.__dataclass_fields__}
    gap = float(np.abs(mean["expected"] - mean["true"]).max())
    return {"shares": list(CURVE_SHARES), **{name: row.tolist() for name, row in mean.items()}, "largest_gap": gap}


def _drawn(scored: Sequence[Scored]) -> tuple[float, Vector]:
    """Return the mean AUC over queries, and the same over draws of queries and of each one's customers."""
    rng = np.random.default_rng(1)
    of_each = np.array([_drawn_areas(each, rng) for each in scored])
    picked = rng.integers(len(scored), size=(DRAWS, len(scored)))
    return float(np.mean([each.auc for each in scored])), of_each[picked, np.arange(DRAWS)[:, None]].mean(axis=1)


def _drawn_areas(scored: Scored, rng: np.random.Generator) -> Vector:
    """Return the AUC of draws of the hidden and of the others, shape (DRAWS,); every method gets the same draws."""
    hidden, others = (np.flatnonzero(each) for each in (scored.hidden, ~scored.hidden))
    order = np.argsort(scored.scores, kind="stable")
    _, starts = np.unique(scored.scores[order], return_index=True)
    found = np.empty(DRAWS)
    for draw in range(DRAWS):
        drawn = [np.bincount(rng.choice(rows, len(rows)), minlength=len(order))[order] for rows in (hidden, others)]
        mine, theirs = (np.add.reduceat(each, starts) for each in drawn)
        below = np.cumsum(theirs) - theirs
        found[draw] = (mine * (below + theirs / 2)).sum() / (mine.sum() * theirs.sum())
    return found
