"""A client's connection: calls made over it, in their time, and what gRPC raises told as typed errors."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import grpc

from pinnersage.client._channel import open_channel
from pinnersage.client._config import (
    Retries,
    Timeout,
    check_api_key,
    check_request_id,
    check_target,
    check_timeout,
)
from pinnersage.client._errors import REQUEST_ID_KEY, ClosedError, typed_error

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")
ValueT = TypeVar("ValueT")
MessageT_co = TypeVar("MessageT_co", covariant=True)


class _Stream(Protocol[MessageT_co]):
    """The messages of an answer that comes in parts."""

    def __iter__(self) -> Iterator[MessageT_co]: ...

    def cancel(self) -> bool: ...


class Connection:
    """A channel to one target, for any number of threads; see `Client` for the arguments.

    Raises:
        ConfigurationError: The target or the API key cannot be used.
    """

    def __init__(
        self,
        target: str,
        *,
        timeout: Timeout,
        retries: Retries,
        credentials: grpc.ChannelCredentials | None,
        api_key: str | None,
    ) -> None:
        check_target(target)
        if api_key is not None:
            check_api_key(api_key)
        self.target, self.is_closed = target, False
        self._timeout = timeout
        self._metadata = () if api_key is None else (("authorization", f"Bearer {api_key}"),)
        self.channel = open_channel(target, retries=retries, credentials=credentials)

    def call(
        self,
        name: str,
        method: "grpc.UnaryUnaryMultiCallable[RequestT, ResponseT]",
        request: RequestT,
        timeout_s: float | None,
        request_id: str | None = None,
    ) -> ResponseT:
        """Make a call and wait for its answer, as long as `Timeout.call_s` where it has no time of its own.

        Raises:
            CallError: It failed.
            ClosedError: The connection is closed, or was on the way.
            ConfigurationError: The time or the request id cannot be used.
        """
        call_s = _seconds(timeout_s, self._timeout.call_s)
        with self._typed_errors(name):
            return method(request, timeout=call_s, metadata=self._sent_with(request_id))

    def stream(
        self,
        name: str,
        method: "grpc.UnaryStreamMultiCallable[RequestT, ResponseT]",
        request: RequestT,
        decode: Callable[[ResponseT], Iterator[ValueT]],
        *,
        timeout_s: float | None,
        request_id: str | None,
    ) -> Generator[ValueT, None, None]:
        """Begin a call now, and give what its messages hold as they come, within `Timeout.batch_s`.

        Closing the generator early cancels the call; its errors are those of `call`.
        """
        batch_s = _seconds(timeout_s, self._timeout.batch_s)
        with self._typed_errors(name):
            messages = method(request, timeout=batch_s, metadata=self._sent_with(request_id))
        return self._values(name, messages, decode)

    def close(self) -> None:
        """Hang up; calls under way end with ClosedError. Closing again does nothing."""
        self.is_closed = True
        self.channel.close()

    def _values(
        self,
        name: str,
        messages: _Stream[ResponseT],
        decode: Callable[[ResponseT], Iterator[ValueT]],
    ) -> Generator[ValueT, None, None]:
        try:
            with self._typed_errors(name):
                for message in messages:
                    yield from decode(message)
        finally:
            messages.cancel()

    def _sent_with(self, request_id: str | None) -> tuple[tuple[str, str], ...]:
        """The metadata of a call."""
        if request_id is None:
            return self._metadata
        check_request_id(request_id)
        return (*self._metadata, (REQUEST_ID_KEY, request_id))

    @contextmanager
    def _typed_errors(self, method: str) -> Iterator[None]:
        try:
            yield
        except (grpc.RpcError, ValueError) as error:
            # A closed channel cancels what is under way, and refuses what comes later with a ValueError.
            if self.is_closed:
                raise ClosedError(f"{method} at {self.target}: the client was closed") from error
            if isinstance(error, grpc.RpcError):
                raise typed_error(error, method=method, target=self.target) from error
            raise


def _seconds(timeout_s: float | None, default_s: float) -> float:
    """The call's own time to wait, if it has one."""
    if timeout_s is None:
        return default_s
    check_timeout("timeout_s", timeout_s)
    return timeout_s
