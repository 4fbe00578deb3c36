"""SIGTERM for a job: it ends at once, at whatever it is, with a sentence; also as process 1 of a container.

The system ends no process 1 that has not asked for it, and Python runs its handlers between two steps of its
own only: inside a library a step may take minutes. What a job publishes is made for being killed at any
instant, so there is nothing to wait for and nothing to tidy up; whoever has something says so.
"""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

TERMINATED = 128 + signal.SIGTERM
"""The exit status: a shell's, for whoever died of it."""


@contextmanager
def ended_by_sigterm(name: str) -> Iterator[None]:
    """End the process whenever it is told to.

    Args:
        name: The program's, for its last sentence.
    """
    if threading.current_thread() is not threading.main_thread():
        # Signals are the main thread's, whoever that is.
        yield
        return
    theirs, ours = socket.socketpair()
    theirs.setblocking(False)
    threading.Thread(target=_end_when_told, args=(ours, name), name="sigterm", daemon=True).start()
    handler = signal.signal(signal.SIGTERM, _heard)
    told = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(told)
        signal.signal(signal.SIGTERM, handler)
        theirs.close()


def _heard(_number: int, _frame: FrameType | None) -> None:
    """Python tells the other thread: before it comes to run this, however long that takes."""


def _end_when_told(signals: socket.socket, name: str) -> None:
    with signals:
        while numbers := signals.recv(64):
            if signal.SIGTERM in numbers:
                said = f"{name}: told to end (SIGTERM). Nothing half done is live; run the command again.\n"
                os.write(2, said.encode())
                os._exit(TERMINATED)
