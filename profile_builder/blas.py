"""The environment of a worker process: numpy's BLAS in one thread. It changes no bit of a profile.

Threads would only fight over the cores that the processes share.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Read by the BLAS when numpy is loaded."""


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Processes spawned meanwhile have that environment."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
