"""Who may call what: a rule for each method, and an interceptor that holds calls to it as they arrive."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeAlias

import grpc

from server.api_keys import ApiKey, ApiKeys
from server.arrivals import RefusingPool
from server.metrics_catalogue import SERVICE

KEY_HEADER = "authorization"
_ASK_FOR_ONE = "this server wants an API key: send the header authorization: Bearer KEY"
_NOT_IN_USE = "the API key is not one of those in use"
_READS_ONLY = "the API key is for reading only"

CountRefused = Callable[[bytes, grpc.StatusCode], None]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"


class Needs(Enum):
    """What a call needs where the server asks for API keys."""

    NOTHING = "nothing"
    KEY = "key"
    WRITING_KEY = "key that may write"


# Whoever adds a method says here what it needs; without a rule it needs the most, and a test fails.
RULES: Mapping[str, Needs] = {
    # Load balancers and Kubernetes ask without one, and learn nothing but that the server lives.
    "/grpc.health.v1.Health/Check": Needs.NOTHING,
    "/grpc.health.v1.Health/List": Needs.NOTHING,
    "/grpc.health.v1.Health/Watch": Needs.NOTHING,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Needs.KEY,
    f"/{SERVICE}/GetPins": Needs.KEY,
    f"/{SERVICE}/GetProfile": Needs.KEY,
    f"/{SERVICE}/Recommend": Needs.KEY,
    f"/{SERVICE}/RecommendBatch": Needs.KEY,
    f"/{SERVICE}/RecommendForPins": Needs.KEY,
    f"/{SERVICE}/RecordAction": Needs.WRITING_KEY,
    f"/{SERVICE}/SimilarPins": Needs.KEY,
}


class KeyCheck(grpc.ServerInterceptor):
    """Refuses calls without an API key, before they take a thread or anything of theirs is read.

    Args:
        keys: Those in use, now.
        count_refused: Told the method of each call refused, and its status.
    """

    def __init__(self, keys: Callable[[], ApiKeys], count_refused: CountRefused) -> None:
        self._keys = keys
        self._without = _refusing(grpc.StatusCode.UNAUTHENTICATED, _ASK_FOR_ONE, count_refused)
        self._unknown = _refusing(grpc.StatusCode.UNAUTHENTICATED, _NOT_IN_USE, count_refused)
        self._reads_only = _refusing(grpc.StatusCode.PERMISSION_DENIED, _READS_ONLY, count_refused)

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Handler],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Called by gRPC as a call arrives, in the thread that polls for all of them."""
        needs = RULES.get(handler_call_details.method, Needs.WRITING_KEY)
        if needs is Needs.NOTHING:
            return continuation(handler_call_details)
        for name, value in handler_call_details.invocation_metadata:
            if name == KEY_HEADER:
                refused = self._refused(needs, self._keys().find(str(value)))
                return continuation(handler_call_details) if refused is None else refused
        return self._without

    def _refused(self, needs: Needs, key: ApiKey | None) -> Handler:
        """What refuses the call; None if nothing does."""
        if key is None:
            return self._unknown
        return self._reads_only if needs is Needs.WRITING_KEY and not key.may_write else None


def _refusing(code: grpc.StatusCode, why: str, count_refused: CountRefused) -> Handler:
    def never(_request: object, _context: grpc.ServicerContext) -> bytes:
        raise AssertionError("the threads of this method refuse its calls")

    never.experimental_thread_pool = RefusingPool(  # type: ignore[attr-defined] # what grpc looks for
        code, why, lambda method: count_refused(method, code)
    )
    return grpc.unary_unary_rpc_method_handler(never)
