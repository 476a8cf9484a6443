"""The two ASGI layers inside BentoML's own: what fails is answered, and bodies are taken in.

They sit inside BentoML's metrics, so that what they refuse is counted, and inside its timeout, which would keep a
caller waiting a minute for an answer that an exception has made impossible.
"""

import logging
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import ForesellError
from service.errors import INTERNAL, BodyTooLargeError, MediaTypeError, error_body, error_response
from service.guard import ID_KEY

MAX_BODY_BYTES = 8 * 1024 * 1024

logger = logging.getLogger("bentoml.foresell")


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
            logger.exception("call %s failed", scope.get(ID_KEY))
            if started or scope["type"] != "http":
                raise
            await Response(error_body(*INTERNAL), 500, media_type="application/json")(scope, receive, send)


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
            # not closed: a caller who is still sending would meet a reset instead of the answer
            await error_response(error)(scope, receive, send)
            return
        if body is not None:
            await self.app(scope, _replay(body, receive), send)


def _check_headers(headers: Headers) -> None:
    media_type = headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != "application/json":
        shown = repr(media_type[:100]) if media_type else "missing"
        raise MediaTypeError(f"Content-Type is {shown}; send application/json")
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
