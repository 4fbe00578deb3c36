"""Which published versions are good: each is read to its last byte once, whichever process serves it then."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from process.attempts import in_words
from server.metrics_catalogue import FOLLOWED, Artefact
from storage.embedding_space import EmbeddingSpace
from storage.errors import EmbeddingSpaceMismatchError, StorageError
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.manifest import PinManifest
from storage.pins.mapping import let_pages_go
from storage.profiles.opening import live_version, open_reader, shown
from storage.publishing import VersionInfo

# A version is never mended; but a disk or a network may be.
RETRY_S = 300.0
# A server that starts can wait for a store that is slow at the moment; the milliseconds that a call may wait
# for it would end the server instead.
_FIRST_LOOK_S = 10.0

log = structlog.get_logger("server.vouching")


@dataclass(frozen=True, slots=True)
class Versions:
    """What is served together."""

    pins: str
    profiles: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Something that is published in versions.

    Attributes:
        artefact: What it is.
        first: The live version's name, to start with.
        live: The same under way: in a moment, or not at all.
        read: Reads a version to its last byte, and returns the space of its vectors. All raise
            StorageErrors.
        place: Where it is published, for people.
        kept: Versions of a space, live or not, newest first, as far as their manifests tell.
    """

    artefact: Artefact
    first: Callable[[], str]
    live: Callable[[], str]
    read: Callable[[str], EmbeddingSpace]
    place: str
    kept: Callable[[EmbeddingSpace], Iterable[str]] = lambda _: ()


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What is known of a version: the space of its vectors, or why it is refused, and when that was found."""

    space: EmbeddingSpace | None
    problem: str
    found_s: float


class Vouching:
    """Follows what is published and says which versions to serve; for one thread.

    A version is judged once; one that was refused again after `RETRY_S`. What is refused is logged with its
    reason, once.

    Args:
        pins: The pin artefact.
        profiles: The batch profiles.
        count_refused: Told of each refusal.
        clock: Seconds that only grow.

    Attributes:
        refused: Of what the live version was not chosen when it could last be told.
    """

    def __init__(
        self,
        pins: Source,
        profiles: Source,
        *,
        count_refused: Callable[[Artefact], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pins, self._profiles = pins, profiles
        self._count_refused, self._clock = count_refused, clock
        self._verdicts: dict[tuple[Artefact, str], _Verdict] = {}
        self._told: set[str] = set()
        self._is_well = True
        self.refused: frozenset[Artefact] = frozenset()

    def begin(self) -> Versions:
        """The live versions, to start with; in place of pins that are ahead of the profiles, those before.

        Raises:
            StorageError: One of them cannot be served, or not with the other, nor can other pins.
        """
        live = Versions(self._pins.first(), self._profiles.first())
        ours, theirs = self._pins.read(live.pins), self._profiles.read(live.profiles)
        self._verdicts[Artefact.PINS, live.pins] = _Verdict(ours, "", self._clock())
        self._verdicts[Artefact.PROFILES, live.profiles] = _Verdict(theirs, "", self._clock())
        if ours == theirs:
            return live
        older = self._kept_pins(theirs)
        if older is None:
            raise self._apart(ours, theirs)
        self._say_begun_with(older, live)
        return Versions(older, live.profiles)

    def _kept_pins(self, space: EmbeddingSpace) -> str | None:
        """The newest of a space that can be served."""
        for version in self._pins.kept(space):
            verdict = self._verdict(self._pins, version)
            if verdict.space == space:
                return version
            log.warning("older pins refused", pins=version, problem=verdict.problem)
        return None

    def _say_begun_with(self, older: str, live: Versions) -> None:
        """As between pins of a new space and their batch: whoever runs already goes on with the old pair."""
        problem = self._why_apart(live)
        # Later looks find nothing else.
        self._told.add(problem)
        self._count_refused(Artefact.PINS)
        self.refused = frozenset({Artefact.PINS})
        log.warning("begun with older pins, the live ones are not served", pins=older, problem=problem)

    def _apart(self, ours: EmbeddingSpace, theirs: EmbeddingSpace) -> EmbeddingSpaceMismatchError:
        pins, profiles = self._pins.place, self._profiles.place
        return EmbeddingSpaceMismatchError(
            f"the pin artefact in {pins} is of embedding space {ours}, the profile store {profiles} is of "
            f"{theirs}: their vectors cannot be compared. Build one of them anew from the other's "
            "embeddings, or go back to what was live before: "
            f"python -m index_builder rollback --pins {pins}, or "
            f"python -m profile_builder rollback --profiles {profiles}"
        )

    def look(self, served: Versions) -> Versions:
        """The versions to serve now: the live ones, as far as they are good and go together; raises nothing.

        Args:
            served: Those served; this object vouched for them.
        """
        self._is_well = True
        live = self._live(self._pins), self._live(self._profiles)
        pins = self._good(self._pins, live[0]) or served.pins
        profiles = self._good(self._profiles, live[1]) or served.profiles
        wanted = (Versions(pins, profiles), Versions(served.pins, profiles), Versions(pins, served.profiles))
        chosen = next(filter(self._go_together, wanted), served)
        self.refused = _left_out(live, chosen, self.refused)
        if self._is_well:
            # What goes wrong from here on is news.
            self._told.clear()
        return chosen

    def _live(self, source: Source) -> str | None:
        """The live version; None where that cannot be told."""
        try:
            return source.live()
        except Exception as error:
            self._refuse(source.artefact, in_words(error, StorageError))
            return None

    def _good(self, source: Source, version: str | None) -> str | None:
        """The same version if it is good."""
        if version is None:
            return None
        verdict = self._verdict(source, version)
        if verdict.problem:
            self._refuse(source.artefact, verdict.problem)
            return None
        return version

    def _verdict(self, source: Source, version: str) -> _Verdict:
        key = source.artefact, version
        known = self._verdicts.get(key)
        if known is None or (known.problem and self._clock() >= known.found_s + RETRY_S):
            known = self._verdicts[key] = self._judge(source, version)
        return known

    def _judge(self, source: Source, version: str) -> _Verdict:
        try:
            return _Verdict(source.read(version), "", self._clock())
        except Exception as error:
            # Whatever it is, the next look must come.
            return _Verdict(None, in_words(error, StorageError), self._clock())

    def _go_together(self, versions: Versions) -> bool:
        pins = self._verdicts[Artefact.PINS, versions.pins].space
        profiles = self._verdicts[Artefact.PROFILES, versions.profiles].space
        if pins != profiles:
            self._refuse(Artefact.PINS, self._why_apart(versions))
        return pins == profiles

    def _why_apart(self, versions: Versions) -> str:
        pins = self._verdicts[Artefact.PINS, versions.pins].space
        profiles = self._verdicts[Artefact.PROFILES, versions.profiles].space
        return (
            f"pins {versions.pins} are of {pins}, profiles {versions.profiles} of {profiles}: both are "
            "served once they are published for one embedding space"
        )

    def _refuse(self, artefact: Artefact, problem: str) -> None:
        self._is_well = False
        if problem not in self._told:
            self._told.add(problem)
            self._count_refused(artefact)
            log.error("version refused, what was served still is", artefact=artefact.value, problem=problem)


def _left_out(
    live: tuple[str | None, str | None], chosen: Versions, before: frozenset[Artefact]
) -> frozenset[Artefact]:
    """Of what another version than the live one was chosen; while nobody can tell, as known before."""
    found = zip(FOLLOWED, live, (chosen.pins, chosen.profiles), strict=True)
    return frozenset(
        artefact
        for artefact, version, ours in found
        if (artefact in before if version is None else version != ours)
    )


def pins_at(root: Path) -> Source:
    """The pin artefact under a folder."""

    def read(version: str) -> EmbeddingSpace:
        pins = PinArtefact.open(root, version)
        pins.close()
        # It was read to the end: unmapped as it is, it would keep every call waiting.
        let_pages_go(root / version)
        return pins.embedding_space

    def kept(space: EmbeddingSpace) -> Iterator[str]:
        for version in reversed(pin_versions(root).versions()):
            if _space_of(version) == space:
                yield version.name

    live = pin_versions(root).current
    return Source(artefact=Artefact.PINS, first=live, live=live, read=read, place=str(root), kept=kept)


def _space_of(version: VersionInfo) -> EmbeddingSpace | None:
    """As its manifest says; None where that cannot be read."""
    try:
        return PinManifest.from_json(version.manifest, where=version.name).embedding_space
    except StorageError:
        return None


def profiles_at(url: str) -> Source:
    """The batch profiles at a URL."""

    def read(version: str) -> EmbeddingSpace:
        reader = open_reader(url, version)
        space = reader.describe().embedding_space
        reader.close()
        return space

    return Source(
        artefact=Artefact.PROFILES,
        first=partial(live_version, url, timeout_s=_FIRST_LOOK_S),
        live=partial(live_version, url),
        read=read,
        place=shown(url),
    )
