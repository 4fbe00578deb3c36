"""What the command says when a call fails: one sentence and an exit status."""

import enum
import re

import grpc

from pinnersage.client._errors import CallError


class Status(enum.IntEnum):
    """The command's exit status."""

    DONE = 0
    FAILED = 1
    """The server refused or failed."""
    USAGE = 2
    """Wrong usage; argparse's own status, too."""
    UNREACHABLE = 3
    """No server answers there, or it does not serve."""
    INTERRUPTED = 130
    """128 + SIGINT, as shells have it."""
    PIPE_CLOSED = 141
    """128 + SIGPIPE: the reader, `head` say, has had enough."""


# What gRPC says of two who do not understand one another, and what a person can do about it.
_HANDSHAKES = (
    (
        "CERTIFICATE_VERIFY_FAILED",
        "has a certificate that is not trusted here; name who signed it: --ca FILE",
    ),
    ("Hostname Verification Check failed", "has a certificate for another name; use that name for --server"),
    ("WRONG_VERSION_NUMBER", "does not speak TLS; leave out --tls, --ca, --cert and --key"),
    (
        "Socket closed",
        "hung up; if it speaks TLS, say --tls, or show it a certificate: --cert FILE --key FILE",
    ),
)


# How a condition is typed, by what the server says that the column is.
_OF_ANOTHER_KIND = re.compile(r"filter\.conditions.* the column '(?P<column>[^']+)' is (?P<kind>\w+): ")
_WHERE = {
    "boolean": "--where {column}, or --where 'not {column}'",
    "time": "--where '{column}>=2024-01-31', or --where '{column}<2024-01-31'",
    "text": "--where {column}=TEXT, or --where '{column}!=TEXT'",
}


def status_of(error: CallError) -> Status:
    """The exit status for a failed call."""
    if error.target is None:
        return Status.USAGE
    if error.status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        return Status.UNREACHABLE
    return Status.FAILED


def sentence(error: CallError, *, timeout_s: float) -> str:
    """What went wrong and what to do, for a person."""
    if error.target is None:
        return error.message
    if error.status is grpc.StatusCode.UNAUTHENTICATED:
        return (
            f"{error.target} wants an API key that is in use; give it with --api-key-file FILE or "
            "$PINNERSAGE_API_KEY_FILE"
        )
    if error.status is grpc.StatusCode.UNAVAILABLE and error.request_id is None:
        return _unreachable(error.target, error.message)
    if error.status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return (
            f"{error.target} gave no answer in {timeout_s:g} s;"
            " see whether the address is right, or allow it more with --timeout SECONDS"
        )
    if error.status is grpc.StatusCode.UNIMPLEMENTED:
        return f"{error.target} does not know {error.method}: an older PinnerSage, or another service"
    return _another_condition(error.message) or _as_told(error)


def _another_condition(message: str) -> str | None:
    """How a condition on the column is typed; None where the server says nothing of a column's kind."""
    found = _OF_ANOTHER_KIND.search(message)
    if found is None or found["kind"] not in _WHERE:
        return None
    column, kind = found["column"], found["kind"]
    return f"{column} is a column of {kind} values; say {_WHERE[kind].format(column=column)}"


def _as_told(error: CallError) -> str:
    request = f", request {error.request_id}" if error.request_id else ""
    return f"{error.message} ({error.status.name} from {error.target}{request})"


def _unreachable(target: str, message: str) -> str:
    for sign, meaning in _HANDSHAKES:
        if sign in message:
            return f"{target} {meaning}"
    return (
        f"no PinnerSage server answers at {target} ({_cause(message)});"
        " start it, or name another with --server HOST:PORT or $PINNERSAGE_SERVER"
    )


def _cause(message: str) -> str:
    """The innermost of the causes that gRPC strings together with colons."""
    return message.rpartition(": ")[2].rstrip("]")
