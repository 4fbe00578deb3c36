"""Waiting for what a process or a thread does: as long as any machine may need, and never without a word."""

import time
from collections.abc import Callable

# Nothing is timed by this: it ends what would hang, before pytest's own limit does without saying why.
HANG_S = 120.0
# The same for a command that does a whole job, maybe by several processes.
JOB_S = 240.0
_LOOK_S = 0.02


def wait_until(is_so: Callable[[], object], said: Callable[[], object] = str) -> None:
    """Wait until something is so; fails, with what it would say, when it never is.

    Args:
        is_so: Asked again and again.
        said: What those who are waited for have said of themselves until then, when it was in vain.
    """
    give_up = time.monotonic() + HANG_S
    while not is_so():
        assert time.monotonic() < give_up, f"not within {HANG_S:.0f} s: {said()}"
        time.sleep(_LOOK_S)
