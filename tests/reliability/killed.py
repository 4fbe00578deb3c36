"""Writers that keep one number after the other and say so, each killed at an instant of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

from tests.reliability.shares import chance, seeds
from tests.reliability.zygote import ROOT


def write_as_told(open_writer: Callable[[], Callable[[int], None]]) -> None:
    """The process of the writers: forks one for each line that it reads, a number that it counts up from.

    Args:
        open_writer: Called in the fork; what it returns keeps a number, and returns once that is kept.
    """
    for line in iter(sys.stdin.readline, ""):
        child = os.fork()
        if child == 0:
            os.write(1, b"pid %d\n" % os.getpid())
            keep = open_writer()
            for number in range(int(line), int(line) + 1_000_000):
                keep(number)
                os.write(1, b"%d\n" % number)
        os.waitpid(child, 0)
        print("dead", flush=True)


def acknowledged_by_the_killed(
    program: str, *arguments: str, full: int, after_the_last: int
) -> Iterator[tuple[int, list[int]]]:
    """The seed, and the numbers acknowledged, of writer after writer.

    Args:
        program: Python that calls `write_as_told`.
        arguments: Its own.
        full: How many writers a full test has.
        after_the_last: From the last number acknowledged to the next writer's first: 1 has it keep again
            what the dead one was at, which may be kept or not; 2 leaves that out.
    """
    command = [sys.executable, "-W", "ignore", "-c", program, *arguments]
    next_number = 1
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writers:
        assert writers.stdin is not None
        assert writers.stdout is not None
        for seed in seeds(full):
            print(next_number, file=writers.stdin, flush=True)
            pid = int(writers.stdout.readline().split()[1])
            n_before = chance("kill", seed).randrange(1, 12)
            numbers = [int(writers.stdout.readline()) for _ in range(n_before)]
            os.kill(pid, signal.SIGKILL)
            while (line := writers.stdout.readline().strip()) != "dead":
                numbers.append(int(line))
            yield seed, numbers
            next_number = numbers[-1] + after_the_last
        writers.stdin.close()
