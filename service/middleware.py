"""Three ASGI layers: ``Guard`` around everything; ``Failures`` and ``Bodies`` inside BentoML's own.

``Guard`` names each call and gives every error the one shape, whoever made it. The inner two sit inside BentoML's
metrics, so that what they refuse is counted, and inside its timeout, which would keep a caller waiting a minute for an
answer that an exception has made impossible.
"""

import logging
import secrets
from collections.abc import Collection, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import ForesellError
from service.errors import (
    ERROR_PREFIX,
    BodyTooLargeError,
    MediaTypeError,
    MethodNotAllowedError,
    UnknownRouteError,
    error_body,
    error_response,
)

MAX_BODY_BYTES = 8 * 1024 * 1024
UNKNOWN_PATH = "/unknown"
"""What an unknown path is called inside: metric labels carry the path, and callers can invent any number of them."""
REQUEST_ID = "x-request-id"
_MAX_ID = 128
_ID_KEY = "foresell.request_id"
_KEPT_HEADERS = ("allow", "retry-after", "connection", "www-authenticate")
_MEANINGS = {
    400: ("bad_request", "the request cannot be read; see /docs.json"),
    429: ("overloaded", "too many calls at once; try again later"),
    503: ("not_ready", "the service is not ready; try again later"),
    504: ("deadline_exceeded", "the answer took too long; ask for fewer customers at once"),
}
_INTERNAL = ("internal", "something failed in the service; its log has the reason under this call's X-Request-Id")

logger = logging.getLogger("foresell")


class Guard:
    """The outermost layer.

    Parameters
    ----------
    app : ASGI app
        BentoML's application.
    routes : mapping of str to collection of str
        Every path with its methods.
    """

    def __init__(self, app: ASGIApp, routes: Mapping[str, Collection[str]]) -> None:
        self.app = app
        self.routes = routes

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
        answer = _Answer(send, request_id, self._refusal(scope))
        await self.app({**scope, "path": path, _ID_KEY: request_id}, receive, answer.send)

    def _refusal(self, scope: Scope) -> ForesellError:
        path, method = scope["path"], scope["method"]
        methods = self.routes.get(path)
        if methods is None:
            return UnknownRouteError(f"nothing is at {path[:100]!r}; the routes are {', '.join(self.routes)}")
        return MethodNotAllowedError(f"{path} does not take {method[:20]}; it takes {', '.join(methods)}")


class _Answer:
    """Passes an answer on; replaces an error that is not in our shape."""

    def __init__(self, send: Send, request_id: str, refusal: ForesellError) -> None:
        self.request_id = request_id
        self._send = send
        self._refusal = refusal
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
            if not message.get("body", b"").startswith(ERROR_PREFIX):
                await self._replace(start["status"], Headers(raw=start["headers"]))
                return
            await self._send(start)
        await self._send(message)

    async def _replace(self, status: int, headers: Headers) -> None:
        self._replaced = True
        kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers} | {REQUEST_ID: self.request_id}
        if status in (404, 405):
            content = error_body(self._refusal.code, self._refusal.message)
        else:
            content = error_body(*_MEANINGS.get(status, _INTERNAL))
        response = Response(content, status, kept, media_type="application/json")
        await self._send({"type": "http.response.start", "status": status, "headers": response.raw_headers})
        await self._send({"type": "http.response.body", "body": content})


class Failures:
    """Answers 500 where something inside failed, and logs it.

    Parameters
    ----------
    app : ASGI app
        What is inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            # whatever it is, nothing of it goes out
            logger.exception("call %s failed", scope.get(_ID_KEY))
            if started or scope["type"] != "http":
                raise
            await Response(error_body(*_INTERNAL), 500, media_type="application/json")(scope, receive, send)


class Bodies:
    """Takes a call's body in: labelled as JSON, at most 8 MiB, whole.

    Parameters
    ----------
    app : ASGI app
        What is inside.
    paths : collection of str
        The endpoints that take a body.
    """

    def __init__(self, app: ASGIApp, paths: Collection[str]) -> None:
        self.app = app
        self.paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in self.paths:
            await self.app(scope, receive, send)
            return
        try:
            _check_headers(Headers(scope=scope))
            body = await _whole(receive)
        except ForesellError as error:
            # what is left of the body is not worth reading
            await error_response(error, {"connection": "close"})(scope, receive, send)
            return
        if body is not None:
            await self.app(scope, _replay(body, receive), send)


def _check_headers(headers: Headers) -> None:
    media_type = headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != "application/json":
        raise MediaTypeError(f"Content-Type is {media_type[:100] or 'missing'!r}; send application/json")
    encoding = headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise MediaTypeError(f"Content-Encoding is {encoding[:100]!r}; send the body as it is")
    length = headers.get("content-length", "0")
    if len(length) > 12 or (length.isdecimal() and int(length) > MAX_BODY_BYTES):
        raise _too_large()


async def _whole(receive: Receive) -> bytes | None:
    """Read the body; None when the caller went away."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _too_large() -> BodyTooLargeError:
    return BodyTooLargeError(f"the body is larger than {MAX_BODY_BYTES // 2**20} MiB; send fewer customers a call")


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            taken: str = value.decode("latin-1")
            if 0 < len(taken) <= _MAX_ID and taken.isascii() and taken.isprintable():
                return taken
    return secrets.token_hex(16)
