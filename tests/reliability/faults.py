"""Faults put into a publish by the names of its steps; the code that publishes knows nothing of them.

storage.publication keeps its steps in tuples, the collector of old versions and the writer of the takedown
list in functions. A fault rewrites those in a child process: the step of the name given is struck at its
start, or at one of its file operations (Python's audit events), as chance has it.
The two faults of writes need no more than a limit of the kernel on the length of a file: a write that reaches
it is cut short, and the next one fails or, where the signal is not ignored, kills the process.
"""

import errno
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from types import ModuleType

from storage import publication, retention
from storage.pins import takedown_writing

Step = Callable[..., None]

KILL, EIO, ENOSPC, SHORT_WRITE, KILL_IN_WRITE = "kill", "EIO", "ENOSPC", "short write", "kill in a write"
FAULTS = (KILL, EIO, ENOSPC, SHORT_WRITE, KILL_IN_WRITE)
PUBLISH_STEPS = tuple(step.__name__ for step in (*publication.PREPARE, *publication.COMMIT))
GO_TO_STEPS = tuple(dict.fromkeys(step.__name__ for step in publication.GO_TO))
PRUNE_STEPS = ("_remove_left_overs", "_move_aside", "_make_move_durable", "_remove")
LIST_STEPS = ("_write_draft", "_show_draft", "_make_durable")

_FUNCTIONS: tuple[tuple[ModuleType, tuple[str, ...]], ...] = (
    (retention, PRUNE_STEPS),
    (takedown_writing, LIST_STEPS),
)
_TUPLES = ("PREPARE", "COMMIT", "GO_TO")

_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"}
_MOST_EVENTS, _MOST_BYTES = 8, 12_000


def put_into(step_name: str, fault: str, root: str, chance: Random) -> None:
    """From now on the step is struck by the fault, once, in this process."""
    around = _limited if fault in {SHORT_WRITE, KILL_IN_WRITE} else _struck

    def wrapped(step: Step) -> Step:
        def with_fault(*given: object) -> None:
            with around(fault, root, chance):
                step(*given)

        with_fault.__name__ = step.__name__
        return with_fault if step.__name__ == step_name else step

    for steps in _TUPLES:
        setattr(publication, steps, tuple(wrapped(step) for step in getattr(publication, steps)))
    for module, names in _FUNCTIONS:
        for name in names:
            setattr(module, name, wrapped(getattr(module, name)))


@contextmanager
def _struck(fault: str, root: str, chance: Random) -> Iterator[None]:
    """Strike at one of the operations under `root`, or at the end of the step if it has fewer."""
    left = chance.randrange(_MOST_EVENTS)
    is_over = False

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left, is_over
        if is_over or event not in _EVENTS or not str(arguments[0]).startswith(root):
            return
        left -= 1
        if left < 0:
            is_over = True
            _strike(fault)

    if left == 0:
        _strike(fault)
    sys.addaudithook(hook)
    yield
    if not is_over:
        is_over = True
        _strike(fault)


def _strike(fault: str) -> None:
    if fault == KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    number = getattr(errno, fault)
    raise OSError(number, os.strerror(number))


@contextmanager
def _limited(fault: str, _root: str, chance: Random) -> Iterator[None]:
    """No file may grow past a length drawn by chance."""
    with limited(fault, chance.choice([chance.randrange(_MOST_BYTES), chance.randrange(40)])):
        yield


@contextmanager
def limited(fault: str, length: int) -> Iterator[None]:
    """No file may grow past this length; a write that would is cut short, and the next fails or kills."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    if fault == KILL_IN_WRITE:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
