"""From the bytes of a request to its message."""

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from server.errors import InvalidRequestError, Violation

RequestT = TypeVar("RequestT", bound=Message)


def parse(request_type: type[RequestT], serialised: bytes) -> RequestT:
    """The message.

    Raises:
        InvalidRequestError: The bytes are none of that type.
    """
    try:
        return request_type.FromString(serialised)
    except DecodeError as error:
        name = request_type.DESCRIPTOR.full_name
        raise InvalidRequestError([Violation("", f"the request is not a valid {name}")]) from error
