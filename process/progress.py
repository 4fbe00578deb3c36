"""Progress bars for people: drawn on a terminal's stderr, one line a finished step anywhere else."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Item = TypeVar("Item")


class Step(Protocol):
    """A step under way."""

    def advance(self, n: int = 1) -> None:
        """Report n more units done."""
        ...


class Reporter:
    """Reports the steps of one job. `quiet` reports nothing (tests, libraries)."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet)

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Step]:
        """A named step of `total` units, shown while it runs and with its time when it is done."""
        began = time.monotonic()
        with Progress(
            TextColumn("  {task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        ) as progress:
            yield _Step(progress, title, total)
        self._console.print(f"  {title:<28} {time.monotonic() - began:6.1f} s", highlight=False)

    def each(self, title: str, items: Iterable[Item], total: int | None = None) -> Iterator[Item]:
        """Iterate over `items` as one step, a unit each."""
        with self.step(title, total) as step:
            for item in items:
                yield item
                step.advance()

    def say(self, line: str) -> None:
        """Print one line."""
        self._console.print(line, highlight=False)


class _Step:
    def __init__(self, progress: Progress, title: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=total)

    def advance(self, n: int = 1) -> None:
        self._progress.advance(self._task, n)
