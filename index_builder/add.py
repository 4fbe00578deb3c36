"""New pins between builds: put beside the live version at once, and left there until a build holds them."""

import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from index_builder.errors import UsageError
from index_builder.placing import Added, added_before, newly_added, nothing_added, place
from index_builder.reading import ValidPins
from index_builder.side_index import grown, kept
from process.progress import Reporter
from storage.errors import PublishError, PublishLockedError
from storage.manifests import Manifest
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.beside import side_beside, version_beside
from storage.pins.joined import JoinedPins
from storage.pins.port import NO_ROW
from storage.pins.side import EXACT_UP_TO, Side, SideRows, has_side, side_versions, write_side
from storage.publishing import Published

_KEEP_VERSIONS = 3
_WAIT_S, _LOOK_AGAIN_S = 120.0, 0.5


@dataclass(slots=True, kw_only=True)
class SideChange:
    """What became of the pins that were added, now and before.

    Attributes:
        published: The live side.
        rows: What it holds.
        columns: What the artefact's pins can be filtered by.
        n_in_index: So many of its candidates, from the first, are in an index.
        new: Pins that came with this call.
        already_in_main: Those of the input that the artefact holds.
        already_added: Those of the input that were added before.
        folded_in: Pins added before that the artefact now holds: they are no longer beside it.
        brought_back: Pins that another version holds, and that were added to this one before.
        left_behind: Pins added before, of another embedding space: they stand beside nothing.
    """

    published: Published = field(init=False)
    rows: SideRows = field(init=False)
    columns: tuple[str, ...] = ()
    n_in_index: int = 0
    new: int = 0
    already_in_main: int = 0
    already_added: int = 0
    folded_in: int = 0
    brought_back: int = 0
    left_behind: int = 0


def add(root: Path, pins: ValidPins, reporter: Reporter) -> SideChange | None:
    """Put pins beside the live version of the artefact under `root`, with those added before.

    Whoever adds pins at this moment is waited for. When many are not in an index, one is made of them after
    they are live. None, and nothing is published, where the artefact holds them all and none was ever added.

    Raises:
        UsageError: The pins are of another dimension than the artefact's.
        StorageError: There is no artefact, what was added before cannot be read, or nothing can be written;
            the live side still is what it was.
    """
    if not has_side(root) and _holds_all(root, pins):
        return None
    return _published(root, newly_added(pins), reporter)


def stand_beside_live(root: Path, reporter: Reporter) -> SideChange | None:
    """Put what was added before beside the version that is live now; None when nothing ever was.

    Pins that the version holds are dropped from the side: they are in the build. After a rollback, pins that
    a later build took in are brought back.
    """
    return _published(root, None, reporter) if has_side(root) else None


def verify_side(root: Path) -> Side | None:
    """Check the live side, and that it stands beside the live version; None when nothing was ever added.

    Raises:
        ArtefactError: Says exactly what is wrong.
    """
    if not has_side(root):
        return None
    side = Side.open(root)
    with closing(PinArtefact.open(root, checksums=False)) as main:
        JoinedPins(main, side)
    return side


def _holds_all(root: Path, pins: ValidPins) -> bool:
    with closing(PinArtefact.open(root, checksums=False)) as main:
        return bool((main.rows(newly_added(pins).pin_ids) != NO_ROW).all())


def _published(root: Path, new: Added | None, reporter: Reporter) -> SideChange:
    change = _waiting(lambda: _republish(root, new, reporter, grows=False))
    if change.rows.n_indexed - change.n_in_index > EXACT_UP_TO:
        with_index = _waiting(lambda: _republish(root, None, reporter, grows=True))
        change.published, change.n_in_index = with_index.published, with_index.n_in_index
    return change


def _republish(root: Path, new: Added | None, reporter: Reporter, *, grows: bool) -> SideChange:
    """Publish what was added before and what is new, with the index there is, or one of all candidates."""
    change = SideChange()
    folder = side_versions(root)

    def write(draft: Path) -> Manifest:
        # Here one process at a time reads what is live and replaces it: no two can add past each other.
        with closing(PinArtefact.open(root, checksums=False)) as main:
            change.rows = rows = place(_wanted(root, main, new, change), main, reporter)
            change.columns = tuple(main.columns.kinds)
        index = kept(root, rows.pool)
        if grows:
            index = grown(index, rows.pool, reporter)
        change.n_in_index = 0 if index is None else len(index)
        return write_side(draft, rows, index)

    change.published = folder.publish(write)
    # Old versions can wait for the next to be added.
    with suppress(PublishError):
        folder.prune(_KEEP_VERSIONS, _beside_versions(root))
    return change


def _beside_versions(root: Path) -> dict[str, str]:
    """The side of every version of the pins that can be rolled back to."""
    names = [version.name for version in pin_versions(root).versions()]
    return {side: f"beside {name}" for name in names if (side := version_beside(root, name)) is not None}


def _wanted(root: Path, main: PinArtefact, new: Added | None, change: SideChange) -> Added:
    """What was added before and is not yet in the artefact, and then what is new."""
    before = _before(root, main, change)
    in_main = main.rows(before.pin_ids) != NO_ROW
    change.folded_in = int(in_main.sum())
    waiting = before.take(np.flatnonzero(~in_main))
    if new is None:
        return waiting
    if new.embeddings.shape[1] != main.embedding_space.dimension:
        raise UsageError(
            f"nothing was added: the pins have {new.embeddings.shape[1]} dimensions, the artefact is of "
            f"{main.embedding_space}"
        )
    in_main, known = main.rows(new.pin_ids) != NO_ROW, set(waiting.pin_ids)
    is_added = np.array([pin_id in known for pin_id in new.pin_ids], np.bool_)
    fresh = new.take(np.flatnonzero(~in_main & ~is_added))
    change.already_in_main, change.already_added = int(in_main.sum()), int(is_added.sum())
    change.new = len(fresh)
    return waiting.followed_by(fresh)


def _before(root: Path, main: PinArtefact, change: SideChange) -> Added:
    """What was added before, if its vectors can be compared with the artefact's.

    First what stood beside this very artefact, which it does again: it may be live after one that holds more.
    """
    before = nothing_added(main.embedding_space.dimension)
    if not has_side(root):
        return before
    earlier, live = side_beside(root, main.version), Side.open(root).rows
    if earlier is not None:
        before = added_before(earlier, main)
    if live.beside.version == main.version:
        return before
    known = set(before.pin_ids)
    change.brought_back = len(known.difference(live.pin_ids))
    if live.embedding_space != main.embedding_space:
        change.left_behind = len(live)
        return before
    later = [at for at, pin_id in enumerate(live.pin_ids) if pin_id not in known]
    return before.followed_by(added_before(live, main).take(np.array(later, np.int64)))


def _waiting(publish: Callable[[], SideChange]) -> SideChange:
    """Publish once whoever is adding pins at this moment has done so."""
    until_s = time.monotonic() + _WAIT_S
    while True:
        try:
            return publish()
        except PublishLockedError:
            if time.monotonic() > until_s:
                raise
            time.sleep(_LOOK_AGAIN_S)
