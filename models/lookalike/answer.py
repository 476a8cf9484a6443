"""One lookalike query answered from a store: checked, ranked, and told."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.errors import InvalidRequestError
from models.lookalike.audience import Rows, best, curve_sizes, everybody_of, ranked
from models.lookalike.fitted import FittedLookalike
from models.lookalike.messages import (
    BY_FILE,
    MAX_RETURNED,
    MIN_SEEDS,
    AudienceQuery,
    QualityPoint,
    Trait,
)
from models.lookalike.space import Points
from models.lookalike.traits import traits_of
from models.lookalike.within import allowed
from models.messages import MAX_UNKNOWN_LISTED
from models.plain import only_finite
from models.prediction import Scores, Served
from models.store import UNKNOWN

MIN_BACKGROUND = 200
"""Fewer people say too little of what is usual: seeds are then told apart from the artifact's sample of everybody."""


@dataclass(frozen=True)
class Audience:
    """The answer to a query.

    Parameters
    ----------
    rows : int64 array, shape (size,)
        Rows of the store, most alike first.
    scores : float64 array, shape (size,)
        Their scores, falling.
    candidates : int
        How many might have been in it.
    known : int
        Different seeds that the store knows.
    unknown : tuple of str
        Different seeds that it does not know, in the order given.
    quality, traits, notes
        See ``LookalikeResponse``.
    """

    rows: Rows
    scores: Scores
    candidates: int
    known: int
    unknown: tuple[str, ...]
    quality: list[QualityPoint]
    traits: list[Trait]
    notes: list[str]

    @property
    def summary(self) -> dict[str, Any]:
        """All but the people, and how many they are, ready for JSON."""
        return {"size": len(self.rows), **self.about}

    @property
    def about(self) -> dict[str, Any]:
        """All but the people, ready for JSON."""
        return {
            "candidates": self.candidates,
            "seeds_known": self.known,
            "seeds_unknown": list(self.unknown[:MAX_UNKNOWN_LISTED]),
            "seeds_unknown_count": len(self.unknown),
            "quality": [point.model_dump() for point in self.quality],
            "traits": [trait.model_dump() for trait in self.traits],
            "notes": self.notes,
        }

    @property
    def sentence(self) -> str:
        """What was found, for a person."""
        told = [f"{len(self.rows):,} of {self.candidates:,} customers, like {self.known:,} seeds"]
        told += [f"{len(self.unknown):,} seeds are not known"] if self.unknown else []
        expected = next((point for point in self.quality if point.size == len(self.rows)), None)
        if expected:
            told += [f"expected lift {expected.expected_lift:.1f} (biggest spenders {expected.spend_rank_lift:.1f})"]
        return "; ".join([*told, *self.notes])


def find_audience(served: Served, query: AudienceQuery, *, most: int | None = None) -> Audience:
    """Answer a query.

    Parameters
    ----------
    served : Served
        The released lookalike.
    query : AudienceQuery
        What is wanted.
    most : int, optional
        The largest audience that is answered.

    Raises
    ------
    InvalidRequestError
        Too few known seeds, nobody to rank, or an audience above ``most``.
    """
    fitted = served.fitted
    assert isinstance(fitted, FittedLookalike)
    seeds, unknown = _seeds(served, query)
    is_seed = np.zeros(len(served.store), bool)
    is_seed[seeds] = True
    inside = allowed(served, query.within)
    candidates = np.flatnonzero(inside if query.include_seeds else inside & ~is_seed)
    if not len(candidates):
        raise InvalidRequestError("within: all of these customers are seeds; set include_seeds", field="within")
    size, notes = _size(query, len(candidates), most)
    everybody = everybody_of(served)
    points = everybody.take(seeds)
    others = np.flatnonzero(inside & ~is_seed)
    background = _background(everybody, fitted, others)
    found = ranked(fitted, points, background, everybody)
    # traits compare with all the store, whoever may be in the audience
    usual = background if query.within is None else _background(everybody, fitted, np.flatnonzero(~is_seed))
    picked = best(found.scores, candidates, size)
    return Audience(
        rows=picked,
        scores=found.scores[picked],
        candidates=len(candidates),
        known=len(seeds),
        unknown=unknown,
        quality=found.quality(seeds, others, curve_sizes(len(others), size)) if len(others) else [],
        traits=traits_of(points, usual, fitted.space, served.store.settings),
        notes=[*notes, *_unusual(fitted, len(others))],
    )


def reply(served: Served, query: AudienceQuery) -> dict[str, Any]:
    """Answer a request with the fields of ``LookalikeResponse``.

    Raises
    ------
    InvalidModelOutputError
        A figure is not finite.
    """
    audience = find_audience(served, query, most=MAX_RETURNED)
    ids, scores = served.store.ids_at(audience.rows), audience.scores.tolist()
    members = [
        {"customer_id": customer_id, "score": score, "rank": rank}
        for rank, (customer_id, score) in enumerate(zip(ids, scores, strict=True), start=1)
    ]
    return only_finite({**served.envelope, **audience.about, "audience": members})


def _seeds(served: Served, query: AudienceQuery) -> tuple[Rows, tuple[str, ...]]:
    """Return the known seeds' rows, rising, and the unknown seeds."""
    given = list(dict.fromkeys(query.seeds))
    rows = served.store.rows_of(given)
    unknown = tuple(seed for seed, row in zip(given, rows.tolist(), strict=True) if row == UNKNOWN)
    known = np.sort(rows[rows != UNKNOWN])
    if len(known) < MIN_SEEDS:
        raise InvalidRequestError(
            f"seeds: {len(known)} of {len(given):,} different seeds are known to the store, at least {MIN_SEEDS} are "
            "needed; check the ids or send more",
            field="seeds",
        )
    if len(known) == len(served.store):
        raise InvalidRequestError(
            f"seeds: they are all {len(known):,} customers of the store, nobody is left to compare with; send fewer",
            field="seeds",
        )
    return known, unknown


def _background(everybody: Points, fitted: FittedLookalike, others: Rows) -> Points:
    """Return what seeds are told apart from: some of those who will be ranked, as they are today."""
    return everybody.take(fitted.drawn_from(others)) if len(others) >= MIN_BACKGROUND else fitted.background


def _size(query: AudienceQuery, candidates: int, most: int | None) -> tuple[int, list[str]]:
    """Return the size of the audience, and what has to be said about it."""
    wanted = query.size if query.size is not None else max(1, round((query.share or 0) * candidates))
    size = min(wanted, candidates)
    if most is not None and size > most:
        raise InvalidRequestError(
            f"share: {query.share} of {candidates:,} candidates are {size:,} customers, more than the {most:,} ids of "
            f"one answer; {BY_FILE}",
            field="share",
        )
    told = f"{wanted:,} customers were asked for; these are all {candidates:,} who may be in the audience"
    return size, [told] if wanted > candidates else []


def _unusual(fitted: FittedLookalike, others: int) -> list[str]:
    """Return what has to be said about the answer whatever its size."""
    told = []
    if not fitted.space.tastes.size:
        told.append(
            "tastes are off: the data have no products that enough customers bought; only features are compared"
        )
    if not others:
        told.append("the quality is empty: all who may be in the audience are seeds, nobody is left to look for")
    return told
