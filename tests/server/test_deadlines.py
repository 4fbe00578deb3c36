"""The caller's deadline: no stage begins for nobody."""

import pytest

from server.deadlines import Deadline
from server.errors import CallCancelledError, DeadlineExpiredError


def test_without_a_deadline_every_stage_may_begin() -> None:
    """A caller who sets no deadline waits for as long as it takes."""
    deadline = Deadline()
    deadline.check("merge")

    assert deadline.remaining_s() is None


def test_no_stage_begins_after_the_deadline() -> None:
    """A stage is refused by its name once the time is up, and no time is left, never less than none."""
    deadline = Deadline(-1)

    with pytest.raises(DeadlineExpiredError, match="the deadline passed before stage 'merge' began"):
        deadline.check("merge")
    assert deadline.remaining_s() == 0


def test_no_stage_begins_for_a_caller_who_gave_up() -> None:
    """The same for one who cancelled with time left."""
    with pytest.raises(CallCancelledError, match="the caller gave up before stage 'merge' began"):
        Deadline(60, lambda: False).check("merge")
