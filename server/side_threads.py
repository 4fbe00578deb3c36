"""Threads apart from those that answer calls, for what must neither wait for them nor hold them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Behaviour = Callable[[Any, Any], Any]


def in_side_threads(behaviour: Behaviour, *, name: str, threads: int) -> Behaviour:
    """The same method, answered by threads of its own.

    Args:
        behaviour: A method of a gRPC servicer.
        name: The threads' name.
        threads: How many of its calls are answered at a time.
    """

    def answer(request: Any, context: Any) -> Any:  # noqa: ANN401 - any service's messages
        return behaviour(request, context)

    # What grpc looks for; its own health service is given threads the same way.
    answer.experimental_thread_pool = ThreadPoolExecutor(threads, name)  # type: ignore[attr-defined]
    return answer
