"""What the server refuses, and the status each refusal becomes.

ServerError
├── InvalidRequestError     a field breaks the contract            INVALID_ARGUMENT with google.rpc.BadRequest
├── NotFoundError           no such user or pin                    NOT_FOUND
├── DeadlineExpiredError    the caller's deadline passed           DEADLINE_EXCEEDED
├── CallCancelledError      the caller gave up                     CANCELLED
├── NotEnabledError         the server was not started with it     FAILED_PRECONDITION
├── RecordingError          the event stream takes no action       UNAVAILABLE
└── StartError              the server cannot start as configured  (exit status 1)
"""

from dataclasses import dataclass

import grpc

from storage.errors import DamagedRecordError, ProfileStoreError


class ServerError(Exception):
    """Base of everything the server raises on purpose."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule of the contract: the request's field (empty: all of it), and what would be right."""

    field: str
    description: str

    def __str__(self) -> str:
        return f"{self.field}: {self.description}" if self.field else self.description


class InvalidRequestError(ServerError):
    """The request breaks the contract; every violation found is told at once."""

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__("; ".join(map(str, violations)))
        self.violations = violations


class NotFoundError(ServerError):
    """The user or pin asked for does not exist here."""


class DeadlineExpiredError(ServerError):
    """The caller's deadline passed before the stage named could begin."""


class CallCancelledError(ServerError):
    """The caller gave up before the stage named could begin."""


class NotEnabledError(ServerError):
    """The server was started without what the method needs; the message says with what to start it."""


class RecordingError(ServerError):
    """An action was not recorded, or nobody knows whether it was."""


class StartError(ServerError):
    """The server cannot start with these settings, artefacts or ports."""


# From error to gRPC status; the first class that fits decides. Anything else is a defect: INTERNAL.
STATUS_BY_ERROR: tuple[tuple[type[Exception], grpc.StatusCode], ...] = (
    (InvalidRequestError, grpc.StatusCode.INVALID_ARGUMENT),
    (NotFoundError, grpc.StatusCode.NOT_FOUND),
    (DeadlineExpiredError, grpc.StatusCode.DEADLINE_EXCEEDED),
    (CallCancelledError, grpc.StatusCode.CANCELLED),
    (NotEnabledError, grpc.StatusCode.FAILED_PRECONDITION),
    (RecordingError, grpc.StatusCode.UNAVAILABLE),
    (DamagedRecordError, grpc.StatusCode.DATA_LOSS),
    (ProfileStoreError, grpc.StatusCode.UNAVAILABLE),
)

# What callers read in place of messages that may name this machine's files, addresses or defects.
TOLD_INSTEAD = {
    grpc.StatusCode.UNAVAILABLE: "the profile store cannot be read at the moment",
    grpc.StatusCode.INTERNAL: "internal error",
}


def told_instead(error: Exception) -> str | None:
    """What a caller reads in place of the error's own message; None where that will do."""
    # It names neither the stream nor what is wrong with it.
    return None if isinstance(error, RecordingError) else TOLD_INSTEAD.get(status_of(error))


def status_of(error: Exception) -> grpc.StatusCode:
    """The status a caller sees for `error`."""
    for kind, status in STATUS_BY_ERROR:
        if isinstance(error, kind):
            return status
    return grpc.StatusCode.INTERNAL
