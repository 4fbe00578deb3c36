"""Nobody waits for a store that answers nobody, but the one who finds out when it is back."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from redis import exceptions

from storage.profiles.redis.silence import Silence

_TIMEOUT_S = 10.0


class World:
    """A store's silence by a clock that stands still unless it is set."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.silence = Silence(_TIMEOUT_S, lambda: self.now_s)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A caller who asks at the block's beginning and gives up at its end."""
        late = exceptions.TimeoutError("too late")
        try:
            with self.silence.asking():
                yield
                raise late
        except exceptions.TimeoutError as error:
            # And not because somebody else waits.
            assert error is late  # noqa: PT017 - what is raised within `raises` must be one statement

    def is_turned_away(self) -> bool:
        """Whether a caller is told at once; who is not has an answer at once."""
        try:
            with self.silence.asking():
                return False
        except exceptions.TimeoutError:
            return True


@pytest.fixture
def world() -> World:
    return World()


def test_of_a_silent_store_one_caller_at_a_time_finds_out(world: World) -> None:
    """Eight threads notice it together; then one waits, the others are told, until that one gives up."""
    with ExitStack() as threads:
        for _ in range(8):
            threads.enter_context(world.waiting())
        world.now_s = 10.0
    with world.waiting():
        assert [world.is_turned_away() for _ in range(8)] == [True] * 8
        world.now_s = 20.0
    with world.waiting():
        assert world.is_turned_away()


def test_who_noticed_late_sends_nobody_else_to_wait(world: World) -> None:
    """Callers of before the silence give up one after the other, while somebody waits already."""
    with ExitStack() as late:
        late.enter_context(world.waiting())
        with world.waiting():
            world.now_s = 10.0
        with world.waiting():
            late.close()
            assert world.is_turned_away()


def test_the_first_answer_ends_the_silence(world: World) -> None:
    """From then on everybody asks again."""
    with world.waiting():
        world.now_s = 10.0
    assert not world.is_turned_away()
    with world.waiting():
        assert not world.is_turned_away()


def test_a_refusal_is_an_answer(world: World) -> None:
    """A store that is back and refuses is not silent: each caller is to hear why."""
    with world.waiting():
        world.now_s = 10.0
    for _ in range(2):
        with pytest.raises(exceptions.ReadOnlyError), world.silence.asking():
            raise exceptions.ReadOnlyError


def test_one_late_answer_among_others_is_no_silence(world: World) -> None:
    """Somebody was answered while another waited: nobody is turned away."""
    with world.waiting():
        world.now_s = 1.0
        assert not world.is_turned_away()
        world.now_s = 10.0
    with world.waiting():
        assert not world.is_turned_away()


def test_who_is_alone_is_never_turned_away(world: World) -> None:
    """A publisher's next try is a try."""
    for give_up_s in (10.0, 20.0, 30.0):
        with world.waiting():
            world.now_s = give_up_s
    assert not world.is_turned_away()
