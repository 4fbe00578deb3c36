"""What a call allocates, whatever other threads of the process do meanwhile."""

import tracemalloc
from collections.abc import Callable

# The call's own frames, and this one below them.
_FRAMES = 50


def allocated_bytes(call: Callable[[], object]) -> int:
    """Bytes that a call leaves behind: those of what it returns, and of what it put somewhere."""
    tracemalloc.start(_FRAMES)
    kept = call()
    snapshot = tracemalloc.take_snapshot()
    tracemalloc.stop()
    del kept
    # The interpreter counts for all threads alike. What others allocate has no frame of this file below it.
    by_the_call = snapshot.filter_traces([tracemalloc.Filter(True, __file__, all_frames=True)])
    return sum(each.size for each in by_the_call.statistics("filename"))
