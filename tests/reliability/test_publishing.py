"""RELIABILITY 1: a publish that is killed or fails at any step harms nobody who reads."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.reliability.actions import PINS, PROFILES, folder_of, publish_one, read_one
from tests.reliability.faults import FAULTS, GO_TO_STEPS, KILL, KILL_IN_WRITE, PUBLISH_STEPS
from tests.reliability.shares import seeds
from tests.reliability.zygote import Zygote

pytestmark = pytest.mark.reliability

# Of each fault: 1,000 over both artefacts and all steps.
_PUBLISHES = 1_000 // (2 * len(PUBLISH_STEPS))
_ROLLBACKS = 1_000 // (2 * len(GO_TO_STEPS)) // 4
_OTHERWISE = {"refused", "published"}
# LMDB gives up at a write that is cut short, before one that would be death.
_ALLOWED = {KILL: {"signal 9"}, KILL_IN_WRITE: {"signal 25", *_OTHERWISE}}


@contextmanager
def reader_of(kind: str, root: Path) -> Iterator[Counter[str]]:
    """Opens what is live over and over, with every check; raises what it could not read."""
    done, met = threading.Event(), Counter[str]()

    def read() -> None:
        while not done.is_set():
            met[read_one(kind, root)] += 1

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            yield met
        finally:
            done.set()
        reading.result()


def left_overs(kind: str, root: Path) -> set[str]:
    folder = folder_of(kind, root)
    expected = {"CURRENT", ".lock", *(info.name for info in folder.versions())}
    return {path.name for path in folder.root.iterdir()} - expected


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", PUBLISH_STEPS)
@pytest.mark.parametrize("kind", [PINS, PROFILES])
def test_a_fault_at_any_step_of_a_publish_harms_nobody(
    tmp_path: Path, zygote: Zygote, tally: Counter[tuple[str, ...]], *, kind: str, step: str, fault: str
) -> None:
    """A reader meets the old version or the new one, whole; the next publish collects all that was left."""
    publish_one(kind, tmp_path, "old")
    shown = {"old"}
    with reader_of(kind, tmp_path) as met:
        for seed in seeds(_PUBLISHES):
            case, before = f"seed {seed}", len(folder_of(kind, tmp_path).versions())
            ended = zygote.run("publish_faultily", kind, str(tmp_path), f"new {seed}", (step, fault, seed))
            assert ended in _ALLOWED.get(fault, _OTHERWISE), case
            live = read_one(kind, tmp_path)
            assert live in {*shown, f"new {seed}"}, case
            assert live == f"new {seed}" or ended != "published", case
            assert zygote.run("publish", kind, str(tmp_path), f"next {seed}") == "published"
            assert read_one(kind, tmp_path) == f"next {seed}", case
            assert left_overs(kind, tmp_path) == set(), case
            n_shown = 1 + (live == f"new {seed}")
            assert len(folder_of(kind, tmp_path).versions()) == before + n_shown, case
            shown |= {live, f"next {seed}"}
            tally[kind, step, fault, ended] += 1
    assert set(met) <= shown
    tally[kind, step, "whole versions read meanwhile", ""] += met.total()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", GO_TO_STEPS)
@pytest.mark.parametrize("kind", [PINS, PROFILES])
def test_a_fault_at_any_step_of_a_rollback_harms_nobody(
    tmp_path: Path, zygote: Zygote, tally: Counter[tuple[str, ...]], *, kind: str, step: str, fault: str
) -> None:
    """A reader meets one of both; no version is lost, and rolling back again works."""
    for name in ("old", "new"):
        publish_one(kind, tmp_path, name)
    folder = folder_of(kind, tmp_path)
    old, new = (info.name for info in folder.versions())
    with reader_of(kind, tmp_path) as met:
        for seed in seeds(_ROLLBACKS):
            ended = zygote.run("go_to_faultily", kind, str(tmp_path), old, (step, fault, seed))
            assert ended in _ALLOWED.get(fault, _OTHERWISE), f"seed {seed}"
            assert read_one(kind, tmp_path) in {"old", "new"}
            folder.make_current(old)
            assert read_one(kind, tmp_path) == "old"
            folder.make_current(new)
            assert [info.name for info in folder.versions()] == [old, new], f"seed {seed}"
            tally[kind, step, fault, ended] += 1
    assert set(met) <= {"old", "new"}
