"""A line to a Redis that can be cut: every connection is then reset, in a process of its own."""

import asyncio
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK_BYTES = 65_536
_CUT, _MEND = "cut\n", "mend\n"
# With no time to linger a socket is closed by a reset.
_AT_ONCE = struct.pack("ii", 1, 0)


class Line:
    """A line to the Redis at `port`; ended by `close`.

    Attributes:
        port: Where it begins.
    """

    def __init__(self, port: int) -> None:
        command = [sys.executable, "-m", "tests.reliability.cut_line", str(port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._heard())

    @contextmanager
    def cut(self) -> Iterator[None]:
        """All connections are reset, and new ones as they come, as long as the block lasts."""
        self._say(_CUT)
        try:
            yield
        finally:
            self._say(_MEND)

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _say(self, order: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(order)
        self._process.stdin.flush()
        assert self._heard() == order

    def _heard(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


class _Connections:
    def __init__(self, port: int) -> None:
        self._port, self._is_cut = port, False
        self._open: set[asyncio.StreamWriter] = set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either end closes it."""
        if self._is_cut:
            _reset(writer)
            return
        self._open.add(writer)
        answers, questions = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(_carry(reader, questions), _carry(answers, writer))
        self._open.discard(writer)

    def obey(self, order: str) -> None:
        """Cut the line, or mend it."""
        self._is_cut = order == _CUT
        for writer in self._open if self._is_cut else ():
            _reset(writer)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while content := await reader.read(_CHUNK_BYTES):
            writer.write(content)
    writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    writer.transport.abort()


async def _serve(port: int) -> None:
    connections = _Connections(port)
    server = await asyncio.start_server(connections.carry, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Until nobody holds the other end of standard input.
    while order := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        connections.obey(order)
        print(order, end="", flush=True)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
