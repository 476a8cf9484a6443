"""What HTTP adds to Foresell's errors, and the one body that all of them have."""

import orjson
from starlette.responses import Response

from models.errors import ForesellError


class NotJsonError(ForesellError, ValueError):
    """The body is not JSON, or holds a number that is not finite."""

    status = 400
    code = "not_json"


class UnreadableCallError(ForesellError, ValueError):
    """What came is not HTTP."""

    status = 400
    code = "bad_request"


class UnauthorizedError(ForesellError, PermissionError):
    """The call shows no key, or one that is none of ours."""

    status = 401
    code = "unauthorized"


class ForbiddenError(ForesellError, PermissionError):
    """The key does not reach so far."""

    status = 403
    code = "forbidden"


class UnknownRouteError(ForesellError, LookupError):
    """There is nothing at this path."""

    status = 404
    code = "unknown_route"


class MethodNotAllowedError(ForesellError, ValueError):
    """The path exists, but not with this method."""

    status = 405
    code = "method_not_allowed"


class BodyTooSlowError(ForesellError, TimeoutError):
    """The body did not come as fast as any caller can send it."""

    status = 408
    code = "body_too_slow"


class HeaderTooSlowError(ForesellError, TimeoutError):
    """The header did not come as fast as any caller can send it."""

    status = 408
    code = "header_too_slow"


class BodyTooLargeError(ForesellError, ValueError):
    """The body is larger than any call may send."""

    status = 413
    code = "body_too_large"


class MediaTypeError(ForesellError, ValueError):
    """The body is labelled as something other than JSON."""

    status = 415
    code = "unsupported_media_type"


class HeaderTooLargeError(ForesellError, ValueError):
    """The header is larger than any call may send."""

    status = 431
    code = "header_too_large"


class OverloadedError(ForesellError, RuntimeError):
    """As many calls as the service takes at once are at work or waiting."""

    status = 429
    code = "overloaded"


class DeadlineExceededError(ForesellError, TimeoutError):
    """The answer took longer than any caller waits."""

    status = 504
    code = "deadline_exceeded"


class FeaturesStaleError(ForesellError, RuntimeError):
    """The release is older than whoever runs the service lets it be for this prediction."""

    status = 503
    code = "features_stale"


class ReleaseUnusableError(ForesellError, RuntimeError):
    """The release could not be opened for a reason that nobody foresaw; the log has it."""

    status = 503
    code = "release_unusable"


class UnsupportedOutputError(ForesellError, ValueError):
    """The batch job was asked for a kind of file that it does not write."""

    code = "unsupported_output"


class ServiceStartError(ForesellError, RuntimeError):
    """The service that was started did not become ready."""

    code = "service_not_ready"


class BuildError(ForesellError, RuntimeError):
    """BentoML could not build the bento."""

    code = "build_failed"


ERROR_PREFIX = b'{"error":{"code":'
"""How every error body of ours begins: orjson keeps the order of keys and writes no spaces."""

INTERNAL = ("internal", "something failed in the service; its log has the reason under this call's X-Request-Id")
"""Code and message of what nobody foresaw."""


def error_body(code: str, message: str, field: str | None = None) -> bytes:
    """Return the one error body.

    Parameters
    ----------
    code : str
        Stable name of the cause, for programs.
    message : str
        What is wrong and what is allowed, for people.
    field : str, optional
        Dotted path of the offending field.
    """
    return orjson.dumps({"error": {"code": code, "message": message, "field": field}})


def error_response(error: ForesellError) -> Response:
    """Return an error as the answer to a call."""
    content = error_body(error.code, error.message, error.field)
    headers = {"Retry-After": "1"} if error.status == OverloadedError.status else None
    return Response(content, error.status, headers, media_type="application/json")
