"""Which versions are served: the live ones, as far as they are good and go together."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from server.metrics_catalogue import Artefact
from server.vouching import RETRY_S, Source, Versions, Vouching, pins_at
from storage.embedding_space import EmbeddingSpace
from storage.errors import (
    DamagedArtefactError,
    EmbeddingSpaceMismatchError,
    NoVersionError,
    StoreUnavailableError,
)
from tests.storage.pins import worlds

A, B = EmbeddingSpace("a", 8), EmbeddingSpace("b", 8)


@dataclass
class Shelf:
    """Something published: versions and their spaces, None for a damaged one; the last is live.

    Attributes:
        is_late: It tells nobody what is live but those who wait.
    """

    versions: dict[str, EmbeddingSpace | None] = field(default_factory=dict)
    spaces: dict[str, EmbeddingSpace] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    is_late: bool = False

    def source(self, artefact: Artefact) -> Source:
        return Source(
            artefact=artefact,
            first=self.newest,
            live=self.live,
            read=self.read,
            place=artefact.value,
            kept=self.kept,
        )

    def kept(self, space: EmbeddingSpace) -> list[str]:
        """By their manifests, which are whole."""
        return [version for version in reversed(self.versions) if (self.spaces[version] == space)]

    def publish(self, version: str, space: EmbeddingSpace | None = A) -> None:
        self.versions.pop(version, None)
        self.versions[version] = space
        self.spaces[version] = space or A

    def live(self) -> str:
        if self.is_late:
            raise StoreUnavailableError("no answer in time")
        return self.newest()

    def newest(self) -> str:
        if not self.versions:
            raise NoVersionError("nothing is live here")
        return list(self.versions)[-1]

    def read(self, version: str) -> EmbeddingSpace:
        self.reads.append(version)
        space = self.versions[version]
        if space is None:
            raise DamagedArtefactError(f"{version} is damaged")
        return space


class World:
    """Pins and profiles, both published once, and what follows them."""

    def __init__(self) -> None:
        self.pins, self.profiles = Shelf(), Shelf()
        self.pins.publish("pins-1")
        self.profiles.publish("profiles-1")
        self.now_s, self.refused = 0.0, list[Artefact]()
        self.vouching = Vouching(
            self.pins.source(Artefact.PINS),
            self.profiles.source(Artefact.PROFILES),
            count_refused=self.refused.append,
            clock=lambda: self.now_s,
        )
        self.served = self.vouching.begin()

    def look(self) -> Versions:
        self.served = self.vouching.look(self.served)
        return self.served


def test_what_is_live_is_served() -> None:
    """Each by itself, forwards and back."""
    world = World()
    assert world.served == Versions("pins-1", "profiles-1")
    world.profiles.publish("profiles-2")
    assert world.look() == Versions("pins-1", "profiles-2")
    world.pins.publish("pins-2")
    assert world.look() == Versions("pins-2", "profiles-2")
    world.pins.publish("pins-1")
    assert world.look() == Versions("pins-1", "profiles-2")
    assert world.refused == []


def test_a_start_waits_for_what_a_look_does_not() -> None:
    """A store that is late when a server begins does not end it; later, what is served stays meanwhile."""
    world = World()
    world.profiles.is_late = True
    assert world.vouching.begin() == Versions("pins-1", "profiles-1")
    world.profiles.publish("profiles-2")
    assert world.look() == Versions("pins-1", "profiles-1")
    world.profiles.is_late = False
    assert world.look() == Versions("pins-1", "profiles-2")


def test_a_version_is_read_once() -> None:
    """However often somebody looks, and also when it comes back."""
    world = World()
    world.pins.publish("pins-2")
    for _ in range(3):
        world.look()
    world.pins.publish("pins-1")
    world.look()
    assert world.pins.reads == ["pins-1", "pins-2"]


def test_a_bad_version_is_refused_and_the_last_good_one_stays() -> None:
    """With its reason, logged and counted once; the next good one is served."""
    world = World()
    world.pins.publish("pins-2", None)
    with capture_logs() as logs:
        for _ in range(3):
            assert world.look().pins == "pins-1"
    assert [(each["event"], each["problem"]) for each in logs] == [
        ("version refused, what was served still is", "pins-2 is damaged")
    ]
    assert world.refused == [Artefact.PINS]
    assert world.vouching.refused == {Artefact.PINS}
    assert world.pins.reads == ["pins-1", "pins-2"]
    world.pins.publish("pins-3")
    assert world.look().pins == "pins-3"
    assert world.vouching.refused == set()


def test_a_bad_version_keeps_no_good_one_waiting() -> None:
    """New profiles are served beside the old pins while the new pins are refused."""
    world = World()
    world.pins.publish("pins-2", None)
    world.profiles.publish("profiles-2")
    assert world.look() == Versions("pins-1", "profiles-2")
    assert world.vouching.refused == {Artefact.PINS}


def test_a_refused_version_is_judged_again_after_a_while() -> None:
    """What could not be read may have been the disk."""
    world = World()
    world.pins.publish("pins-2", None)
    world.look()
    world.pins.publish("pins-2", A)
    assert world.look().pins == "pins-1"
    world.now_s = RETRY_S
    assert world.look().pins == "pins-2"


def test_what_cannot_be_found_changes_nothing() -> None:
    """A folder that is away for a moment is said, and said again when it is away again."""
    world = World()
    kept, world.pins.versions = world.pins.versions, {}
    assert world.look() == Versions("pins-1", "profiles-1")
    world.pins.versions = kept
    world.look()
    world.pins.versions = {}
    world.look()
    world.look()
    assert world.refused == [Artefact.PINS] * 2


def test_while_nobody_can_tell_what_is_live_nothing_else_is_refused() -> None:
    """A store that is away refuses no version, nor does it take a refused one."""
    world = World()
    world.profiles.is_late = True
    world.look()
    assert world.vouching.refused == set()
    world.profiles.is_late = False
    world.profiles.publish("profiles-2", None)
    world.look()
    world.profiles.is_late = True
    world.pins.publish("pins-2", None)
    world.look()
    assert world.vouching.refused == {Artefact.PINS, Artefact.PROFILES}
    world.profiles.is_late = False
    world.profiles.publish("profiles-3")
    world.look()
    assert world.vouching.refused == {Artefact.PINS}


def test_a_new_embedding_space_is_served_once_both_are_of_it() -> None:
    """Never pins of one and profiles of another."""
    world = World()
    world.pins.publish("pins-2", B)
    assert world.look() == Versions("pins-1", "profiles-1")
    world.profiles.publish("profiles-2", A)
    assert world.look() == Versions("pins-1", "profiles-2")
    assert world.vouching.refused == {Artefact.PINS}
    world.profiles.publish("profiles-3", B)
    assert world.look() == Versions("pins-2", "profiles-3")
    assert world.vouching.refused == set()
    assert world.refused == [Artefact.PINS] * 2


def test_a_batch_before_its_pins_is_the_one_refused() -> None:
    """The batch of a new space came before its pins: it is the profiles whose live version is not served."""
    world = World()
    world.profiles.publish("profiles-2", B)
    assert world.look() == Versions("pins-1", "profiles-1")
    assert world.vouching.refused == {Artefact.PROFILES}


def test_a_start_between_pins_of_a_new_space_and_their_batch_serves_the_old_pair() -> None:
    """As servers do that ran before: the newest good pins of the live batch's space, until all is there."""
    world = World()
    world.pins.publish("pins-2", A)
    world.pins.publish("pins-3", None)
    world.pins.publish("pins-4", B)
    with capture_logs() as logs:
        world.served = world.vouching.begin()
        assert world.served == Versions("pins-2", "profiles-1")
        assert world.look() == Versions("pins-2", "profiles-1")
    assert [(each["log_level"], each["pins"]) for each in logs] == [
        ("warning", "pins-3"),
        ("warning", "pins-2"),
    ]
    assert "pins pins-4 are of" in logs[-1]["problem"]
    assert world.vouching.refused == {Artefact.PINS}
    assert world.refused == [Artefact.PINS]
    world.profiles.publish("profiles-2", B)
    assert world.look() == Versions("pins-4", "profiles-2")
    assert world.vouching.refused == set()


def test_a_start_needs_both() -> None:
    """Where something is served first nothing can stay: the errors are raised."""
    world = World()
    world.profiles.publish("profiles-2", B)
    with pytest.raises(EmbeddingSpaceMismatchError):
        world.vouching.begin()
    world.profiles.publish("profiles-3", None)
    with pytest.raises(DamagedArtefactError, match="profiles-3 is damaged"):
        world.vouching.begin()
    world.profiles.versions = {}
    with pytest.raises(NoVersionError):
        world.vouching.begin()


def test_a_server_does_not_start_on_pins_and_profiles_of_different_spaces() -> None:
    """Both places are named, and for each the way back to what was live before."""
    world = World()
    world.profiles.publish("profiles-2", B)
    with pytest.raises(EmbeddingSpaceMismatchError) as refused:
        world.vouching.begin()
    said = str(refused.value)
    assert f"the pin artefact in pins is of embedding space {A}, the profile store profiles is of {B}" in said
    assert "python -m index_builder rollback --pins pins" in said
    assert "python -m profile_builder rollback --profiles profiles" in said


def test_what_is_kept_of_a_space_is_told_by_manifests(tmp_path: Path) -> None:
    """Newest first; a version whose manifest cannot be read is none."""
    first = worlds.publish(tmp_path, worlds.compass()).version
    second = worlds.publish(tmp_path, worlds.compass(titles=False))
    worlds.publish(tmp_path, worlds.cloud(10, 4))
    kept = pins_at(tmp_path).kept
    assert list(kept(worlds.compass().embedding_space)) == [second.version, first]
    assert list(kept(A)) == []
    manifest = second.folder / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text("{")
    assert list(kept(worlds.compass().embedding_space)) == [first]
