"""Servers as processes of their own, pinned to a core; what they use is read from the kernel's books."""

import ctypes
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from benchmarks.serving import ceiling
from server.metrics_catalogue import SERVICE

SERVER_CORE, GENERATOR_CORE = 0, 1
_libc = ctypes.CDLL(None)
_START_S = 300


@dataclass(frozen=True, kw_only=True)
class Target:
    """A server under load.

    Attributes:
        process: Its process, whose children count too.
        port: Where it answers.
        metrics_port: Where it counts; 0 where it does not.
        method: The method that is asked, as gRPC spells it.
    """

    process: "subprocess.Popen[str]"
    port: int
    metrics_port: int
    method: str

    def cpu_us(self) -> float:
        """CPU microseconds of user and system so far, of ended threads too."""
        return sum(_cpu_us(pid) for pid in _family(self.process.pid))

    def private_bytes(self) -> int:
        """Memory that no other process shares, beside what is mapped from files."""
        return sum(_private_bytes(pid) for pid in _family(self.process.pid))

    def hits(self) -> float:
        """Lists found in the cache so far."""
        return self.counts()['pinnersage_candidate_cache_lookups_total{result="hit"}']

    def misses(self) -> float:
        """Lists not found there so far."""
        return self.counts()['pinnersage_candidate_cache_lookups_total{result="miss"}']

    def parsed(self) -> float:
        """Users' profiles parsed so far."""
        return self.counts()['pinnersage_profile_lookups_total{result="parsed"}']

    def cached_bytes(self) -> float:
        """Of the lists in the cache."""
        return self.counts()["pinnersage_candidate_cache_bytes"]

    def cached_lists(self) -> float:
        """How many there are."""
        return self.counts()["pinnersage_candidate_cache_entries"]

    def counts(self) -> Mapping[str, float]:
        """Every series of the server by its name and labels, as it stands on the metrics page."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as page:
            lines = page.read().decode().splitlines()
        return {
            name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")
        }


@contextmanager
def bare(answer_bytes: int, threads: int) -> Iterator[Target]:
    """The ceiling: a server that answers so many bytes, whatever it is asked."""
    command = [sys.executable, "-m", "benchmarks.serving.ceiling", str(answer_bytes), str(threads)]
    with running(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        port = int(process.stdout.readline())
        yield Target(
            process=process,
            port=port,
            metrics_port=0,
            method=f"/{ceiling.SERVICE}/{ceiling.METHOD}",
        )


@contextmanager
def pinnersage(
    pins: Path, profiles: Path, *, cache_mb: int, threads: int, flags: Sequence[str] = ()
) -> Iterator[Target]:
    """The server, ready to answer."""
    port, metrics_port = _free_port(), _free_port()
    options = {
        "pins": pins,
        "profiles": profiles,
        "port": port,
        "metrics-port": metrics_port,
        "cache-mb": cache_mb,
        "threads": threads,
        "drain-s": 0,
        "log-level": "warning",
    }
    command = [sys.executable, "-m", "server", *flags]
    command += [f"--{name}={value}" for name, value in options.items()]
    with running(command) as process:
        _await_port(port, process)
        yield Target(process=process, port=port, metrics_port=metrics_port, method=f"/{SERVICE}/Recommend")


def idle_private_bytes() -> int:
    """Private memory of a process that has imported what the server imports, and does nothing."""
    code = "import server.bootstrap, sys; print(flush=True); sys.stdin.read()"
    with running([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        process.stdout.readline()
        return _private_bytes(process.pid)


@contextmanager
def running(
    command: Sequence[str], stdin: int | None = None, stdout: int | None = None
) -> Iterator["subprocess.Popen[str]"]:
    """A process on the core that servers have, ended afterwards."""
    pinned = ["taskset", "--cpu-list", str(SERVER_CORE), *command]
    process = subprocess.Popen(pinned, stdin=stdin, stdout=stdout, text=True)  # noqa: S603 - our own programs
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def _await_port(port: int, process: "subprocess.Popen[str]") -> None:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        ready = grpc.channel_ready_future(channel)
        until = time.monotonic() + _START_S
        while time.monotonic() < until and process.poll() is None:
            try:
                ready.result(timeout=1)
            except grpc.FutureTimeoutError:
                continue
            return
    raise RuntimeError(f"the server did not start: exit status {process.returncode}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _family(pid: int) -> list[int]:
    """The process and all that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(each for child in children for each in _family(int(child)))]


def _cpu_us(pid: int) -> float:
    # /proc/PID/stat counts in ticks of 10 ms, which a server meets or misses in bursts of a tenth of one.
    clock = ctypes.c_int()
    if error := _libc.clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise OSError(error, f"the CPU clock of process {pid}: {os.strerror(error)}")
    return time.clock_gettime_ns(clock.value) / 1_000


def _private_bytes(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    dirty: list[str] = re.findall(r"^Private_Dirty:\s+(\d+) kB", rollup, re.MULTILINE)
    return sum(map(int, dirty)) * 1024
