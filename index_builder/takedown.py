"""The takedown commands: block pins, unblock them, and say what is blocked in terms of the live version."""

from contextlib import closing
from pathlib import Path

from index_builder.errors import UsageError
from index_builder.settings import BlockedSettings, BlockSettings, UnblockSettings
from storage.errors import ArtefactError
from storage.pins.artefact import PinArtefact, pin_versions
from storage.pins.beside import side_beside
from storage.pins.port import NO_ROW
from storage.pins.side import has_side
from storage.pins.takedown import FILE, Block, TakedownList, read_takedown
from storage.pins.takedown_writing import Change, block, unblock


def run_block(settings: BlockSettings) -> None:
    """Put pins on the list, and say what that hides.

    Raises:
        UsageError: A pin cannot have one of the ids.
        StorageError: There is no such artefact, or the list cannot be written.
    """
    _require_artefact(settings.pins)
    blocks = [Block(pin_id, settings.only, settings.note or "") for pin_id in settings.pin_ids]
    try:
        change = block(settings.pins, blocks)
    except ValueError as error:
        raise UsageError(f"nothing was blocked: {error}") from error
    told = _told(change, "blocked", "blocked already")
    print("\n".join([*told, *_unknown_lines(settings.pins, settings.pin_ids), _in_force(settings.pins)]))


def run_unblock(settings: UnblockSettings) -> None:
    """Take pins off the list.

    Raises:
        StorageError: There is no such artefact, or the list cannot be written.
    """
    _require_artefact(settings.pins)
    change = unblock(settings.pins, settings.pin_ids)
    told = _told(change, "no longer blocked", "not on the list")
    print("\n".join([*told, _in_force(settings.pins)]))


def run_blocked(settings: BlockedSettings) -> None:
    """Print the list, and the lines of it that cannot be read.

    Raises:
        StorageError: There is no such artefact, or the list cannot be read.
    """
    _require_artefact(settings.pins)
    takedown = read_takedown(settings.pins)
    unknown = set(_unknown(settings.pins, [each.pin_id for each in takedown.blocks]) or ())
    for each in takedown.blocks:
        facts = ["alone" if each.only else "with its near-duplicates"]
        facts += ["not in the live version"] * (each.pin_id in unknown)
        facts += [each.note] * bool(each.note)
        print(f"  {each.pin_id}  {'; '.join(facts)}")
    for line in takedown.bad_lines:
        print(f"! {settings.pins / FILE}, line {line.number:,}: {line.problem}")
    print(_listed(takedown))


def _require_artefact(root: Path) -> None:
    """Refuse a folder that no server reads: what is blocked there would go on being shown."""
    if not (root / FILE).exists():
        pin_versions(root).current()


def _told(change: Change, done: str, already: str) -> list[str]:
    return [f"  {pin_id}  {done}" for pin_id in change.done] + [
        f"  {pin_id}  {already}" for pin_id in change.already
    ]


def _unknown_lines(root: Path, pin_ids: list[str]) -> list[str]:
    unknown = _unknown(root, pin_ids)
    if unknown is None:
        return ["! The live version cannot be opened: whether it holds these pins is not known."]
    return [
        f"! {pin_id} is not in the live version: it waits on the list for one that holds it."
        for pin_id in unknown
    ]


def _unknown(root: Path, pin_ids: list[str]) -> list[str] | None:
    """The pins that the live version does not hold; None when that cannot be told."""
    try:
        with closing(PinArtefact.open(root, checksums=False)) as pins:
            rows, added = pins.rows(pin_ids).tolist(), _added(root, pins.version)
    except ArtefactError:
        return None
    known = zip(pin_ids, rows, strict=True)
    return [pin_id for pin_id, row in known if row == NO_ROW and pin_id not in added]


def _added(root: Path, version: str) -> frozenset[str]:
    """What was added to the live version."""
    rows = side_beside(root, version) if has_side(root) else None
    return frozenset() if rows is None else frozenset(rows.pin_ids)


def _in_force(root: Path) -> str:
    return f"{_listed(read_takedown(root))} Running servers follow within 5 s."


def _listed(takedown: TakedownList) -> str:
    n, n_bad = len(takedown.blocks), len(takedown.bad_lines)
    bad = f", {n_bad:,} {'line' if n_bad == 1 else 'lines'} cannot be read" if n_bad else ""
    return f"{n:,} {'pin is' if n == 1 else 'pins are'} on the list{bad}."
