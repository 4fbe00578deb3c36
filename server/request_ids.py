"""Names of calls: the caller's own, so that logs of several services can be joined, else one made here."""

import random
from collections.abc import Iterable

REQUEST_ID_KEY = "x-request-id"
LONGEST = 128


def request_id_of(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The id of a call: what its metadata says, if that can be one.

    What cannot is passed over: nobody should lose an answer for the name of a call.

    Args:
        metadata: Of the invocation.
    """
    for key, value in metadata:
        if key == REQUEST_ID_KEY and isinstance(value, str) and _is_name(value):
            return value
    return new_request_id()


def new_request_id() -> str:
    """128 random bits, as 32 hexadecimal digits."""
    # Ids need not be hard to guess, and this is a tenth of what uuid4 costs.
    return f"{random.getrandbits(128):032x}"


def _is_name(value: str) -> bool:
    return 0 < len(value) <= LONGEST and value.isascii() and value.isprintable()
