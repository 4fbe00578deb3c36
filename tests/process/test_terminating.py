"""SIGTERM ends a job at once, with a sentence and the shell's status for it, whatever the job is at."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from process.terminating import TERMINATED, ended_by_sigterm
from tests.waiting import HANG_S

ROOT = Path(__file__).parents[2]
SENTENCE = "painter: told to end (SIGTERM). Nothing half done is live; run the command again.\n"

JOB = """
import hashlib, sys, time
from dataclasses import dataclass
from process.commands import Program

@dataclass(frozen=True, kw_only=True)
class Paint:
    '''Paint a wall.'''

def at_work(settings):
    print("at work", flush=True)
    try:
        {work}
    finally:
        print("tidied up", flush=True)

program = Program("painter", expected=(OSError,))
program.describe("Paints.")
program.command("paint", Paint, at_work{options})
sys.exit(program.run(["paint"]))
"""
WORK = {
    "waiting": "time.sleep(600)",
    "in Python": "while True: pass",
    # One step of Python's, for minutes.
    "in a library": "hashlib.pbkdf2_hmac('sha256', b'', b'', 1 << 30)",
}


@contextmanager
def painting(work: str, *before: str, options: str = "") -> Iterator["subprocess.Popen[str]"]:
    """A program at work, in a process of its own."""
    job = JOB.format(work=work, options=options)
    command = [*before, sys.executable, "-c", job]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "at work\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("work", WORK)
def test_a_job_ends_when_it_is_told(work: str) -> None:
    """At once: nothing that the job does is waited for, and nothing that it would do at its end."""
    with painting(WORK[work]) as process:
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=HANG_S)
    assert (process.returncode, out, err) == (TERMINATED, "", SENTENCE)


def test_process_1_ends_when_it_is_told() -> None:
    """The first process of a container, which the system ends for nothing that it has not asked for."""
    alone = ("unshare", "--pid", "--fork", "--kill-child")
    if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody have a process 1 of their own")
    told = "import os; assert os.getpid() == 1; os.kill(1, __import__('signal').SIGTERM); time.sleep(600)"
    with painting(told, *alone) as process:
        out, err = process.communicate(timeout=HANG_S)
    assert (process.returncode, out, err) == (TERMINATED, "", SENTENCE)


def test_who_hears_signals_ends_in_their_own_way() -> None:
    """A consumer or a server has something to finish."""
    own = (
        "__import__('signal').signal(15, lambda *_: sys.exit(0)); print('ready', flush=True); time.sleep(600)"
    )
    with painting(own, options=", hears_signals=True") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=HANG_S)
    assert (process.returncode, out, err) == (0, "tidied up\n", "")


def test_afterwards_all_is_as_before() -> None:
    """Whoever runs a command inside a program of theirs has their own signals back."""
    before = signal.getsignal(signal.SIGTERM)
    with ended_by_sigterm("painter"):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.set_wakeup_fd(-1) == -1
