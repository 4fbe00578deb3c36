"""RELIABILITY 16 and 25: a worker's crash is contained; starts and ends are clean."""

import os
import signal
import time
from collections import Counter
from pathlib import Path

import grpc
import pytest

from tests.reliability.served_world import publish_pins, publish_profiles
from tests.reliability.servers import Server, children_of, kill, serving, under_load, wait_until_gone
from tests.reliability.shares import SHARE, chance, seeds

pytestmark = pytest.mark.reliability

_READY_AGAIN_S = 5.0
_CALLERS = 4
_WORKERS = 2
_SHARED = ("--workers", str(_WORKERS), "--port", "0", "--drain-s", "0", "--grace-s", "5")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    publish_pins(folder / "pins", "old")
    publish_profiles(folder / "profiles", "old")
    return folder


def test_a_killed_worker_takes_only_its_own_calls_along(world: Path, tally: Counter[tuple[str, ...]]) -> None:
    """Each caller loses the call it had under way there at most, and the worker is replaced."""
    began_s = time.monotonic()
    with serving(world, *_SHARED) as server:
        server.wait_for("all workers serve")
        # The control: where a server takes longer than that to start, so may a worker.
        soon_s = max(_READY_AGAIN_S, time.monotonic() - began_s)
        with under_load(server.address, _CALLERS) as load:
            for seed in seeds(100):
                load.wait_for(10)
                before, n_serving = load.n_failed, len(server.events("serving"))
                began_s = time.monotonic()
                kill(chance("worker", seed).choice(server.workers()))
                server.wait_for("serving", n_serving + 1)
                took_s = time.monotonic() - began_s
                load.wait_for(10)
                # One call each, and one more for who connected to the dead one's socket as it closed.
                assert load.n_failed - before <= 2 * _CALLERS, f"seed {seed}"
                assert len(server.workers()) == _WORKERS, f"seed {seed}"
                tally["worker killed", "in time" if took_s <= soon_s else "late"] += 1
        assert set(load.failed) <= {grpc.StatusCode.UNAVAILABLE}
        assert server.end() == 0
    if SHARE == 1:
        assert tally["worker killed", "late"] <= 1


def test_a_stopped_worker_is_replaced(world: Path, tally: Counter[tuple[str, ...]]) -> None:
    """It is there and answers nobody: it is killed, and another takes its place; others serve meanwhile."""
    with serving(world, *_SHARED) as server:
        server.wait_for("all workers serve")
        stopped = server.workers()[0]
        os.kill(stopped, signal.SIGSTOP)
        with under_load(server.address, _CALLERS) as load:
            server.wait_for("worker killed: it is silent")
            server.wait_for("serving", _WORKERS + 1)
            load.wait_for(10)
        assert stopped not in server.workers()
        assert len(server.workers()) == _WORKERS
        # As above.
        assert load.n_failed <= 2 * _CALLERS
        assert set(load.failed) <= {grpc.StatusCode.UNAVAILABLE}
        assert server.end() == 0
    tally["worker stopped", "replaced"] += 1


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "SIGKILL"])
def test_no_process_is_left_behind(world: Path, tally: Counter[tuple[str, ...]], how: str) -> None:
    """Under load, ended in order or killed at any moment of its life: nothing hangs, nothing survives."""
    for seed in seeds(200 // 3):
        server = Server(world, *_SHARED)
        draw = chance("end", how, seed)
        if draw.random() < 0.5:
            _end_while_serving(server, how)
        else:
            _end_while_starting(server, how, draw.random())
        tally[how, "ended"] += 1


def _end_while_serving(server: Server, how: str) -> None:
    server.wait_for("all workers serve")
    with under_load(server.address, _CALLERS, is_patient=False) as load:
        load.wait_for(10)
        family = children_of(server.process.pid)
        assert server.end(getattr(signal, how)) == (-9 if how == "SIGKILL" else 0)
        wait_until_gone(family)
    assert set(load.failed) <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


def _end_while_starting(server: Server, how: str, part: float) -> None:
    """Somewhere in the first seconds: before it has workers, while they start, or just after."""
    time.sleep(5 * part)
    family = children_of(server.process.pid)
    status = server.end(getattr(signal, how))
    number = getattr(signal, how)
    assert status in {0, -number, 128 + number} or _was_python_itself(server), server.log.read_text()
    wait_until_gone(family)


def _was_python_itself(server: Server) -> bool:
    """Interrupted before the first line of ours."""
    said = server.log.read_text()
    return "KeyboardInterrupt" in said and "server/" not in said


def test_a_second_server_on_the_port_fails_loudly(world: Path) -> None:
    """Of whichever number of workers; the first time the other workers of the first one still start."""
    with serving(world, *_SHARED) as first:
        port = first.address.rpartition(":")[2]
        for workers in ("1", "2"):
            second = Server(world, "--workers", workers, "--port", port)
            assert second.process.wait(120) == 1
            assert f"cannot listen on 127.0.0.1:{port}" in second.log.read_text()
            assert "Traceback" not in second.log.read_text()
