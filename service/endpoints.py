"""One endpoint for each prediction, built from its request and answer types."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol, cast

import anyio
import bentoml
from pydantic import BaseModel, ValidationError, create_model
from starlette.requests import Request
from starlette.responses import Response

from models.errors import ForesellError, InvalidModelOutputError
from models.messages import CustomersRequest
from models.prediction import Prediction, Served
from service.codec import decode, encode
from service.current import Current
from service.errors import error_response

SMALL_BODY_BYTES = 32 * 1024
"""Above this a body is parsed off the event loop."""
SMALL_CUSTOMERS = 64
"""Up to this many customers by id are answered on the event loop: a thread would cost more than it frees."""


class Host(Protocol):
    """The service instance that an endpoint is bound to."""

    current: Current
    threads: anyio.CapacityLimiter


def route_of(prediction: Prediction) -> str:
    """Return the path of a prediction's endpoint."""
    return f"/v1/{prediction.name}"


def endpoints(predictions: Iterable[Prediction]) -> dict[str, Any]:
    """Return the service's methods by name, one for each prediction."""
    return {prediction.name.replace("-", "_"): _endpoint(prediction) for prediction in predictions}


def _endpoint(prediction: Prediction) -> Any:
    name = prediction.name

    async def call(self: Host, body: Any, /) -> Any:
        return await _answer(self, name, body)

    call.__name__ = name.replace("-", "_")
    call.__doc__ = prediction.question
    # BentoML reads the types from the signature
    call.__annotations__ = {"body": prediction.request, "return": prediction.response}
    return bentoml.api(call, route=route_of(prediction), input_spec=_input_spec(prediction.request))


def _input_spec(request: type[BaseModel]) -> Any:
    """Return the request type as BentoML wants it, reading bodies our way."""

    async def from_http_request(http: Request, serde: Any) -> "BaseModel | ForesellError":  # noqa: ARG001
        body = await http.body()
        try:
            if len(body) <= SMALL_BODY_BYTES:
                return decode(body, request)
            return await anyio.to_thread.run_sync(decode, body, request)
        except ForesellError as error:
            # raised here, BentoML would log the body and answer in a shape of its own
            return error

    spec = cast("Any", create_model(f"{request.__name__}Body", __base__=(bentoml.IODescriptor, request)))
    spec.from_http_request = staticmethod(from_http_request)
    spec.__root_input__ = True
    return spec


async def _answer(host: Host, name: str, body: "BaseModel | ForesellError") -> Response:
    try:
        if isinstance(body, ForesellError):
            raise body
        work: Callable[[], bytes] = partial(_work, host.current.served(name), body)
        content = work() if _is_small(body) else await anyio.to_thread.run_sync(work, limiter=host.threads)
    except ForesellError as error:
        return error_response(error)
    return Response(content, media_type="application/json")


def _work(served: Served, request: BaseModel) -> bytes:
    try:
        return encode(served.prediction.answer(served, request))
    except ValidationError as error:
        # an answer of ours that breaks its own type is never the caller's fault
        raise InvalidModelOutputError(
            f"{served.prediction.name}: {error.error_count()} figures of the answer are not allowed; roll back"
        ) from None


def _is_small(request: BaseModel) -> bool:
    return (
        isinstance(request, CustomersRequest)
        and len(request.customers) <= SMALL_CUSTOMERS
        and not request.reasons
        and all(isinstance(customer, str) for customer in request.customers)
    )
