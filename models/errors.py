"""Foresell's errors: one root, children named by cause.

Each message is one line that says what is wrong, the value, what is allowed and the next step. ``status`` and ``code``
are what the service answers; the command line prints the message and exits with 2.
"""

from typing import ClassVar


class ForesellError(Exception):
    """Root of every error that Foresell raises on purpose.

    Parameters
    ----------
    message : str
        One line for a person.
    field : str, optional
        The path of the offending field in a request or in the configuration, e.g. ``customers.3.as_of``.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class ConfigError(ForesellError, ValueError):
    """The configuration has an unknown key or a value that is not allowed."""

    code = "invalid_config"


class SourceError(ForesellError, OSError):
    """A source of tables is missing or cannot be read."""

    code = "unreadable_source"


class ContractError(ForesellError, ValueError):
    """A table breaks its contract: a missing column, a wrong type, too many rejected rows, no usable row."""

    code = "contract_violation"


class NotEnoughDataError(ForesellError, ValueError):
    """The data cannot carry what was asked; the message has what there is and what is needed."""

    code = "not_enough_data"


class NotEnoughMemoryError(ForesellError, MemoryError):
    """A process that did a part of the work was killed."""

    code = "not_enough_memory"


class NotConvergedError(ForesellError, ArithmeticError):
    """A method's fit did not converge: training marks the method, leaves it out and goes on with the others."""


class UnknownPredictionError(ForesellError, LookupError):
    """No prediction has this name."""

    status = 404
    code = "unknown_prediction"


class UnknownMethodError(ForesellError, LookupError):
    """The prediction has no method of this name."""

    status = 404
    code = "unknown_method"


class ModelMissingError(ForesellError, LookupError):
    """No registered model version fits: nothing trained, nothing promoted, or an unknown version."""

    status = 503
    code = "no_model"


class TrackingError(ForesellError, RuntimeError):
    """MLflow does not answer, or refuses: a closed server, a store that cannot be opened, a full disk."""

    status = 503
    code = "tracking_failed"


class ReleaseMissingError(ForesellError, LookupError):
    """Nothing has been published, or the named release does not exist."""

    status = 503
    code = "no_release"


class CorruptPartError(ForesellError, ValueError):
    """A part of a release is not the bytes that its manifest names; it was refused before any parser saw it.

    Or it is, and another version of Foresell made it, whose method or parts this one does not have.
    """

    status = 503
    code = "corrupt_part"


class FingerprintMismatchError(ForesellError, ValueError):
    """A part was made with other features than the ones that would read it."""

    status = 503
    code = "fingerprint_mismatch"


class InvalidModelOutputError(ForesellError, ValueError):
    """A fitted prediction returned a figure that is not finite, or golden rows that differ."""

    code = "invalid_model_output"


class ChallengerRefusedError(ForesellError, ValueError):
    """A challenger is worse than the champion or than a rival; the message holds the table."""

    code = "challenger_refused"


class ConcurrentChangeError(ForesellError, RuntimeError):
    """Somebody else changed the champion or the release meanwhile; nothing was changed."""

    status = 409
    code = "champion_changed"


class InvalidRequestError(ForesellError, ValueError):
    """A request is readable but asks for something that is not allowed."""

    status = 422
    code = "invalid_request"


class MissingDependencyError(ForesellError, ImportError):
    """An optional package is not installed; the message has the command that installs it."""

    code = "missing_dependency"


class AddressInUseError(ForesellError, OSError):
    """Another process listens on the address that the service was told to use."""

    code = "address_in_use"
