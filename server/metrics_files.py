"""Where the processes of one server leave what they count, for the supervisor to expose it.

NAME.rows    the numbers of one process: server.metrics_rows
NAME.json    its id, and what it serves
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from server.metrics_families import Layout
from server.metrics_rows import as_table

SUPERVISOR = "supervisor"
_ROWS, _STATE = ".rows", ".json"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProcessState:
    """A process that counts.

    Attributes:
        name: Of the worker; `supervisor` for the process that watches over them.
        pid: Of its process.
        table: float64 [rows, width], its numbers.
        versions: What it serves; empty for nothing.
    """

    name: str
    pid: int
    table: NDArray[np.float64]
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counting:
    """Where one process of several counts.

    Attributes:
        folder: Of the server; see `prepare`.
        name: Of the process, the same for the one that takes its place after a crash.
    """

    folder: Path
    name: str

    @property
    def rows(self) -> Path:
        """The file of its numbers."""
        return self.folder / f"{self.name}{_ROWS}"

    def announce(self, versions: Mapping[str, str]) -> None:
        """Say that this process counts here, and what it serves."""
        state = self.folder / f"{self.name}{_STATE}"
        written = state.with_suffix(".new")
        written.write_text(json.dumps({"pid": os.getpid(), "versions": dict(versions)}))
        written.replace(state)


def prepare(folder: Path) -> None:
    """Make the folder, and clear it of what an earlier server counted; before any process counts."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.suffix in (_ROWS, _STATE):
            path.unlink()


def read_states(folder: Path, layout: Layout) -> list[ProcessState]:
    """Who counts, in order of their names."""
    return [_read(path, layout) for path in sorted(folder.glob(f"*{_STATE}"))]


def _read(path: Path, layout: Layout) -> ProcessState:
    state = json.loads(path.read_text())
    table = as_table(path.with_suffix(_ROWS).read_bytes(), layout)
    return ProcessState(name=path.stem, pid=state["pid"], table=table, versions=state["versions"])
