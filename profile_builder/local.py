"""The local engine: users in parts over spawned processes, results in order whatever their number."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from profile_builder.actions import ActionTable
from profile_builder.blas import one_thread_each
from profile_builder.errors import WorkerError
from profile_builder.users import BuiltUser, Rules, build_together
from storage.pins.port import Pins

OpenPins = Callable[[], Pins]

_PARTS_IN_FLIGHT = 3

# The largest that glibc lets its thresholds rise to is 32 MiB.
_LARGE_BLOCK_BYTES = 32 * 1024 * 1024 - 65_536


@dataclass(frozen=True, kw_only=True)
class LocalPolicy:
    """How the local engine works.

    Attributes:
        processes: 1 works in this process; more are spawned when there is work for them.
        actions_a_part: Enough work to be worth sending, little enough for some parts in flight to fit into
            memory.
    """

    processes: int
    actions_a_part: int = 20_000


def build_users(
    actions: ActionTable, pins: Pins, rules: Rules, *, open_pins: OpenPins, policy: LocalPolicy
) -> Iterator[BuiltUser]:
    """Every user, in the table's order.

    Args:
        actions: The window's.
        pins: The artefact, for this process.
        rules: The same for all users.
        open_pins: Opens the same artefact in a worker, which maps it into memory rather than being sent it.
        policy: Changes the time this takes, never the result.

    Raises:
        WorkerError: A worker process died.
    """
    keep_freed_memory()
    parts = list(actions.parts(policy.actions_a_part))
    processes = min(policy.processes, len(parts))
    if processes <= 1:
        for part in parts:
            yield from _build_part(part, pins, rules)
    else:
        yield from _build_in_pool(parts, rules, open_pins, processes)


def _build_part(part: ActionTable, pins: Pins, rules: Rules) -> list[BuiltUser]:
    return build_together(list(part), pins, rules)


def keep_freed_memory() -> None:
    """Have the C library keep what arrays free: between users it would give pages back only to fault them in.

    With glibc that was a third of the time of users of 100 to 500 pins. Freeing one large block raises its
    thresholds for good.
    """
    np.empty(_LARGE_BLOCK_BYTES, np.uint8)


def _build_in_pool(
    parts: list[ActionTable], rules: Rules, open_pins: OpenPins, processes: int
) -> Iterator[BuiltUser]:
    # Spawned, not forked: a fork would copy locks that FAISS and Arrow hold.
    context = multiprocessing.get_context("spawn")
    with (
        one_thread_each(),
        ProcessPoolExecutor(processes, context, _start_worker, (open_pins, rules)) as pool,
    ):
        waiting: deque[Future[list[BuiltUser]]] = deque()
        try:
            for part in parts:
                with _without_interrupts():
                    waiting.append(pool.submit(_work, part))
                if len(waiting) == _PARTS_IN_FLIGHT * processes:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        except BrokenProcessPool as error:
            raise WorkerError(
                "a worker process died, most likely for want of memory. Nothing was published. "
                f"Try fewer than --processes {processes}."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Have processes spawned meanwhile never hear Ctrl-C, which reaches all: ending them is our part."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Worker:
    """What a worker process keeps from one part to the next."""

    open_pins: OpenPins
    rules: Rules
    pins: Pins | None = None


def _start_worker(open_pins: OpenPins, rules: Rules) -> None:
    _Worker.open_pins, _Worker.rules = open_pins, rules
    keep_freed_memory()
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """A parent that was killed leaves workers that wait for work for ever, unless they look after it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(part: ActionTable) -> list[BuiltUser]:
    # Opened here, not at the start: what is wrong with it then reaches the person who asked.
    if _Worker.pins is None:
        _Worker.pins = _Worker.open_pins()
    return _build_part(part, _Worker.pins, _Worker.rules)
