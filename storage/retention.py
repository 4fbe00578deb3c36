"""Collecting old versions: which are kept and why, and how the others go so that nobody meets half of one.

Each step of collecting is a function, whose name is its fault point; see storage.publication.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from storage.leases import Use, use_of
from storage.syncing import sync

_COLLECTED = ".collected-"

LIVE, TARGET, IN_USE = "live", "to roll back to", Use.SOME.value


class Candidate(Protocol):
    """A version that may be collected."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def is_current(self) -> bool:
        """It is the live one."""
        ...

    @property
    def problem(self) -> str:
        """Why it cannot be read; empty when it can."""
        ...


@dataclass(frozen=True, slots=True)
class Kept:
    """A version that was not collected, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Collected:
    """A version that is gone, and the bytes it took."""

    name: str
    n_bytes: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What came of collecting, oldest version first."""

    collected: tuple[Collected, ...]
    kept: tuple[Kept, ...]

    @property
    def n_bytes(self) -> int:
        """What was freed."""
        return sum(each.n_bytes for each in self.collected)


def reasons_to_keep(versions: Sequence[Candidate], keep: int, target: str | None) -> dict[str, str]:
    """Why versions are kept whoever uses them, by name.

    Args:
        versions: All of them, oldest first.
        keep: The newest so many that can be read, 1 at least.
        target: The version that a rollback goes to.
    """
    newest = [each.name for each in versions if not each.problem][-keep:]
    reasons = dict.fromkeys(newest, f"among the newest {keep:,}")
    reasons |= {each.name: "cannot be read: remove it by hand" for each in versions if each.problem}
    if target is not None:
        reasons[target] = TARGET
    return reasons | {each.name: LIVE for each in versions if each.is_current}


def collect(root: Path, names: Sequence[str], reasons: dict[str, str]) -> Pruned:
    """Remove the versions that there is no reason to keep and that nobody uses.

    Only a publisher may call this. A killed one leaves a folder that is no version; the next takes it away.

    Args:
        root: Their folder.
        names: All versions, oldest first.
        reasons: Why some are kept.

    Raises:
        OSError: The system does not let them be removed; those left are whole.
    """
    _remove_left_overs(root)
    collected, kept = [], []
    for name in names:
        outcome = Kept(name, reasons[name]) if name in reasons else _collect(root, name)
        if isinstance(outcome, Kept):
            kept.append(outcome)
        else:
            collected.append(outcome)
    return Pruned(tuple(collected), tuple(kept))


def _collect(root: Path, name: str) -> Collected | Kept:
    """Remove a version, unless it is in use or nobody can tell."""
    aside = root / f"{_COLLECTED}{name}"
    with use_of(root / name) as use:
        if use is not Use.NONE:
            return Kept(name, use.value)
        _move_aside(root / name, aside)
    _make_move_durable(root)
    n_bytes = sum(path.stat().st_size for path in aside.iterdir())
    _remove(aside)
    return Collected(name, n_bytes)


def _move_aside(folder: Path, aside: Path) -> None:
    """In one step: nobody finds it by its name from here on, and nobody ever finds half of it."""
    folder.rename(aside)


def _make_move_durable(root: Path) -> None:
    """Else half of it might be found under its own name after a loss of power."""
    sync(root)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)


def _remove_left_overs(root: Path) -> None:
    for path in root.glob(f"{_COLLECTED}*"):
        _remove(path)
