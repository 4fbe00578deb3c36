"""What online profiles are computed with, followed while they are: pins, added pins, batches, rollbacks."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from process.attempts import Attempts, in_words
from profile_builder.errors import UsageError
from profile_builder.online_users import Basis
from profile_builder.times import BEFORE_ALL_S
from storage.errors import ArtefactError, NoVersionError, StorageError
from storage.model_file import ModelFile
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.beside import version_beside
from storage.pins.joined import JoinedPins
from storage.pins.port import PinView
from storage.pins.side import Side, has_side
from storage.profiles.opening import live_version, open_batch_publisher
from storage.profiles.store import BatchDescription

LOOK_S = 1.0
RETRY_S = 300.0
"""A version that was refused is opened again so much later: it may have been mended."""

Opened = TypeVar("Opened")

log = structlog.get_logger("profile_builder.online")


class _Latest(Generic[Opened]):
    """What was opened last, by its name; what cannot be opened is tried again `RETRY_S` later, not before."""

    def __init__(self, open_version: Callable[[str], Opened], clock: Callable[[], float]) -> None:
        self._open, self._clock = open_version, clock
        self._name = self._problem = ""
        self._opened: Opened | None = None
        self._tried_s = 0.0

    def get(self, name: str) -> Opened:
        """The version of this name.

        Raises:
            ArtefactError: It could not be opened when that was tried; whatever it was, the first time.
        """
        is_due = bool(self._problem) and self._clock() >= self._tried_s + RETRY_S
        if name != self._name or is_due:
            self._try(name)
        if self._opened is None:
            raise ArtefactError(self._problem)
        return self._opened

    def _try(self, name: str) -> None:
        self._name, self._problem, self._opened = name, "", None
        try:
            self._opened = self._open(name)
        except Exception as error:
            # Whatever it is: to find it took reading gigabytes.
            self._problem, self._tried_s = in_words(error, StorageError), self._clock()
            raise


class LivePins:
    """The live artefact under a folder and what was added to it, opened again when either changes.

    Args:
        root: The artefact's folder.
        clock: Seconds that only grow.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._root = root
        self._mains = _Latest(lambda version: PinArtefact.open(root, version), clock)
        self._sides = _Latest(lambda version: Side.open(root, version), clock)
        self._pins: PinView | None = None
        self._of: tuple[PinArtefact, Side | None] | None = None

    def look(self) -> PinView:
        """The pins, now.

        Raises:
            ArtefactError: They cannot be used; a look in some minutes tries again.
        """
        main = self._mains.get(pin_versions(self._root).current())
        version = version_beside(self._root, main.version) if has_side(self._root) else None
        side = None if version is None else self._sides.get(version)
        if self._pins is None or self._of != (main, side):
            self._pins = main if side is None else JoinedPins(main, side)
            self._of = main, side
        return self._pins


class LiveBatch:
    """What the live batch of a profile store is.

    Args:
        url: The store.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._known: BatchDescription | None = None

    def look(self) -> BatchDescription | None:
        """The live batch, now; None when none was ever published.

        Raises:
            StorageError: The store cannot be read.
        """
        try:
            version = live_version(self._url)
        except NoVersionError:
            return None
        if self._known is None or self._known.version != version:
            (live,) = [each for each in open_batch_publisher(self._url).versions() if each.name == version]
            if live.description is None:
                raise NoVersionError(f"the batch {version} cannot be read: {live.problem}")
            self._known = live.description
        return self._known


class Following:
    """Keeps a basis up to date, in a thread of its own: opening a large artefact takes seconds.

    What is found anew and cannot be used is refused, and the last good basis stays.

    Args:
        pins: Looks at the pins.
        batch: Looks at the batch.
        model_file: What counts as long as there is no batch.
        count_refused: Told once of each thing that is refused.
        place: Where the batch was looked for, for people.

    Raises:
        StorageError: There is nothing to begin with.
        UsageError: There is neither a batch nor a model file.
    """

    def __init__(
        self,
        pins: Callable[[], PinView],
        batch: Callable[[], BatchDescription | None],
        model_file: ModelFile | None,
        *,
        count_refused: Callable[[], None],
        place: str = "the profile store",
    ) -> None:
        self._pins, self._batch, self._model_file, self._place = pins, batch, model_file, place
        self._count_refused, self._looks = count_refused, Attempts(StorageError)
        self._stopped = threading.Event()
        self.basis = self._basis()
        self._thread = threading.Thread(target=self._follow, name="following", daemon=True)

    def start(self) -> None:
        """Begin to look every second."""
        self._thread.start()

    def look(self) -> None:
        """Look once; raises nothing."""
        self._looks.make(self._look, self._tell)

    def close(self) -> None:
        """Look no more."""
        self._stopped.set()
        with suppress(RuntimeError):
            self._thread.join()

    def _follow(self) -> None:
        while not self._stopped.wait(LOOK_S):
            self.look()

    def _look(self) -> None:
        found = self._basis()
        if _name(found) != _name(self.basis):
            self.basis = found
            log.info("followed", pins=found.pins.version, actions_after_s=found.watermark_s)

    def _tell(self, problem: str) -> None:
        self._count_refused()
        log.error("not taken, what was used still is", problem=problem)

    def _basis(self) -> Basis:
        pins, batch = self._pins(), self._batch()
        if batch is not None:
            space, where = batch.embedding_space, "the live batch"
            parameters, version = batch.parameters, batch.parameters_version
        elif self._model_file is not None:
            space, where = self._model_file.embedding_space, "the model file"
            parameters, version = self._model_file.parameters, self._model_file.version
        else:
            raise UsageError(
                f"no batch was published in {self._place} yet: see whether --profiles says where batches go, "
                "publish one there, or say --model model.toml to begin without"
            )
        pins.embedding_space.require(space, ours="the pin artefact", theirs=where)
        return Basis(
            pins=pins,
            parameters=parameters,
            parameters_version=version,
            watermark_s=BEFORE_ALL_S if batch is None else batch.actions_until_s,
        )


def _name(basis: Basis) -> tuple[str, str, int]:
    return basis.pins.version, basis.parameters_version, basis.watermark_s
