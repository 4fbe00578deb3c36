"""`python -m profile_builder online` in a process of its own, and what it says of itself."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]


@contextmanager
def running(*arguments: object) -> Iterator["subprocess.Popen[str]"]:
    """The process, with these arguments; killed in the end, if it still runs."""
    command = [sys.executable, "-m", "profile_builder", "online", *map(str, arguments)]
    process = subprocess.Popen(
        command, cwd=ROOT, text=True, stderr=subprocess.PIPE, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def eventually(ask: Callable[[], bool]) -> None:
    """It comes true; how long that takes is for others to judge."""
    until = time.monotonic() + 60
    while not ask():
        assert time.monotonic() < until
        time.sleep(0.02)


def metric(port: int, name: str) -> float:
    """What a process says of itself there; -1 while it does not."""
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
        lines = page.read().decode().splitlines()
        return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), -1.0)
    return -1.0


def free_port() -> int:
    """One that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
