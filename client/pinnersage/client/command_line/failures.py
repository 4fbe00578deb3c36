"""What the command says when a call fails: one sentence and an exit status."""

import enum

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
    if error.status is grpc.StatusCode.UNAVAILABLE and error.request_id is None:
        return (
            f"no PinnerSage server answers at {error.target} ({_cause(error.message)});"
            " start it, or name another with --server HOST:PORT or $PINNERSAGE_SERVER"
        )
    if error.status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return (
            f"{error.target} gave no answer in {timeout_s:g} s;"
            " see whether the address is right, or allow it more with --timeout SECONDS"
        )
    if error.status is grpc.StatusCode.UNIMPLEMENTED:
        return f"{error.target} does not know {error.method}: an older PinnerSage, or another service"
    request = f", request {error.request_id}" if error.request_id else ""
    return f"{error.message} ({error.status.name} from {error.target}{request})"


def _cause(message: str) -> str:
    """The innermost of the causes that gRPC strings together with colons."""
    return message.rpartition(": ")[2].rstrip("]")
