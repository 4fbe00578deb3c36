"""Work on cases by several processes: each takes every n-th case, and the parts are put together in order."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from numpy.typing import NDArray

from process.progress import Reporter

Arrays = dict[str, NDArray[np.float64]]
Seconds = dict[str, float]
Work = Callable[[int, Reporter], tuple[Arrays, Seconds]]
"""Measures one part: arrays with a row a case, and how long each stage took."""


def in_parts(work: Work, n: int, title: str, reporter: Reporter) -> tuple[Arrays, Seconds]:
    """All parts of some work, the cases in their order again, and the seconds of all processes together.

    Args:
        work: Is sent to the other processes, so a function of a module, or a partial of one.
        n: How many parts, each in a process of its own; 1 stays in this one.
        title: Of the step.
        reporter: Told of progress.
    """
    if n == 1:
        return work(0, reporter)
    # Read when a process first imports numpy: the processes are the parallelism, threads would fight them.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Spawned: a fork would copy the locks of BLAS and FAISS threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n, mp_context=context, initializer=_end_when_interrupted) as processes:
        parts = [processes.submit(_one_part, work, part) for part in range(n)]
        with reporter.step(title, n) as step:
            results = []
            for part in parts:
                results.append(part.result())
                step.advance()
    return _joined([arrays for arrays, _ in results]), _summed([seconds for _, seconds in results])


def _end_when_interrupted() -> None:
    """Ctrl-C reaches every process: the first one answers it, and the others end without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _one_part(work: Work, part: int) -> tuple[Arrays, Seconds]:
    """What one of the processes does; the first one shows its progress for all."""
    return work(part, Reporter(quiet=part > 0))


def _joined(parts: Sequence[Arrays]) -> Arrays:
    joined = {}
    for key in parts[0]:
        whole = np.empty((sum(len(part[key]) for part in parts), *parts[0][key].shape[1:]))
        for i, part in enumerate(parts):
            whole[i :: len(parts)] = part[key]
        joined[key] = whole
    return joined


def _summed(parts: Sequence[Seconds]) -> Seconds:
    return {name: sum(seconds[name] for seconds in parts) for name in parts[0]}
