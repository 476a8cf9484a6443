"""From a request to ranked products with reasons, for customers of the store and histories sent inline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import columns as col
from models.errors import InvalidRequestError
from models.histories import inline_history
from models.messages import MAX_UNKNOWN_LISTED, InlineCustomer, Row, Status
from models.next_best_product.asking import Asked, Mode
from models.next_best_product.assortment import Assortment
from models.next_best_product.messages import NextBestProductRequest, ProductReason
from models.next_best_product.profiles import Events, Ints, Profiles, events_of, profiles_of, unique_events
from models.next_best_product.reasons import PastPurchase, Rule, Why
from models.next_best_product.recommender import Level
from models.next_best_product.statistics import POPULAR_WINDOW, WINDOWS_DAYS
from models.orders import is_returned
from models.prediction import Served, nameless
from models.store import UNKNOWN

FEWER = {
    "any": "no more may be recommended",
    "new": "no more that this customer never bought may be recommended",
    "repeat": "this customer bought no more that may be recommended",
    "basket": "no more may be recommended",
}
"""Why there are fewer products than were asked for, by mode."""
_NO_REASON: dict[str, Any] = dict.fromkeys(ProductReason.model_fields)


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
    eligible : bool array, shape (n,)
        Whether the customer ordered.
    profiles : Profiles
        What they bought.
    """

    ids: list[str]
    as_of: NDArray[np.datetime64]
    known: NDArray[np.bool_]
    eligible: NDArray[np.bool_]
    profiles: Profiles


def people_asked(served: Served, assortment: Assortment, asked: Sequence[str | InlineCustomer]) -> People:
    """Return the customers of a request, from the store or from what they came with."""
    sent = {position: each for position, each in enumerate(asked) if isinstance(each, InlineCustomer)}
    rows = served.store.rows_of([each if isinstance(each, str) else "" for each in asked])
    rows[list(sent)] = UNKNOWN
    stored = _stored(served, assortment, rows)
    if not sent:
        return People([str(each) for each in asked], *stored[:-1], profiles_of(stored[-1]))
    as_of, known, eligible, events = stored
    bought = {position: _bought(served, position, each) for position, each in sent.items()}
    as_of[list(sent)] = [each.as_of for each in sent.values()]
    known[list(sent)] = True
    eligible[list(sent)] = [len(lines) > 0 for lines in bought.values()]
    ids = [each if isinstance(each, str) else each.customer_id for each in asked]
    return People(ids, as_of, known, eligible, profiles_of(_with_sent(events, assortment, bought, as_of)))


def people_stored(served: Served, assortment: Assortment, rows: Ints) -> People:
    """Return the store's customers at the given rows."""
    as_of, known, eligible, events = _stored(served, assortment, rows)
    return People(served.store.ids_at(rows), as_of, known, eligible, profiles_of(events))


def _stored(
    served: Served, assortment: Assortment, rows: Ints
) -> tuple[NDArray[np.datetime64], NDArray[np.bool_], NDArray[np.bool_], Events]:
    """Return as_of, whether the store knows them, whether they ordered, and what they bought; row -1 is nobody."""
    known = rows != UNKNOWN
    customers = nameless(served.store, np.maximum(rows, 0))
    events = events_of(served.store.histories_at(rows, customers.as_of), assortment.codes, len(assortment.vocabulary))
    return customers.as_of, known, known & served.prediction.eligible(customers), events


def _bought(served: Served, position: int, customer: InlineCustomer) -> list[Row]:
    """Return the order lines of a history sent inline, without returns."""
    lines = inline_history(position, customer, served.store.settings).order_lines
    return [dict(line) for line in lines if not is_returned(line)]


def _with_sent(
    events: Events, assortment: Assortment, bought: Mapping[int, list[Row]], as_of: NDArray[np.datetime64]
) -> Events:
    """Add the lines that came with a request to what the store knows of the others."""
    lines = [(row, line) for row, each in bought.items() for line in each if line[col.PRODUCT_ID] is not None]
    rows = np.array([row for row, _ in lines], np.int64)
    days = np.array([line[col.ORDERED_AT] for _, line in lines], "datetime64[D]")
    return unique_events(
        np.r_[events.row, rows],
        np.r_[events.item, assortment.items([line[col.PRODUCT_ID] for _, line in lines])],
        np.r_[events.age, (as_of[rows] - days).astype(np.int64)],
        events.customers,
        events.items,
    )


def basket_items(assortment: Assortment, basket: Sequence[str] | None) -> tuple[Ints, list[str]]:
    """Return the items of a basket, rising, and the product ids that are none.

    Raises
    ------
    InvalidRequestError
        None of the basket's products is known.
    """
    if basket is None:
        return np.empty(0, np.int64), []
    items = assortment.items(basket)
    unknown = list(dict.fromkeys(each for each, item in zip(basket, items.tolist(), strict=True) if item < 0))
    if (items < 0).all():
        raise InvalidRequestError(
            f"basket: none of the {len(basket)} products is known or recommended at this level, e.g. {basket[0]!r}; "
            "send ids of the product table, or ask for the mode 'any'",
            field="basket",
        )
    return np.unique(items[items >= 0]), unknown


@dataclass(frozen=True)
class Wanted:
    """What is asked for, whoever it is for.

    Parameters
    ----------
    level : Level
        Ranks.
    assortment : Assortment
        Names.
    mode : str
        See ``Asked``.
    k : int
        Products for each customer.
    allowed : bool array, shape (items,), optional
        What the filters leave.
    basket : int64 array
        Items in the basket to complete, rising.
    """

    level: Level
    assortment: Assortment
    mode: Mode
    k: int
    allowed: NDArray[np.bool_] | None
    basket: Ints


def wanted_by(level: Level, assortment: Assortment, request: NextBestProductRequest) -> tuple[Wanted, list[str]]:
    """Return what a request asks for, and the products of its basket and filters that are not known.

    Raises
    ------
    InvalidRequestError
        A filter names a category or a brand that no product has, or nothing of the basket is known.
    """
    basket, unknown = basket_items(assortment, request.basket)
    filters = request.filters
    unknown += assortment.unknown([*filters.exclude, *(filters.in_stock or ())])
    wanted = Wanted(level, assortment, request.mode, request.k, assortment.allowed(filters), basket)
    return wanted, list(dict.fromkeys(unknown))[:MAX_UNKNOWN_LISTED]


def answers(wanted: Wanted, people: People) -> list[dict[str, Any]]:
    """Return the fields of one ``NextBestProductAnswer`` for each customer, in order."""
    baskets = (wanted.basket,) * len(people.ids) if wanted.mode == "basket" else ()
    asked = Asked(people.profiles, wanted.mode, wanted.allowed, baskets)
    ranked = wanted.level.rank(asked, wanted.k)
    return [
        _answer(wanted, people, row, [_recommended(wanted, *each) for each in zip(items, scores, why, strict=True)])
        for row, (items, scores, why) in enumerate(zip(ranked.items, ranked.scores, ranked.why, strict=True))
    ]


def _answer(wanted: Wanted, people: People, row: int, products: list[dict[str, Any]]) -> dict[str, Any]:
    status, said = _status(people, row)
    if len(products) < wanted.k:
        fewer = f"{len(products)} of {wanted.k} products: {FEWER[wanted.mode]}"
        said = f"{said}; {fewer}" if said else fewer
    return {
        "customer_id": people.ids[row],
        "status": status,
        "explanation": said,
        "as_of": people.as_of[row].astype(object),
        "products": products,
    }


def _status(people: People, row: int) -> tuple[Status, str | None]:
    if not people.known[row]:
        return "unknown_customer", "the store has no customer of this id: nothing here is from a history"
    if not people.eligible[row]:
        return "not_eligible", "this customer has not ordered yet: nothing here is from a history"
    if not people.profiles.known[row]:
        return "ok", "this customer ordered nothing that is recommended here: nothing here is from a history"
    return "ok", None


def _recommended(wanted: Wanted, item: np.int64, score: np.float64, why: Why) -> dict[str, Any]:
    return {
        **wanted.assortment.name_of(int(item)),
        "score": None if np.isnan(score) else float(score),
        "reason": _NO_REASON | _reason(wanted, int(item), why),
        "fallback": why is None,
    }


def _reason(wanted: Wanted, item: int, why: Why) -> dict[str, Any]:
    if isinstance(why, PastPurchase):
        text = f"bought on {_days(why.orders)}, last {_days(why.last_days)} ago"
        return {"kind": "past_purchase", "text": text, "count": why.orders, "last_days": why.last_days}
    if isinstance(why, Rule):
        antecedent = wanted.level.vocabulary.names[why.antecedent]
        name = wanted.assortment.name_of(why.antecedent)["name"] or antecedent
        text = (
            f"{why.confidence:.0%} of the orders with {name} hold it too, {why.lift:.1f} times as many as of all orders"
        )
        return {
            "kind": "rule",
            "text": text,
            "item": antecedent,
            "support": why.support,
            "confidence": why.confidence,
            "lift": why.lift,
            "lift_low": why.lift_low,
            "lift_high": why.lift_high,
        }
    share, days = wanted.level.statistics.popularity[item], WINDOWS_DAYS[POPULAR_WINDOW]
    text = f"{share:.1%} of those who ever ordered bought it in the last {days} days"
    return {"kind": "popularity", "text": text}


def _days(count: int) -> str:
    return f"{count} {'day' if count == 1 else 'days'}"
