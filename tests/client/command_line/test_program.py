"""The installed command as a process: pipes, interrupts, terminals."""

import os
import pty
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

import grpc
import pytest

from pinnersage.client import Candidate, Recommendation
from pinnersage.client.testing import FakeRecommender
from pinnersage.v1 import recommender_pb2 as pb
from tests.client.servers import serving
from tests.waiting import HANG_S

PINNERSAGE = str(Path(sys.executable).with_name("pinnersage"))


def start(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
    """The installed command, as a process of its own."""
    return subprocess.Popen(
        [PINNERSAGE, *arguments, "--timeout", str(HANG_S)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=os.environ | environment,
    )


def test_a_reader_who_has_had_enough() -> None:
    """`pinnersage recommend ann | head -1`: no complaint, the status of a closed pipe."""
    pins = [f"{n:0120d}" for n in range(1_000)]
    answer = Recommendation(candidates=tuple(Candidate(pin, 0.5, "m") for pin in pins))
    with FakeRecommender(recommendations={"ann": answer}) as fake:
        process = start("recommend", "ann", "--max-candidates", "1000", "--server", fake.target)
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("ann: 1,000 candidates")
        process.stdout.close()
        assert process.wait(HANG_S) == 141
        assert process.stderr.read() == ""
        process.stderr.close()


def shell(line: str, server: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """The installed command as a shell runs it, with its redirections."""
    command = ["sh", "-c", f"{shlex.quote(PINNERSAGE)} {line} --timeout {HANG_S}"]
    environment = os.environ | {"PINNERSAGE_SERVER": server} | variables
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=HANG_S, check=False
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk(fake: FakeRecommender) -> None:
    """The answer cannot be written: one sentence, exit status 1."""
    ran = shell("recommend ann > /dev/full", fake.target)
    assert ran.returncode == 1
    assert ran.stderr == "pinnersage: the answer cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    ("line", "status"),
    [("health >&-", 0), ("health --json >&-", 0), ("profile bob 2>&-", 1), ("health x 2>&-", 2)],
)
def test_a_closed_stream(fake: FakeRecommender, line: str, status: int) -> None:
    """The exit status is all that is asked for; there is no traceback on the other stream."""
    ran = shell(line, fake.target)
    assert (ran.returncode, ran.stderr) == (status, "")
    assert "Traceback" not in ran.stdout


def test_grpc_says_nothing_of_its_own(fake: FakeRecommender) -> None:
    """Of a handshake that failed there is one sentence; GRPC_VERBOSITY brings gRPC's own words back."""
    quiet = shell("health --tls", fake.target)
    assert quiet.returncode == 3
    assert quiet.stderr.startswith(f"pinnersage: {fake.target} does not speak TLS")
    assert quiet.stderr.count("\n") == 1
    assert "ssl_transport_security" in shell("health --tls", fake.target, GRPC_VERBOSITY="INFO").stderr


def test_a_person_who_has_had_enough() -> None:
    """Ctrl-C while the server thinks: no traceback, the status of an interrupt."""
    arrived, go_on = Event(), Event()

    def slow(_: pb.RecommendRequest, __: grpc.ServicerContext) -> pb.RecommendResponse:
        arrived.set()
        go_on.wait(HANG_S)
        return pb.RecommendResponse()

    with serving(recommend=slow) as target:
        process = start("recommend", "ann", "--server", target)
        assert arrived.wait(HANG_S)
        process.send_signal(signal.SIGINT)
        shown, error = process.communicate(timeout=HANG_S)
        go_on.set()
    assert (process.returncode, shown, error) == (130, "", "")


@pytest.mark.parametrize(("option", "shown"), [((), "  0.875  ?"), (("--json",), "\\ud83d\\udc29")])
def test_a_terminal_without_emoji(fake: FakeRecommender, option: tuple[str, ...], shown: str) -> None:
    """Old encodings get question marks, JSON its own escapes; never a traceback."""
    process = start("similar", "🐶", *option, "--server", fake.target, PYTHONIOENCODING="ascii")
    out, error = process.communicate(timeout=HANG_S)
    assert (process.returncode, error) == (0, "")
    assert shown in out


def test_a_narrow_terminal(fake: FakeRecommender) -> None:
    """On a terminal no line is longer than it is wide, so that tables stay tables."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"COLUMNS": "24", "PINNERSAGE_SERVER": fake.target}
    command = [PINNERSAGE, "recommend", "ann", "--timeout", str(HANG_S)]
    status = subprocess.call(command, stdout=theirs, env=environment)
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert status == 0
    assert shown.splitlines()[2] == "because you saved dog f…"
    assert shown.splitlines()[3] == "  0.875  🐩  poodle"
