"""A flag is noticed whenever a signal's handler sets it."""

import itertools
import sys
from types import FrameType
from typing import Any

import pytest

from process.flags import Flag
from tests.waiting import HANG_S


@pytest.mark.parametrize("line", range(1, 6))
def test_who_waits_notices_whenever_it_is_set(line: int) -> None:
    """A signal's handler runs between any two lines of what it interrupts, and may wait for none of it."""
    flag, lines = Flag(), itertools.count(1)

    def trace(_frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line" and next(lines) == line:
            flag.set()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        flag.wait(HANG_S)
    finally:
        sys.settrace(before)
    assert flag.is_set


def test_nobody_waits_longer_than_they_wish() -> None:
    """It is not set then."""
    flag = Flag()
    flag.wait(0.01)
    assert not flag.is_set
