"""The head of a call, as it comes off the wire: at most 64 KiB, and in time.

uvicorn takes in a head of any size for any time, and does so before anything of ours is asked, keys included.
"""

import secrets
from asyncio import TimerHandle, Transport

from starlette.responses import Response
from uvicorn.protocols.http import auto
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from models.errors import ForesellError
from service.environment import seconds_of
from service.errors import HeaderTooLargeError, HeaderTooSlowError, UnreadableCallError, error_response
from service.guard import REQUEST_ID, UNKNOWN_PATH, Refused

MAX_HEADER_BYTES = 64 * 1024
HEADER_ENV = "FORESELL_HEADER_SECONDS"
HEADER_SECONDS = 10.0
"""In which a head must be there, from its first byte, and a first byte from when the connection is."""


def limit_headers(refused: Refused) -> None:
    """Have every uvicorn server of this process that starts from now on limit heads: BentoML does not let us say so.

    Parameters
    ----------
    refused : callable
        Takes the path, which nobody knows yet, and the code of each refusal.
    """
    LimitedProtocol.seconds = seconds_of(HEADER_ENV, HEADER_SECONDS, least=0.1)
    LimitedProtocol.count = staticmethod(refused)
    auto.AutoHTTPProtocol = LimitedProtocol


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol; refuses heads that are too large or too slow, and what is no HTTP, in our shape."""

    seconds = HEADER_SECONDS
    count: Refused = staticmethod(lambda *_: None)
    """Is told of each refusal."""
    _fed = 0
    """Bytes since the parser last told of anything but parts of a header, or of a trailer."""
    _begun = False
    """Whether a head has begun and not ended."""
    _timer: TimerHandle | None = None
    _refused = False
    _fault: ForesellError | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first call."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(self.seconds, self._late)

    def data_received(self, data: bytes) -> None:
        """Take in what came; what comes after a refusal is thrown away."""
        if self._refused:
            return
        self._fed += len(data)
        super().data_received(data)
        if self._fed > MAX_HEADER_BYTES:
            self._refuse(_too_large())
        elif not (self._begun or self._is_idle):
            self._stop_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.seconds, self._late)

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End a head; one that came at once is measured only here."""
        self._fed, self._begun = 0, False
        # and what stands between and around a name and a value
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > MAX_HEADER_BYTES:
            self._fault = _too_large()
            # stops the parser, which then has a 400 sent
            raise self._fault
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take in a part of a body."""
        self._fed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a call."""
        self._fed = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser does not take."""
        self._refuse(self._fault or UnreadableCallError(f"{msg} Send HTTP/1.1."))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    @property
    def _is_idle(self) -> bool:
        """Whether no call is at work; empty lines between two calls begin none."""
        return self.cycle is None or self.cycle.response_complete

    def _late(self) -> None:
        if not self._begun:
            self.transport.close()
            return
        self._refuse(HeaderTooSlowError(f"the header was not there within {self.seconds:g} s; send it at once"))

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, error: ForesellError) -> None:
        """Answer, and close when the caller does, or after some seconds.

        Closed at once, a caller who sends everything before reading would meet a reset instead of the answer.
        """
        if self._refused:
            return
        self._refused = True
        self._stop_timer()
        self._unset_keepalive_if_required()
        if self.cycle is not None and not self.cycle.response_complete:
            # another call of this connection is being answered: nothing may go out in the middle of that
            self.cycle.keep_alive = False
            return
        response = error_response(error)
        response.headers[REQUEST_ID] = name = secrets.token_hex(16)
        self.logger.warning("call %s refused: %s", name, error)
        self.count(UNKNOWN_PATH, error.code)
        response.headers["connection"] = "close"
        self.transport.write(_raw(response, self.server_state.default_headers))
        if not self.transport.can_write_eof():
            # TLS
            self.transport.close()
            return
        self.transport.write_eof()
        self._timer = self.loop.call_later(self.seconds, self.transport.close)


def _raw(response: Response, headers: list[tuple[bytes, bytes]]) -> bytes:
    lines = [name + b": " + value + b"\r\n" for name, value in (*headers, *response.raw_headers)]
    return b"".join([STATUS_LINE[response.status_code], *lines, b"\r\n", response.body])


def _too_large() -> HeaderTooLargeError:
    return HeaderTooLargeError(f"the header is larger than {MAX_HEADER_BYTES // 1024} KiB; send fewer or shorter ones")
