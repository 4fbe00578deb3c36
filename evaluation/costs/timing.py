"""CPU time of searches: one query at a time on one thread, warm, in rounds that take all of them in turn."""

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def cpu_us(
    searches: Sequence[Callable[[NDArray[np.float16]], object]], queries: NDArray[np.float16], n_rounds: int
) -> NDArray[np.float64]:
    """CPU microseconds a query: float64 [searches, n_rounds], the mean over the queries of each round.

    Args:
        searches: Each takes queries [1, d].
        queries: float16 [q, d].
        n_rounds: What disturbs one round disturbs all searches: compare them within a round.
    """
    taken = np.empty((len(searches), n_rounds))
    for search in searches:
        _one_by_one(search, queries)
    for turn in range(n_rounds):
        for at, search in enumerate(searches):
            taken[at, turn] = _one_by_one(search, queries)
    return taken


def _one_by_one(search: Callable[[NDArray[np.float16]], object], queries: NDArray[np.float16]) -> float:
    began = time.process_time_ns()
    for at in range(len(queries)):
        search(queries[at : at + 1])
    return (time.process_time_ns() - began) / 1_000 / len(queries)


def alone(
    work: Callable[_Arguments, _Result], *arguments: _Arguments.args, **named: _Arguments.kwargs
) -> _Result:
    """Do some work in a process of its own that has one thread: no progress bar, and no waiting BLAS thread.

    Args:
        work: Is sent to the process, so a function of a module.
        arguments: Are sent too.
        named: The same.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    # Read when a process first imports numpy and FAISS.
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        # Spawned: a fork would copy the locks of BLAS and FAISS threads.
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            return process.submit(work, *arguments, **named).result()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
