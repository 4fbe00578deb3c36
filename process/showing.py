"""What programs print when they are done, in one look: facts line by line, and the table of versions."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        title: Above it.
        is_text: Texts stand to the left, numbers to the right.
    """

    title: str
    is_text: bool = False


class Version(Protocol):
    """A published version, of whatever."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def is_current(self) -> bool:
        """It is the live one."""
        ...

    @property
    def n_bytes(self) -> int:
        """Its size."""
        ...

    @property
    def problem(self) -> str:
        """Why it cannot be read; empty when it can."""
        ...


VersionT = TypeVar("VersionT", bound=Version)


def fact_lines(facts: Iterable[tuple[str, str]]) -> list[str]:
    """One line a fact: its title, and what it is."""
    return [f"  {title:<18}{text}" for title, text in facts]


def counted(n: int, noun: str) -> str:
    """So many of them."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def shown_version(version: str, *, already_live: bool) -> str:
    """The version that a program published, or found to be there already."""
    return f"{version} (the same as before: nothing was written)" if already_live else version


def table_of_versions(
    versions: Iterable[VersionT], columns: Sequence[Column], cells: Callable[[VersionT], list[str] | None]
) -> str:
    """One line a version, in the order given; those that cannot be read say why below.

    Args:
        versions: What is listed.
        columns: Those between the version's name, the star at the live one, and its size.
        cells: What stands there; None for a version that cannot be read.
    """
    versions = list(versions)
    around = (Column("version", is_text=True), Column("live", is_text=True), *columns, Column("MB"))
    rows = [[column.title for column in around]]
    for version in versions:
        own = cells(version)
        rest = ["?"] * (len(columns) + 1) if own is None else [*own, f"{version.n_bytes / 1e6:,.1f}"]
        rows.append([version.name, "*" if version.is_current else "", *rest])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(_padded, row, widths, around)).rstrip() for row in rows]
    problems = [f"! {version.name}: {version.problem}" for version in versions if version.problem]
    return "\n".join([*lines, *problems])


def freed(collected: Sequence[tuple[str, int]], kept: Sequence[tuple[str, str]]) -> str:
    """What collecting old versions came to: those gone with their bytes, those kept with why."""
    lines = [f"  {name}  collected, {n_bytes / 1e6:,.1f} MB" for name, n_bytes in collected]
    lines += [f"  {name}  kept: {why}" for name, why in kept]
    n_bytes = sum(n_bytes for _, n_bytes in collected)
    versions = "1 version" if len(collected) == 1 else f"{len(collected):,} versions"
    return "\n".join([*sorted(lines), f"{versions} collected, {n_bytes / 1e6:,.1f} MB freed."])


def _padded(cell: str, width: int, column: Column) -> str:
    return cell.ljust(width) if column.is_text else cell.rjust(width)
