"""Which silent workers are killed: one that others are heard beside, soon; all of them together, later."""

from collections.abc import Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import cast

import pytest

from server.metrics_catalogue import Gone
from server.team import Team
from server.vouching import Versions
from server.worker import READY, Task
from server.worker_place import Restarts, Running, Worker
from tests.server.conftest import settings

VERSIONS = Versions("pins-1", "profiles-1")
# What all have that fall silent together is 4 times as long; looks come as often as a worker speaks.
SILENT_S, ALL_SILENT_S, STEP_S = 10.0, 40.0, 1.0


class FakeProcess:
    """Lives until it is killed."""

    pid, sentinel, exitcode = None, -1, -9

    def __init__(self) -> None:
        self.lives = True

    def is_alive(self) -> bool:
        return self.lives

    def kill(self) -> None:
        self.lives = False

    def join(self, timeout: float | None = None) -> None:
        assert timeout is not None or not self.lives


class Place(Worker):
    """A place among the workers whose process only says what the test has it say."""

    def __init__(self, task: Task, team: "World") -> None:
        self.gone = list[Gone]()
        super().__init__(
            task, Restarts(silent_s=SILENT_S), count_gone=self.gone.append, clock=lambda: team.now_s
        )

    def speak(self) -> None:
        self._theirs.send(READY)

    def close(self) -> None:
        """Let go of what a test needs no longer."""
        self.end(by_s=0.0)
        self._theirs.close()

    def _spawn(self, versions: Versions) -> Running:
        ours, self._theirs = Pipe()
        return Running(cast(BaseProcess, FakeProcess()), ours)


class World:
    """Three workers that serve, and a clock that a test moves."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 0.0
        task = Task(settings=settings(), name="1", port=1, metrics=folder, versions=VERSIONS)
        self.places = [Place(task, self) for _ in range(3)]
        self.team = Team(self.places, VERSIONS)
        for place in self.places:
            place.start(VERSIONS)
        self.go_on(STEP_S, speaking=self.places)
        assert all(place.is_ready for place in self.places)

    def go_on(self, for_s: float, *, speaking: Sequence[Place] = ()) -> None:
        """So long, while these say that they live."""
        for _ in range(int(for_s / STEP_S)):
            self.now_s += STEP_S
            for place in speaking:
                place.speak()
            self.team.look()

    @property
    def gone(self) -> list[int]:
        """How often each was killed."""
        assert all(set(place.gone) <= {Gone.SILENT} for place in self.places)
        return [len(place.gone) for place in self.places]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path)
    yield found
    for place in found.places:
        place.close()


def test_one_that_is_silent_while_others_speak_is_killed_soon(world: World) -> None:
    """What is wrong is wrong with it: it holds its port and answers nobody."""
    world.go_on(SILENT_S - STEP_S, speaking=world.places[1:])
    assert world.gone == [0, 0, 0]
    world.go_on(STEP_S, speaking=world.places[1:])
    assert world.gone == [1, 0, 0]


def test_all_that_fall_silent_together_have_longer(world: World) -> None:
    """Storage that does not answer stops whoever reads of it; killed, none would start without it."""
    world.go_on(ALL_SILENT_S - STEP_S)
    assert world.gone == [0, 0, 0]
    world.go_on(STEP_S)
    assert world.gone == [1, 1, 1]


def test_who_speaks_first_again_costs_the_others_nothing(world: World) -> None:
    """They have as long as ever from then; but who never comes back is killed."""
    world.go_on(2 * SILENT_S)
    world.go_on(STEP_S, speaking=world.places[:1])
    world.go_on(SILENT_S - STEP_S, speaking=world.places[:2])
    assert world.gone == [0, 0, 0]
    world.go_on(STEP_S, speaking=world.places[:2])
    assert world.gone == [0, 0, 1]


def test_one_that_hangs_is_killed_though_the_others_come_and_go(world: World) -> None:
    """No pause of the others spares it for longer than one of all of them would."""
    for _ in range(4):
        world.go_on(SILENT_S - 2 * STEP_S)
        world.go_on(STEP_S, speaking=world.places[1:])
    assert world.gone == [0, 0, 0]
    world.go_on(ALL_SILENT_S - 4 * (SILENT_S - STEP_S), speaking=world.places[1:])
    assert world.gone == [1, 0, 0]
