"""One endpoint for each prediction, built from its request and answer types."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Protocol, cast

import anyio
import bentoml
from pydantic import BaseModel, create_model
from starlette.responses import Response

from models.errors import ForesellError
from models.messages import AboutCustomers, CustomersRequest
from models.prediction import Prediction, Served
from service.codec import decode, encode
from service.current import Current
from service.errors import error_response
from service.metrics import AnswerMetrics
from service.pool import Deadline, Pool, Room
from service.prediction_log import PredictionLog

SMALL_BODY_BYTES = 32 * 1024
"""Above this a body is parsed off the event loop."""
SMALL_CUSTOMERS = 64
"""Up to this many customers by id are answered on the event loop: a thread would cost more than it frees."""
CHUNK, PRODUCTS_CHUNK, REASONS_CHUNK = 1_000, 500, 50
"""Customers who are answered between two looks at the deadline, about a second at most. Not fewer: what is computed of
histories costs the same for one as for fifty."""
_PARSERS = anyio.CapacityLimiter(2)
"""Large bodies that are parsed at once."""
_POSITION = re.compile(r"\bcustomers\.(\d+)")


class Host(Protocol):
    """The service instance that an endpoint is bound to."""

    current: Current
    pool: Pool
    queries: Pool
    room: Room
    deadline_seconds: float
    answers: AnswerMetrics
    log: PredictionLog | None


def route_of(prediction: Prediction) -> str:
    """Return the path of a prediction's endpoint."""
    return f"/v1/{prediction.name}"


def endpoints(predictions: Iterable[Prediction]) -> dict[str, Any]:
    """Return the service's methods by name, one for each prediction."""
    return {prediction.name.replace("-", "_"): _endpoint(prediction) for prediction in predictions}


def _endpoint(prediction: Prediction) -> Any:
    name = prediction.name

    async def call(self: Host, body: Any, /) -> Any:
        # declared for BentoML's document and clients: calls come by ``answer_body``, which is cheaper
        return await _answer(self, name, body, Deadline.after(self.deadline_seconds))

    call.__name__ = name.replace("-", "_")
    call.__doc__ = prediction.question
    # BentoML reads the types from the signature
    call.__annotations__ = {"body": prediction.request, "return": prediction.response}
    return bentoml.api(call, route=route_of(prediction), input_spec=_input_spec(prediction.request))


def _input_spec(request: type[BaseModel]) -> Any:
    """Return the request type as BentoML wants it: the whole body."""
    spec = cast("Any", create_model(f"{request.__name__}Body", __base__=(bentoml.IODescriptor, request)))
    spec.__root_input__ = True
    return spec


async def answer_body(host: Host, prediction: Prediction, body: bytes) -> Response:
    """Answer a call of a prediction's endpoint."""
    deadline = Deadline.after(host.deadline_seconds)
    try:
        if len(body) <= SMALL_BODY_BYTES:
            return await _answer(host, prediction.name, decode(body, prediction.request), deadline)
        with host.room.taken(len(body)):
            request = await _parsed(body, prediction.request)
            return await _answer(host, prediction.name, request, deadline)
    except ForesellError as error:
        return error_response(error)


async def _parsed(body: bytes, request: type[BaseModel]) -> BaseModel:
    return await anyio.to_thread.run_sync(decode, body, request, limiter=_PARSERS)


async def _answer(host: Host, name: str, body: BaseModel, deadline: Deadline) -> Response:
    # what answers is taken once: the whole answer is of one release
    work = partial(_work, host.current.served(name), body, deadline, host.answers)
    pool = host.pool if isinstance(body, AboutCustomers) else host.queries
    content = work() if _is_small(body) else await pool.run(work, deadline)
    if host.log:
        host.log.take(name, body, content, deadline.spent)
    return Response(content, media_type="application/json")


def _work(served: Served, request: BaseModel, deadline: Deadline, answers: AnswerMetrics) -> bytes:
    reply = _replied(served, request, deadline)
    content = encode(reply)
    answers.observe(served.prediction, reply)
    return content


def _replied(served: Served, request: BaseModel, deadline: Deadline) -> dict[str, Any]:
    """Answer some customers after the others, each as if asked alone, for as long as the deadline allows."""
    if not isinstance(request, AboutCustomers) or len(request.customers) <= _part_size(request):
        deadline.check()
        return served.prediction.reply(served, request)
    answers: list[Any] = []
    for start, part in _parts(request, _part_size(request)):
        deadline.check()
        try:
            reply = served.prediction.reply(served, part)
        except ForesellError as error:
            raise _moved(error, start) from None
        answers.extend(reply["answers"])
    return {**reply, "answers": answers}


def _part_size(request: AboutCustomers) -> int:
    if not isinstance(request, CustomersRequest):
        return PRODUCTS_CHUNK
    return REASONS_CHUNK if request.reasons else CHUNK


def _parts(request: AboutCustomers, size: int) -> Iterator[tuple[int, AboutCustomers]]:
    """Yield where each part of a request begins, and the part."""
    for start in range(0, len(request.customers), size):
        yield start, request.model_copy(update={"customers": request.customers[start : start + size]})


def _moved(error: ForesellError, by: int) -> ForesellError:
    """Return an error of a part of a request with the positions of the whole."""

    def whole(text: str) -> str:
        return _POSITION.sub(lambda found: f"customers.{int(found[1]) + by}", text)

    return type(error)(whole(error.message), field=error.field and whole(error.field))


def _is_small(request: BaseModel) -> bool:
    return isinstance(request, AboutCustomers) and len(request.customers) <= SMALL_CUSTOMERS and _is_cheap(request)


def _is_cheap(request: AboutCustomers) -> bool:
    return (
        isinstance(request, CustomersRequest)
        and not request.reasons
        and all(isinstance(customer, str) for customer in request.customers)
    )
