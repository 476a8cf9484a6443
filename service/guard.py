"""The outermost ASGI layer: names each call, lets in who may, and gives every error the one shape, whoever made it."""

import secrets
from collections.abc import Callable, Collection, Mapping
from contextvars import ContextVar

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import ForesellError
from service.access import Access
from service.drain import Drain
from service.errors import (
    ERROR_PREFIX,
    INTERNAL,
    MethodNotAllowedError,
    UnauthorizedError,
    UnknownRouteError,
    error_body,
    error_response,
)

UNKNOWN_PATH = "/unknown"
"""What an unknown path is called inside: metric labels carry the path, and callers can invent any number of them."""
REQUEST_ID = "x-request-id"
ID_KEY = "foresell.request_id"
"""Where the call's name is in the ASGI scope."""
REQUEST_NAME: ContextVar[str] = ContextVar("foresell_request_name", default="")
"""The name of the call at work, for what is too deep inside to see the scope."""

Refused = Callable[[str, str], None]
"""Is told the path and the code of each error that goes out."""
_MAX_ID = 128
_KEPT_HEADERS = ("allow", "retry-after", "connection", "www-authenticate")
_MEANINGS = {
    400: ("bad_request", "the request cannot be read; see /docs.json"),
    429: ("overloaded", "too many calls at once; try again later"),
    503: ("not_ready", "the service is not ready; try again later"),
    504: ("deadline_exceeded", "the answer took too long; ask for fewer customers at once"),
}


class Guard:
    """The outermost layer.

    Parameters
    ----------
    app : ASGI app
        BentoML's application.
    routes : mapping of str to collection of str
        Every path with its methods.
    access : Access
        Who may call.
    drain : Drain
        Whether the end is near: connections are then not kept, so that none is cut between two calls.
    refused : callable, optional
        Is told of each error that goes out.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Mapping[str, Collection[str]],
        access: Access,
        drain: Drain,
        refused: Refused = lambda *_: None,
    ) -> None:
        self.app = app
        self.routes = routes
        self.access = access
        self.drain = drain
        self.refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        path = scope["path"] if scope["path"] in self.routes else UNKNOWN_PATH
        REQUEST_NAME.set(request_id)
        if self.drain.begun:
            send = _closing(send)
        refusal = self.access.refusal(scope)
        if refusal:
            self.refused(path, refusal.code)
            response = error_response(refusal)
            response.headers[REQUEST_ID] = request_id
            if refusal.status == UnauthorizedError.status:
                response.headers["www-authenticate"] = "Bearer"
            await response(scope, receive, send)
            return
        answer = _Answer(send, request_id, self._refusal(scope), lambda code: self.refused(path, code))
        await self.app({**scope, "path": path, ID_KEY: request_id}, receive, answer.send)

    def _refusal(self, scope: Scope) -> ForesellError:
        path, method = scope["path"], scope["method"]
        methods = self.routes.get(path)
        if methods is None:
            return UnknownRouteError(f"nothing is at {path[:100]!r}; the routes are {', '.join(self.routes)}")
        return MethodNotAllowedError(f"{path} does not take {method[:20]}; it takes {', '.join(methods)}")


def _closing(send: Send) -> Send:
    """Return what sends an answer that is the last one of its connection."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(raw=message.setdefault("headers", []))["connection"] = "close"
        await send(message)

    return sent


class _Answer:
    """Passes an answer on; replaces an error that is not in our shape."""

    def __init__(self, send: Send, request_id: str, refusal: ForesellError, refused: Callable[[str], None]) -> None:
        self.request_id = request_id
        self._send = send
        self._refusal = refusal
        self._refused = refused
        self._held: Message | None = None
        self._replaced = False

    async def send(self, message: Message) -> None:
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            MutableHeaders(raw=message.setdefault("headers", []))[REQUEST_ID] = self.request_id
            if message["status"] >= 400:
                self._held = message
                return
        elif self._held is not None:
            start, self._held = self._held, None
            body: bytes = message.get("body", b"")
            if not body.startswith(ERROR_PREFIX):
                await self._replace(start["status"], Headers(raw=start["headers"]))
                return
            # what is ours begins with the code, and the code is one of a few
            self._refused(body[len(ERROR_PREFIX) + 1 : body.index(b'"', len(ERROR_PREFIX) + 1)].decode())
            await self._send(start)
        await self._send(message)

    async def _replace(self, status: int, headers: Headers) -> None:
        self._replaced = True
        kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers} | {REQUEST_ID: self.request_id}
        if status in (404, 405):
            code, meaning = self._refusal.code, self._refusal.message
        else:
            code, meaning = _MEANINGS.get(status, INTERNAL)
        self._refused(code)
        content = error_body(code, meaning)
        response = Response(content, status, kept, media_type="application/json")
        await self._send({"type": "http.response.start", "status": status, "headers": response.raw_headers})
        await self._send({"type": "http.response.body", "body": content})


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            taken: str = value.decode("latin-1")
            if 0 < len(taken) <= _MAX_ID and taken.isascii() and taken.isprintable():
                return taken
    return secrets.token_hex(16)
