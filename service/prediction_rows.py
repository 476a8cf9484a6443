"""The rows of the prediction log: one for each customer of an answer, made from what went out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
from pydantic import BaseModel

from models.messages import AboutCustomers, InlineCustomer

SCHEMA = pa.schema(
    {
        "answered_at": pa.timestamp("us", "UTC"),
        "request_id": pa.string(),
        "prediction": pa.string(),
        "release": pa.string(),
        "model_version": pa.string(),
        "run_id": pa.string(),
        "asked": pa.dictionary(pa.int32(), pa.string()),
        "position": pa.int32(),
        "customer_id": pa.string(),
        "history_sent": pa.bool_(),
        "status": pa.string(),
        "as_of": pa.date32(),
        "score": pa.float64(),
        "answer": pa.string(),
        "seconds": pa.float64(),
    }
)
REST_ROWS = 250
"""About a millisecond of work."""
CALL_ROWS = 5
"""What a call costs beside its rows, in rows."""
LISTED = 20
"""A list of more values than these is logged as their number alone."""
_PEOPLE = frozenset({"customers", "seeds"})
_MAY_BE_PEOPLE = frozenset({"within"})
"""Ids or filters; ids are logged as their number: whoever is to be forgotten is looked for in one column."""
_NOTHING = "{}"


class Call(NamedTuple):
    """A call that was answered.

    Parameters
    ----------
    at : float
        When, seconds since 1970.
    request_id : str
        Its name.
    prediction : str
        What was asked for.
    asked : str
        The options that were given, see ``options``.
    sent : tuple of int
        Positions of the customers whose history came with the call.
    content : bytes
        The answer's body.
    seconds : float
        From the parsed body to the answer.
    """

    at: float
    request_id: str
    prediction: str
    asked: str
    sent: tuple[int, ...]
    content: bytes
    seconds: float


def options(request: BaseModel) -> str:
    """Return what a request asked for beside the people it is about, as JSON; long lists as their number alone."""
    given = request.model_fields_set - _PEOPLE
    if not given:
        return _NOTHING
    told = {name: _told(getattr(request, name), LISTED * (name not in _MAY_BE_PEOPLE)) for name in sorted(given)}
    # whatever a prediction lets be asked: no option may cost an answer
    return orjson.dumps(told, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def histories_sent(request: BaseModel) -> tuple[int, ...]:
    """Return the positions of the customers whose history came with a request."""
    # the types alone first: most calls are about ids, and this one runs on the event loop
    if not isinstance(request, AboutCustomers) or {*map(type, request.customers)} == {str}:
        return ()
    return tuple(row for row, customer in enumerate(request.customers) if isinstance(customer, InlineCustomer))


def table_of(calls: Iterable[Call], rest: Callable[[], object] = lambda: None) -> pa.Table:
    """Return the rows of some calls, in order, by ``SCHEMA``.

    An audience has a row a member. ``score`` is the answer's probability, the first of its probabilities, its score or
    its first product's; null where there is none.

    Parameters
    ----------
    calls : iterable of Call
        What was answered.
    rest : callable, optional
        Is called every ``REST_ROWS`` rows, so that another thread has its turn.
    """
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    asked: dict[str, int] = {}
    work = 0
    for call in calls:
        said = orjson.loads(call.content)
        answers: list[dict[str, Any]] = said["answers"] if "answers" in said else said.get("audience", [])
        shared = {
            "answered_at": round(call.at * 1e6),
            "request_id": call.request_id,
            "prediction": call.prediction,
            "release": said["release"],
            "model_version": said["model"]["version"],
            "run_id": said["model"]["run_id"],
            "asked": asked.setdefault(call.asked, len(asked)),
            "seconds": call.seconds,
        }
        for start in range(0, len(answers), REST_ROWS):
            _add(columns, answers[start : start + REST_ROWS], start, frozenset(call.sent), shared, said["as_of"])
            work += min(REST_ROWS, len(answers) - start)
            if work >= REST_ROWS:
                work = 0
                rest()
        work += CALL_ROWS
    texts = pa.array(list(asked), pa.string())
    columns["asked"] = pa.DictionaryArray.from_arrays(pa.array(columns["asked"], pa.int32()), texts)
    return pa.table(columns, schema=SCHEMA)


def _add(
    columns: dict[str, list[Any]],
    answers: Sequence[Mapping[str, Any]],
    start: int,
    sent: frozenset[int],
    shared: Mapping[str, Any],
    as_of: str,
) -> None:
    for name, value in shared.items():
        columns[name].extend([value] * len(answers))
    rows = range(start, start + len(answers))
    columns["position"].extend(rows)
    columns["customer_id"].extend(each.get("customer_id") for each in answers)
    columns["history_sent"].extend(row in sent for row in rows)
    columns["status"].extend(each.get("status", "ok") for each in answers)
    columns["as_of"].extend(date.fromisoformat(each.get("as_of", as_of)) for each in answers)
    columns["score"].extend(map(_score, answers))
    columns["answer"].extend(orjson.dumps(each).decode() for each in answers)


def _score(answer: Mapping[str, Any]) -> float | None:
    if "probability" in answer:
        found = answer["probability"]
    elif "probabilities" in answer:
        found = next(iter((answer["probabilities"] or {}).values()), None)
    elif answer.get("products"):
        found = answer["products"][0]["score"]
    else:
        found = answer.get("score")
    return found if found is None else float(found)


def _told(value: Any, listed: int = LISTED) -> Any:
    if isinstance(value, BaseModel):
        return {name: _told(getattr(value, name)) for name in sorted(value.model_fields_set)}
    if isinstance(value, list) and len(value) > listed:
        return {"count": len(value)}
    return value
