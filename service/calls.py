"""The innermost ASGI layer of ours: takes a call straight to its endpoint.

What BentoML does around an endpoint in each call, which is to find its route, bind its signature and keep a context,
costs more than the answer. Its routes stay behind this for what is no call, and the endpoints stay declared with their
types: BentoML's document and its clients are made of those.
"""

from collections.abc import Iterable

from starlette.datastructures import State
from starlette.types import ASGIApp, Receive, Scope, Send

from models.prediction import Prediction
from service.endpoints import answer_body, route_of


class Calls:
    """Answers the endpoints' calls.

    Parameters
    ----------
    app : ASGI app
        What is inside: everything else.
    predictions : iterable of Prediction
        Whose endpoints.
    state : State
        ``host`` is the service instance, once it has started.
    """

    def __init__(self, app: ASGIApp, predictions: Iterable[Prediction], state: State) -> None:
        self.app = app
        self.state = state
        self._asked = {route_of(each): each for each in predictions}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, whose body is there whole."""
        prediction = self._asked.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if prediction is None:
            await self.app(scope, receive, send)
            return
        body = (await receive())["body"]
        response = await answer_body(self.state.host, prediction, body)
        await response(scope, receive, send)
