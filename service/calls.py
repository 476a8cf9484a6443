"""The innermost ASGI layer of ours: takes a call straight to its endpoint.

What BentoML does around an endpoint in each call, which is to find its route, bind its signature and keep a context,
costs more than the answer. Its routes stay behind this for what is no call, and the endpoints stay declared with their
types: BentoML's document and its clients are made of those.
"""

from collections.abc import Iterable

from starlette.datastructures import State
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.prediction import Prediction
from service.endpoints import Host, answer_body, route_of


class Calls:
    """Answers the endpoints' calls.

    Parameters
    ----------
    app : ASGI app
        What is inside: everything else.
    predictions : iterable of Prediction
        Whose endpoints.
    state : State
        ``host`` is the service instance that was made last.
    """

    def __init__(self, app: ASGIApp, predictions: Iterable[Prediction], state: State) -> None:
        self.app = app
        self.state = state
        self._asked = {route_of(each): each for each in predictions}
        self._host: Host | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, whose body is there whole."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, self._watched(send))
            return
        prediction = self._asked.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if prediction is None or self._host is None:
            await self.app(scope, receive, send)
            return
        body = (await receive())["body"]
        response = await answer_body(self._host, prediction, body)
        await response(scope, receive, send)

    def _watched(self, send: Send) -> Send:
        """Return what takes note of this application's own instance, once it has started."""

        async def sent(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                self._host = self.state.host
            await send(message)

        return sent
