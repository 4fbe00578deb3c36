"""RELIABILITY 1, of the takedown list: a change that is killed or fails leaves it whole, no block lost."""

import math
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.pins.takedown import Block, read_takedown
from storage.pins.takedown_writing import block, unblock
from tests.reliability.faults import FAULTS, KILL, KILL_IN_WRITE, LIST_STEPS
from tests.reliability.shares import seeds
from tests.reliability.zygote import Zygote

pytestmark = pytest.mark.reliability

# Of each fault: 250 blocks and as many unblocks.
_CHANGES = math.ceil(250 / len(LIST_STEPS))
# A change is shown before it is made durable; where that fails it is said to be made.
_OTHERWISE = {"refused", "done", "not durable"}
_ALLOWED = {KILL: {"signal 9"}, KILL_IN_WRITE: {"signal 25", *_OTHERWISE}}
_STANDING = {"standing", "85123A"}


def listed(root: Path) -> set[str]:
    """The pins blocked, from a list of which every line can be read."""
    found = read_takedown(root)
    assert not found.bad_lines
    return {each.pin_id for each in found.blocks}


@contextmanager
def watched(root: Path) -> Iterator[None]:
    """Reads the list over and over, as a server does; raises when a standing block was missing."""
    done = threading.Event()

    def read() -> None:
        while not done.wait(0.001):
            assert listed(root) >= _STANDING

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        try:
            yield
        finally:
            done.set()
        reading.result()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", LIST_STEPS)
def test_a_fault_at_any_step_of_a_takedown_loses_no_block(
    tmp_path: Path, zygote: Zygote, tally: Counter[tuple[str, ...]], step: str, fault: str
) -> None:
    """The list is the old one or the new one, which of the two is said, and the next command goes through."""
    block(tmp_path, [Block(pin_id) for pin_id in (*_STANDING, "going")])
    before = {*_STANDING, "going"}
    changes = [("block_faultily", "new", {*before, "new"}), ("unblock_faultily", "going", _STANDING)]
    with watched(tmp_path):
        for seed in seeds(_CHANGES):
            for action, pin_id, after in changes:
                ended = zygote.run(action, str(tmp_path), pin_id, (step, fault, seed))
                tally["blocked.txt", step, fault, ended] += 1
                assert ended in _ALLOWED.get(fault, _OTHERWISE), f"seed {seed}"
                possible = {"refused": [before], "done": [after], "not durable": [after]}
                assert listed(tmp_path) in possible.get(ended, [before, after]), f"seed {seed}"
                unblock(tmp_path, ["new"])
                block(tmp_path, [Block("going")])
                assert listed(tmp_path) == before, f"seed {seed}"
