"""Ports for processes that cannot choose one themselves, or have to come back under the same one."""

import os
import random
import socket
from contextlib import suppress
from itertools import cycle
from pathlib import Path

# From here on the system hands ports out, to whoever connects: one that is free now may be gone in a moment.
_SYSTEMS = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
# Which of the processes that pytest-xdist runs tests in this is, and of how many: a port that was chosen is
# free until the program that it is for has begun, so that another process must not choose it meanwhile.
_PLACE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_OURS = range(10_000 + _PLACE, max(_SYSTEMS, 20_000), _PROCESSES)
# Nor is it chosen twice in this one. Whatever a test seeds, no two runs choose in the same order.
_in_turn = cycle(random.SystemRandom().sample(_OURS, len(_OURS)))


def free_port() -> int:
    """One that nobody listens at, and that nobody gets who does not ask for it by its number."""
    while True:
        port = next(_in_turn)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
