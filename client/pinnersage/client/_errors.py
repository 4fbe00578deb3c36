"""Everything the client raises on purpose.

PinnerSageError
├── ConfigurationError          a server's address, a timeout, a retry policy that cannot be
├── ClosedError                 the client was closed
└── CallError                   a call failed; has status, message, method, target, request_id
    ├── InvalidArgumentError    INVALID_ARGUMENT    the request; the message names the field
    ├── NotFoundError           NOT_FOUND           no such pin, no such user
    ├── UnauthenticatedError    UNAUTHENTICATED     no API key, or a wrong one
    ├── PermissionDeniedError   PERMISSION_DENIED   the API key may not do this
    ├── ResourceExhaustedError  RESOURCE_EXHAUSTED  shed: the server has more work than it can do
    ├── DeadlineExceededError   DEADLINE_EXCEEDED   no answer in time
    ├── UnavailableError        UNAVAILABLE         no server answers, even after the retries
    ├── CancelledError          CANCELLED           the call was cancelled on its way
    └── ServerError             any other           a fault of the server
        └── UnsupportedError    UNIMPLEMENTED       the server is older than the client

`except CallError` catches whatever can happen to a call; worth trying again later are UnavailableError,
ResourceExhaustedError and DeadlineExceededError.
"""

from collections.abc import Mapping
from functools import partial

import grpc

REQUEST_ID_KEY = "x-request-id"


class PinnerSageError(Exception):
    """Base of everything the client raises on purpose."""


class ConfigurationError(PinnerSageError, ValueError):
    """The client cannot be set up like this: the message names the setting, the value and the remedy."""


class ClosedError(PinnerSageError):
    """The client was closed, before the call or while it was under way."""


class CallError(PinnerSageError):
    """A call failed.

    Attributes:
        message: What the server (or, where no server answered, gRPC) says was wrong.
        status: The gRPC status.
        method: The method's name in the wire contract: "Recommend".
        target: The server's address as the client was given it; None for a request that was never sent.
        request_id: What to look for in the server's log; None where no server answered.
    """

    def __init__(
        self,
        message: str,
        *,
        status: grpc.StatusCode,
        method: str,
        target: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.method = method
        self.target = target
        self.request_id = request_id

    def __str__(self) -> str:
        where = f"{self.method} at {self.target}" if self.target else self.method
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{where}: {self.status.name}: {self.message}{request}"

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments would be lost on the way back from a worker process.
        context = {name: value for name, value in vars(self).items() if name != "message"}
        return partial(type(self), **context), (self.message,)


class InvalidArgumentError(CallError):
    """The request cannot be served as it is; the message names the field."""


class NotFoundError(CallError):
    """There is no such pin or no such user."""


class UnauthenticatedError(CallError):
    """The server wants an API key, and got none or a wrong one."""


class PermissionDeniedError(CallError):
    """The API key does not allow this method."""


class ResourceExhaustedError(CallError):
    """The server shed the call: it has more work than it can do. Never retried by the client."""


class DeadlineExceededError(CallError):
    """No answer came within the timeout. Never retried by the client: the time is spent."""


class UnavailableError(CallError):
    """No server answers at this address, or it cannot serve now; the retries are spent."""


class CancelledError(CallError):
    """The call was cancelled on its way: by the server, or by something between."""


class ServerError(CallError):
    """The server failed in a way that is not the caller's fault."""


class UnsupportedError(ServerError):
    """The server does not know this method: it is older than the client."""


ERROR_OF_STATUS: Mapping[grpc.StatusCode, type[CallError]] = {
    grpc.StatusCode.ABORTED: ServerError,
    grpc.StatusCode.ALREADY_EXISTS: ServerError,
    grpc.StatusCode.CANCELLED: CancelledError,
    grpc.StatusCode.DATA_LOSS: ServerError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.FAILED_PRECONDITION: ServerError,
    grpc.StatusCode.INTERNAL: ServerError,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.OUT_OF_RANGE: ServerError,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhaustedError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.UNIMPLEMENTED: UnsupportedError,
    grpc.StatusCode.UNKNOWN: ServerError,
}


def typed_error(error: grpc.RpcError, *, method: str, target: str) -> CallError:
    """The typed error for what gRPC raised."""
    status = error.code()
    return ERROR_OF_STATUS.get(status, ServerError)(
        error.details() or "no details given",
        status=status,
        method=method,
        target=target,
        request_id=_request_id(error),
    )


def _request_id(error: grpc.RpcError) -> str | None:
    trailing_metadata = error.trailing_metadata() or ()
    return next((str(entry.value) for entry in trailing_metadata if entry.key == REQUEST_ID_KEY), None)
