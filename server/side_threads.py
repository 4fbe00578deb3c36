"""Threads apart from those that answer calls, for what must neither wait for them nor hold them."""

import threading
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


class Ticker:
    """Does something again and again in a thread of its own, from `start` to `stop`.

    Args:
        work: What is done; it raises nothing.
        name: The thread's name.
        every_s: Seconds from the end of one time to the next.
    """

    def __init__(self, work: Callable[[], None], *, name: str, every_s: float) -> None:
        self._work, self._every_s = work, every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, once what is being done is done; without a start nothing happens."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            self._work()
