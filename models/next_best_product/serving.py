"""From a request to ranked products with reasons, for customers of the store and histories sent inline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import columns as col
from models.errors import InvalidRequestError
from models.histories import inline_history
from models.messages import InlineCustomer, Status
from models.next_best_product.asking import Asked, Mode
from models.next_best_product.messages import (
    NextBestProductAnswer,
    NextBestProductRequest,
    ProductReason,
    Recommendation,
)
from models.next_best_product.profiles import Events, Ints, Profiles, events_of, profiles_of, unique_events
from models.next_best_product.reasons import Explainer
from models.next_best_product.recommender import Level
from models.next_best_product.shelf import Shelf
from models.prediction import Served
from models.store import UNKNOWN

NOTHING_LEFT = "the filters leave nothing to recommend"
NO_MORE_BOUGHT = "this customer bought nothing that may be recommended"
WHY: Mapping[Status, str | None] = {
    "ok": None,
    "not_eligible": "this customer bought no product that is recommended here: popular ones are shown",
    "unknown_customer": "the store has no customer of this id: popular products are shown",
}


@dataclass(frozen=True)
class People:
    """The customers of a request.

    Parameters
    ----------
    ids : list of str, length n
        As asked.
    as_of : datetime64[D] array, shape (n,)
        What each answer knows up to.
    known : bool array, shape (n,)
        Whether the store has the customer, or the request brought the history.
    profiles : Profiles
        What they bought.
    """

    ids: list[str]
    as_of: NDArray[np.datetime64]
    known: NDArray[np.bool_]
    profiles: Profiles


def people_asked(served: Served, shelf: Shelf, asked: Sequence[str | InlineCustomer]) -> People:
    """Return the customers of a request, from the store or from what they came with."""
    sent = {position: each for position, each in enumerate(asked) if isinstance(each, InlineCustomer)}
    rows = served.store.rows_of([each if isinstance(each, str) else "" for each in asked])
    rows[list(sent)] = UNKNOWN
    as_of = np.full(len(asked), np.datetime64(served.store.as_of, "D"))
    as_of[list(sent)] = [each.as_of for each in sent.values()]
    known = rows != UNKNOWN
    known[list(sent)] = True
    ids = [each if isinstance(each, str) else each.customer_id for each in asked]
    events = events_of(served.store.histories_at(rows, as_of), shelf.codes, len(shelf.vocabulary))
    if sent:
        events = _with_sent(events, served, shelf, sent)
    return People(ids, as_of, known, profiles_of(events))


def people_stored(served: Served, shelf: Shelf, rows: Ints) -> People:
    """Return the store's customers at the given rows."""
    as_of = np.full(len(rows), np.datetime64(served.store.as_of, "D"))
    events = events_of(served.store.histories_at(rows, as_of), shelf.codes, len(shelf.vocabulary))
    return People(served.store.ids_at(rows), as_of, np.ones(len(rows), bool), profiles_of(events))


def _with_sent(events: Events, served: Served, shelf: Shelf, sent: Mapping[int, InlineCustomer]) -> Events:
    ids: list[str] = []
    rows, ages = [events.row], [events.age]
    for position, customer in sent.items():
        lines = inline_history(position, customer, served.store.settings).order_lines
        bought = [line for line in lines if line[col.PRODUCT_ID] is not None and not _returned(line)]
        ids.extend(str(line[col.PRODUCT_ID]) for line in bought)
        rows.append(np.full(len(bought), position))
        ages.append(np.array([(customer.as_of - _day(line[col.ORDERED_AT])).days for line in bought], np.int64))
    items = np.r_[events.item, shelf.items(ids)]
    return unique_events(np.concatenate(rows), items, np.concatenate(ages), events.customers, events.items)


def _returned(line: Mapping[str, Any]) -> bool:
    return line[col.QUANTITY] < 0 or (line[col.AMOUNT] is not None and line[col.AMOUNT] < 0)


def _day(instant: Any) -> date:
    day: date = instant.date() if hasattr(instant, "date") else instant
    return day


def basket_items(shelf: Shelf, basket: Sequence[str] | None) -> tuple[Ints, list[str]]:
    """Return the items of a basket, rising, and the product ids that are none.

    Raises
    ------
    InvalidRequestError
        None of the basket's products is known.
    """
    if basket is None:
        return np.empty(0, np.int64), []
    items = shelf.items(basket)
    unknown = [each for each, item in zip(basket, items.tolist(), strict=True) if item < 0]
    if len(unknown) == len(basket):
        raise InvalidRequestError(
            f"basket: none of the {len(basket)} products is known or recommended at this level, e.g. {basket[0]!r}; "
            "send ids of the product table, or ask for the mode 'any'",
            field="basket",
        )
    return np.unique(items[items >= 0]), unknown


@dataclass(frozen=True)
class Counter:
    """Answers for customers at one level.

    Parameters
    ----------
    level : Level
        Ranks.
    shelf : Shelf
        Names.
    mode : str
        See ``Asked``.
    k : int
        Products for each customer.
    allowed : bool array, shape (items,), optional
        What the filters leave.
    basket : int64 array
        Items in the basket to complete.
    """

    level: Level
    shelf: Shelf
    mode: Mode
    k: int
    allowed: NDArray[np.bool_] | None
    basket: Ints

    def answers(self, people: People) -> list[NextBestProductAnswer]:
        """Return one answer for each customer, in order."""
        baskets = (self.basket,) * len(people.ids) if self.mode == "basket" else ()
        asked = Asked(people.profiles, self.mode, self.allowed, baskets)
        ranked = self.level.rank(asked, self.k)
        usable = asked.usable
        return [
            self._answer(people, asked, row, bool(usable[row]), *each)
            for row, each in enumerate(zip(ranked.items, ranked.scores, ranked.filled, strict=True))
        ]

    def _answer(
        self, people: People, asked: Asked, row: int, usable: bool, items: Ints, scores: Any, filled: Any
    ) -> NextBestProductAnswer:
        explain = Explainer(self.level, self.shelf, asked, row)
        products = [
            self._product(item, score, explain.reason(item, filled=fill), fill)
            for item, score, fill in zip(items.tolist(), scores.tolist(), filled.tolist(), strict=True)
        ]
        status: Status = "unknown_customer" if not people.known[row] else "ok" if usable else "not_eligible"
        why = WHY[status]
        if not products:
            why = NOTHING_LEFT if self.mode != "repeat" else NO_MORE_BOUGHT
        # every value is ours and already of its type: validating it again would cost more than ranking
        return NextBestProductAnswer.model_construct(
            customer_id=people.ids[row],
            status=status,
            explanation=why,
            as_of=people.as_of[row].astype(object),
            products=products,
        )

    def _product(self, item: int, score: float, reason: ProductReason, filled: bool) -> Recommendation:
        named = self.shelf.name_of(item)
        return Recommendation.model_construct(None, **named, score=score, reason=reason, fallback=filled)


def counter_for(level: Level, shelf: Shelf, request: NextBestProductRequest) -> tuple[Counter, list[str]]:
    """Return what answers a request, and the products of its basket that are not known."""
    basket, unknown = basket_items(shelf, request.basket)
    return Counter(level, shelf, request.mode, request.k, shelf.allowed(request.filters), basket), unknown
