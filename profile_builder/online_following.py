"""What online profiles are computed with, followed while they are: pins, added pins, batches, rollbacks."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from process.attempts import Attempts
from profile_builder.errors import UsageError
from profile_builder.online_users import Basis
from profile_builder.times import BEFORE_ALL_S
from storage.errors import NoVersionError, StorageError
from storage.model_file import ModelFile
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.beside import version_beside
from storage.pins.joined import JoinedPins
from storage.pins.port import PinView
from storage.pins.side import Side, has_side
from storage.profiles.opening import live_version, open_batch_publisher
from storage.profiles.store import BatchDescription

LOOK_S = 1.0

log = structlog.get_logger("profile_builder.online")


class LivePins:
    """The live artefact under a folder and what was added to it, opened again when either changes.

    Args:
        root: The artefact's folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._main: PinArtefact | None = None
        self._pins: PinView | None = None
        self._side: str | None = None

    def look(self) -> PinView:
        """The pins, now.

        Raises:
            ArtefactError: They cannot be used; the next look tries again.
        """
        main, live = self._main, pin_versions(self._root).current()
        if main is None or main.version != live:
            main = PinArtefact.open(self._root, live)
        side = version_beside(self._root, main.version) if has_side(self._root) else None
        if self._pins is None or main is not self._main or side != self._side:
            self._pins = main if side is None else JoinedPins(main, Side.open(self._root, side))
            self._main, self._side = main, side
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
    ) -> None:
        self._pins, self._batch, self._model_file = pins, batch, model_file
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
                "no batch was published yet: publish one, or say --model model.toml to begin without"
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
