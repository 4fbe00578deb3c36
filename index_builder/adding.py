"""The `add` command, and what builds and checks say of the pins that were added."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from index_builder.add import SideChange, add, stand_beside_live, verify_side
from index_builder.errors import LeftBehindError, UsageError
from index_builder.reading import ValidPins, read_pins
from index_builder.settings import AddSettings
from process.progress import Reporter
from process.showing import counted, fact_lines, shown_version
from storage.errors import StorageError
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.columns import encoded
from storage.pins.filters import ColumnKind
from storage.pins.side import SIDE, side_versions
from storage.rejects import Rejects

_REJECTS = "rejects-added.jsonl"


def run_add(settings: AddSettings) -> None:
    """Put new pins beside the live version; without any, put there what was added before.

    Raises:
        UsageError: There is nothing to put there, or pins of another dimension.
        StorageError: The input is bad, or the side cannot be written; what was live still is.
    """
    if settings.pins is not None:
        print("\n".join(fact_lines(_added(settings, settings.pins))))
        return
    # Says so when nothing was ever published there.
    pin_versions(settings.to).current()
    change = stand_beside_live(settings.to, Reporter())
    if change is None:
        raise UsageError("nothing was added before: give --pins FILE")
    print("\n".join(fact_lines(_change_lines(change))))


def carried_over(root: Path) -> str:
    """After a build or a rollback: put beside the live version what it lacks of the pins added before.

    Raises:
        LeftBehindError: They cannot be put there. The version is live all the same.
    """
    try:
        change = stand_beside_live(root, Reporter())
    except StorageError as error:
        live = pin_versions(root).current()
        raise LeftBehindError(
            f"{live} is live, but without the pins added before: {error} Then run: "
            f"python -m index_builder add --to {root}"
        ) from error
    return "" if change is None else "\n".join(fact_lines(_change_lines(change)))


def side_verified(root: Path) -> str:
    """The word that the live side is good; empty where nothing was ever added."""
    side = verify_side(root)
    if side is None:
        return ""
    n, n_indexed = len(side.rows), side.rows.n_indexed
    counts = f"{n:,} pins, {n_indexed:,} of them candidates"
    return f"{SIDE}/{side.version} OK: {counts}, beside {side.rows.beside.version}"


def side_listed(root: Path) -> str:
    """What was added, in a line; empty where nothing ever was."""
    live = next((version for version in side_versions(root).versions() if version.is_current), None)
    if live is None:
        return ""
    if live.problem:
        return f"! {SIDE}/{live.name}: {live.problem}"
    beside, counts = (cast(dict[str, Any], live.manifest[name]) for name in ("beside", "counts"))
    n, n_indexed = counts["pins"], counts["indexed"]
    return (
        f"{SIDE}/{live.name}: {n:,} pins added, {n_indexed:,} of them candidates, beside {beside['version']}"
    )


def _require_kinds(pins: ValidPins, kinds: Mapping[str, ColumnKind], path: Path) -> None:
    for name, kind in encoded(pins.filter_columns, len(pins)).kinds.items():
        if kind is not kinds[name]:
            raise UsageError(
                f"nothing was added: column {name!r} is {kind} in {path} and {kinds[name]} in the artefact"
            )


def _added(settings: AddSettings, pins: Path) -> Iterator[tuple[str, str]]:
    with closing(PinArtefact.open(settings.to, checksums=False)) as main:
        kinds = main.columns.kinds
    with Rejects(settings.rejects or settings.to / _REJECTS) as rejects:
        valid = read_pins(
            pins,
            rejects,
            Reporter(),
            max_reject_share=settings.max_reject_share,
            filter_columns=tuple(kinds),
        )
    _require_kinds(valid, kinds, pins)
    change = add(settings.to, valid, Reporter())
    yield "read", counted(valid.n_read, "row")
    for reason, n in sorted(rejects.counts.items()):
        yield "rejected", f"{n:,} {reason}"
    if rejects.counts:
        yield "", f"listed in {rejects.path}"
    if change is None:
        yield "new", "0: the artefact holds them all, so nothing was added"
        return
    yield "new", f"{change.new:,}"
    yield "not added", f"{change.already_in_main:,} that the artefact holds"
    yield "", f"{change.already_added:,} that were added before"
    yield from _change_lines(change)


def _change_lines(change: SideChange) -> Iterator[tuple[str, str]]:
    n, n_indexed = len(change.rows), change.rows.n_indexed
    if change.folded_in:
        yield "folded in", f"{change.folded_in:,} added before are in the artefact now"
    if change.brought_back:
        yield "brought back", f"{change.brought_back:,} added before, which a later version holds"
    if change.left_behind:
        yield "left behind", f"{change.left_behind:,} added before, of another embedding space: add them anew"
    yield "beside it", f"{n:,} pins, {n_indexed:,} of them candidates"
    for name in change.columns:
        column = change.rows.columns.get(name)
        n_unknown = n if column is None else column.null_count
        if n_unknown:
            yield "", f"{n_unknown:,} without {name}: no filter on it lets them pass but none_of"
    yield "artefact", change.rows.beside.version
    yield "side", shown_version(change.published.version, already_live=change.published.already_live)
