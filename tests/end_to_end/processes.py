"""The programs as a user runs them: real processes on loopback."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import HANG_S, JOB_S

ROOT = Path(__file__).parents[2]


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m PROGRAM ...` to its end."""
    return subprocess.run(
        [sys.executable, "-m", program, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=JOB_S,
    )


def must(program: str, *arguments: str | Path) -> str:
    """Run a program that has to succeed; its stdout and stderr."""
    ran = run(program, *arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr


def start(*arguments: str | Path) -> "subprocess.Popen[str]":
    """Start a server on a free port, its log in a pipe; the caller ends it."""
    return subprocess.Popen(
        [sys.executable, "-m", "server", "--port", "0", "--metrics-port", "0", *map(str, arguments)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def serving(*arguments: str | Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A server process, once it serves: its address and the process. Ended by its id, whatever happens."""
    process = start(*arguments)
    try:
        yield _address(process), process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=HANG_S)


@contextmanager
def following(*arguments: str | Path) -> Iterator[None]:
    """The consumer of the event stream, as a process. Ended by its id, whatever happens."""
    command = [sys.executable, "-m", "profile_builder", "online", "--metrics-port", "0"]
    process = subprocess.Popen([*command, *map(str, arguments)], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(HANG_S)


def _address(process: "subprocess.Popen[str]") -> str:
    """The address in the log's line `serving`."""
    assert process.stderr is not None
    for line in process.stderr:
        entry = json.loads(line)
        if entry["event"] == "serving":
            return str(entry["address"])
    pytest.fail("the server ended before it served")


def tool(name: str) -> Path:
    """A tool built by `make tools`, else on the PATH; the test skips, and says so, without it."""
    built = ROOT / "build" / "tools" / "bin" / name
    found = built if built.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not here: `make tools` builds it where Go is installed")
    return Path(os.fspath(found))
