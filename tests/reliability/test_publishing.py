"""RELIABILITY 1: a publish, rollback or prune that is killed or fails at any step harms nobody who reads."""

import math
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.publication import version_names
from tests.reliability.actions import KINDS, folder_of, publish_one, read_one
from tests.reliability.faults import (
    EIO,
    ENOSPC,
    FAULTS,
    GO_TO_STEPS,
    KILL,
    KILL_IN_WRITE,
    PRUNE_STEPS,
    PUBLISH_STEPS,
)
from tests.reliability.shares import cells, seeds
from tests.reliability.zygote import Zygote

pytestmark = pytest.mark.reliability

# Of each fault: 1,000 publishes over all artefacts and steps, and a quarter of that as rollbacks.
_PUBLISHES = math.ceil(1_000 / (len(KINDS) * len(PUBLISH_STEPS)))
_ROLLBACKS = math.ceil(250 / (len(KINDS) * len(GO_TO_STEPS)))
# Nothing is written there, so no write is cut short.
_PRUNE_FAULTS = (KILL, EIO, ENOSPC)
_PRUNES = math.ceil(250 / (len(KINDS) * len(PRUNE_STEPS)))
_OTHERWISE = {"refused", "done"}
# LMDB gives up at a write that is cut short, before one that would be death.
_ALLOWED = {KILL: {"signal 9"}, KILL_IN_WRITE: {"signal 25", *_OTHERWISE}}


@contextmanager
def reader_of(kind: str, root: Path) -> Iterator[Counter[str]]:
    """Opens what is live over and over, with every check; raises what it could not read."""
    done, met = threading.Event(), Counter[str]()

    def read() -> None:
        while not done.wait(0.002):
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
    expected = {"CURRENT", ".lock", *version_names(folder.root)}
    return {path.name for path in folder.root.iterdir()} - expected


@pytest.mark.parametrize(("kind", "step", "fault"), cells(KINDS, PUBLISH_STEPS, FAULTS))
def test_a_fault_at_any_step_of_a_publish_harms_nobody(
    tmp_path: Path, zygote: Zygote, tally: Counter[tuple[str, ...]], *, kind: str, step: str, fault: str
) -> None:
    """A reader meets the old version or the new one, whole; the next publish collects all that was left."""
    publish_one(kind, tmp_path, "old")
    shown, root = {"old"}, folder_of(kind, tmp_path).root
    with reader_of(kind, tmp_path) as met:
        for seed in seeds(_PUBLISHES):
            case, before = f"seed {seed}", len(version_names(root))
            ended = zygote.run("publish_faultily", kind, str(tmp_path), f"new {seed}", (step, fault, seed))
            tally[kind, step, fault, ended] += 1
            assert ended in _ALLOWED.get(fault, _OTHERWISE), case
            live = read_one(kind, tmp_path)
            assert live in {*shown, f"new {seed}"}, case
            assert live == f"new {seed}" or ended != "done", case
            publish_one(kind, tmp_path, f"next {seed}")
            assert read_one(kind, tmp_path) == f"next {seed}", case
            assert left_overs(kind, tmp_path) == set(), case
            n_shown = 1 + (live == f"new {seed}")
            assert len(version_names(root)) == before + n_shown, case
            shown |= {live, f"next {seed}"}
    assert set(met) <= shown
    tally[kind, "all", "none", "whole versions read meanwhile"] += met.total()


@pytest.mark.parametrize(("kind", "step", "fault"), cells(KINDS, GO_TO_STEPS, FAULTS))
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
            tally[kind, step, fault, ended] += 1
            assert ended in _ALLOWED.get(fault, _OTHERWISE), f"seed {seed}"
            assert read_one(kind, tmp_path) in {"old", "new"}
            folder.make_current(old)
            assert read_one(kind, tmp_path) == "old"
            folder.make_current(new)
            assert [info.name for info in folder.versions()] == [old, new], f"seed {seed}"
    assert set(met) <= {"old", "new"}
    tally[kind, "all", "none", "whole versions read meanwhile"] += met.total()


@pytest.mark.parametrize(("kind", "step", "fault"), cells(KINDS, PRUNE_STEPS, _PRUNE_FAULTS))
def test_a_fault_at_any_step_of_collecting_harms_nobody(
    tmp_path: Path, zygote: Zygote, tally: Counter[tuple[str, ...]], *, kind: str, step: str, fault: str
) -> None:
    """What is found by name is whole; the live one, its rollback and one in use stay; the next prune ends."""
    folder = folder_of(kind, tmp_path)
    publish_one(kind, tmp_path, "in use")
    in_use = folder.lease()
    for seed in seeds(_PRUNES):
        for name in ("old", "older", "target", "live"):
            publish_one(kind, tmp_path, f"{name} {seed}")
        with reader_of(kind, tmp_path):
            ended = zygote.run("prune_faultily", kind, str(tmp_path), (step, fault, seed))
            tally[kind, step, fault, ended] += 1
            assert ended in _ALLOWED.get(fault, _OTHERWISE), f"seed {seed}"
            for info in folder.versions():
                read_one(kind, tmp_path, info.name)
        folder.prune(1)
        left = [read_one(kind, tmp_path, info.name) for info in folder.versions()]
        assert left == ["in use", f"target {seed}", f"live {seed}"]
        assert left_overs(kind, tmp_path) == set()
    in_use.close()
