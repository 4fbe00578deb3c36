"""Ports for processes that cannot choose one themselves, or have to come back under the same one."""

import random
import socket
from contextlib import suppress
from pathlib import Path

# From here on the system hands ports out, to whoever connects: one that is free now may be gone in a moment.
_SYSTEMS = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
_OURS = range(10_000, max(_SYSTEMS, 20_000))
# Whatever a test seeds, two processes do not choose alike.
_chance = random.SystemRandom()


def free_port() -> int:
    """One that nobody listens at, and that nobody gets who does not ask for it by its number."""
    while True:
        port = _chance.choice(_OURS)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
