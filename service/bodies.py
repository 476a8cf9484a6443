"""The two ASGI layers inside BentoML's own: what fails is answered, and bodies are taken in.

They sit inside BentoML's metrics, so that what they refuse is counted.
"""

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models.errors import ForesellError
from service.environment import seconds_of
from service.errors import (
    INTERNAL,
    BodyTooLargeError,
    BodyTooSlowError,
    MediaTypeError,
    error_body,
    error_response,
)
from service.guard import ID_KEY

MAX_BODY_BYTES = 8 * 1024 * 1024
BODY_ENV = "FORESELL_BODY_SECONDS"
BODY_SECONDS = 10.0
"""In which a body must be there: 8 MiB over a line of 7 Mbit a second."""

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
    """Takes a call's body in: labelled as JSON, at most 8 MiB, whole, and in time.

    Parameters
    ----------
    app : ASGI app
        What is inside.
    paths : collection of str
        The endpoints that take a body.
    seconds : float, optional
        In which a body must be there; default: what the environment says, or 10.
    """

    def __init__(self, app: ASGIApp, paths: Collection[str], *, seconds: float | None = None) -> None:
        self.app = app
        self.paths = frozenset(paths)
        self.seconds = seconds_of(BODY_ENV, BODY_SECONDS, least=0.1) if seconds is None else seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in self.paths:
            await self.app(scope, receive, send)
            return
        intake = _Intake(receive)
        try:
            _check_headers(Headers(scope=scope))
            async with asyncio.timeout(self.seconds):
                body = await _whole(intake)
        except TimeoutError:
            late = BodyTooSlowError(f"the body was not there within {self.seconds:g} s; send it faster, or in parts")
            await _refuse(late, intake, send, seconds=0)
            return
        except ForesellError as error:
            await _refuse(error, intake, send, seconds=self.seconds)
            return
        if body is not None:
            await self.app(scope, _replay(body, receive), send)


class _Intake:
    """Receives the messages of a body; knows whether the last one has come."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self.ended = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message


async def _refuse(error: ForesellError, intake: _Intake, send: Send, *, seconds: float) -> None:
    """Answer, throw away for some seconds what is still sent, and close the connection.

    Closed at once, a caller who sends everything before reading would meet a reset instead of the answer.
    """
    response = error_response(error)
    response.headers["connection"] = "close"
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not intake.ended:
                await intake()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


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


async def _whole(intake: _Intake) -> bytes | None:
    """Read the body; None when the caller went away."""
    body = bytearray()
    while True:
        message = await intake()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise _too_large()
        if intake.ended:
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
