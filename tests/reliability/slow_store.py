"""A line to a Redis whose answers come late, and now and then too late, in a process of its own."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# An answer is held back by up to so much, and one in so many for longer than anybody waits.
_SLOW_S, _TOO_SLOW_S, _ONE_IN = 0.02, 0.3, 50
_CHUNK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class SlowLine:
    """A line.

    Attributes:
        port: Its own.
        become_slow: Until then answers come as they are.
    """

    port: int
    become_slow: Callable[[], None]


@contextmanager
def slow_line(port: int) -> Iterator[SlowLine]:
    """A line to the Redis at `port`, in a process of its own."""
    command = [sys.executable, "-m", "tests.reliability.slow_store", str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = process.stdin

        def become_slow() -> None:
            told.write("slow\n")
            told.flush()

        yield SlowLine(int(process.stdout.readline()), become_slow)
        process.kill()


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_slow: Callable[[], bool]
) -> None:
    draw = random.Random()  # noqa: S311 - no secrets here
    try:
        while content := await reader.read(_CHUNK_BYTES):
            if is_slow():
                await asyncio.sleep(draw.uniform(0, _SLOW_S) if draw.randrange(_ONE_IN) else _TOO_SLOW_S)
            writer.write(content)
    except OSError:
        pass
    finally:
        writer.close()


async def _serve(port: int) -> None:
    is_slow = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(
            _carry(reader, questions, lambda: False), _carry(answers, writer, is_slow.is_set)
        )

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    if await loop.run_in_executor(None, sys.stdin.readline):
        is_slow.set()
    # Until nobody holds the other end of standard input.
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
