"""The ports of a server: each is one server's alone, however many of its processes listen there."""

import errno
import socket
from contextlib import ExitStack
from dataclasses import dataclass

from server.errors import StartError

_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
# A port that is free at one address of a name may be somebody's at another.
_TRIES = 10
_Address = tuple[socket.AddressFamily, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where a process listens.

    Attributes:
        host: An address or a name.
        port: gRPC; 0 takes a free one.
        metrics_port: Prometheus; 0 serves no metrics.
        health_port: Health in the clear; 0 has it on the gRPC port alone.
        is_held: The gRPC port is held for this process already.
    """

    host: str
    port: int
    metrics_port: int
    health_port: int = 0
    is_held: bool = False


class HeldPort:
    """A port taken, until `close`: processes of the same user that set SO_REUSEPORT may listen on it.

    With SO_REUSEPORT alone a second server would take half of the connections in silence. The port is
    bound without it, which only one can, and opened to others once it is bound. What is bound and does not
    listen gets no connection.

    Args:
        host: An address or a name.
        port: 0 takes a free one.

    Raises:
        StartError: Somebody has the port, or the address is not this machine's.
    """

    def __init__(self, host: str, port: int) -> None:
        self._sockets = ExitStack()
        self.port = port
        for tries_left in reversed(range(1 if port else _TRIES)):
            try:
                self._take_all(host)
                break
            except OSError as error:
                self.close()
                self.port = port
                if not tries_left:
                    raise StartError(cannot_listen(host, port)) from error
        if self.port == 0:
            raise StartError(cannot_listen(host, port))

    def close(self) -> None:
        """Let go of the port."""
        self._sockets.close()

    def _take_all(self, host: str) -> None:
        for address in _addresses(host):
            self._take(address)

    def _take(self, address: _Address) -> None:
        family, host = address
        taken = socket.socket(family, socket.SOCK_STREAM)
        try:
            # Else the connections of a server that has just ended would keep the port for a minute.
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind((host, self.port))
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        except OSError as error:
            taken.close()
            # Of the two addresses of "localhost" a machine may have one.
            if error.errno not in _NOT_HERE:
                raise
            return
        self._sockets.callback(taken.close)
        self.port = taken.getsockname()[1]


def address_of(host: str, port: int) -> str:
    """HOST:PORT as gRPC and people write it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def cannot_listen(host: str, port: int) -> str:
    """What is said of a port that cannot be had."""
    return (
        f"cannot listen on {address_of(host, port)}: the port is in use or the address is not this "
        "machine's. Choose another with --port (PINNERSAGE_PORT)."
    )


def _addresses(host: str) -> list[_Address]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((family, str(where[0])) for family, _, _, _, where in found))
