"""From the bytes of a request to what it asks for; what callers ask for over and over is read once."""

from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from pinnersage.v1 import recommender_pb2 as pb
from server.errors import InvalidRequestError, Violation
from server.filter_validation import Kinds
from server.validation import Defaults, Options, validate_recommend
from storage.compiled import compiled

RequestT = TypeVar("RequestT", bound=Message)

# Of those that were asked for last; each is a few hundred bytes.
_KEPT = 1_000

_reading = compiled("server._reading")
# What follows `excluded` and `seed`, the only ones that differ from call to call.
_all_else = attrgetter(*[each.name for each in fields(Options)[2:]])


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


class Reader:
    """Reads requests of Recommend.

    Calls differ in their user, their exclusions and their seed. Where that was compiled, these are picked out
    of the bytes, and what the remaining bytes ask for, the same in most calls, is kept. A request that looks
    unusual, as wrong ones do, is parsed and validated as a whole, as all are where nothing was compiled.

    Args:
        defaults: What holds where a request says nothing.
    """

    def __init__(self, defaults: Defaults) -> None:
        self._defaults = defaults
        self._kept = lru_cache(_KEPT)(self._read_rest)

    def recommend(self, serialised: bytes, kinds: Kinds) -> tuple[str, Options]:
        """The user and the options of Recommend.

        Args:
            serialised: The request.
            kinds: The filter columns of the artefact.

        Raises:
            InvalidRequestError: With every violation.
        """
        parts = None if _reading is None else _reading.split(serialised)
        if parts is None:
            return validate_recommend(parse(pb.RecommendRequest, serialised), self._defaults, kinds)
        user_id, excluded, seed, rest = parts
        variant = self._defaults.variants.of_user(user_id)
        return user_id, Options(excluded, seed, *self._kept(rest, variant.name))

    def _read_rest(self, rest: bytes, variant: str) -> tuple[Any, ...]:
        """What a user of a variant asks for in the fields that remain; a filter is never among them."""
        request = parse(pb.RecommendRequest, rest)
        request.user_id = "any"
        if not request.HasField("variant"):
            request.variant = variant
        _, options = validate_recommend(request, self._defaults, kinds={})
        return _all_else(options)
