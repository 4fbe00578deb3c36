"""Finished stages on disk: a run that was stopped, or is repeated, goes on from there."""

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import EvaluationError

_ROOT = Path(__file__).parents[1]
_SOURCES = ("evaluation", "model")
_SEARCH = ("storage/pins/hnsw.py", "storage/pins/scoring.py")
_NOT_MEASURING = frozenset(
    {
        "__main__.py",
        "assembling.py",
        "bootstrap.py",
        "choosing.py",
        "comparing.py",
        "experiments.py",
        "indexes.py",
        "paper.py",
        "parts.py",
        "pool_search.py",
        "readings.py",
        "resampling.py",
        "results.py",
        "settings.py",
        "stages.py",
    }
)
"""What chooses what to measure, or writes down what was: changing it makes no measurement stale."""
_SECONDS = "_seconds"

Arrays = Mapping[str, NDArray[np.float64]]


class Stages:
    """Runs a stage, or reads what it gave when it ran with the same inputs, parameters and source.

    Args:
        folder: Holds one file a stage.
        depends_on: What every stage depends on: the data, the protocol.
    """

    def __init__(self, folder: Path, depends_on: object) -> None:
        self._folder = folder
        self._common = json.dumps([depends_on, _measuring_digest()], sort_keys=True, default=str)
        self.seconds: dict[str, float] = {}

    def run(
        self, name: str, depends_on: object, compute: Callable[[], Arrays]
    ) -> dict[str, NDArray[np.float64]]:
        """The stage's arrays.

        Args:
            name: Fit for a file.
            depends_on: This stage's own parameters, printable.
            compute: What to run when there is no finished stage.

        Raises:
            EvaluationError: A finished stage cannot be read; the message says what to delete.
        """
        file = self._folder / f"{name}-{self._digest(depends_on)}.npz"
        if file.exists():
            arrays = _read(file)
            self.seconds[name] = float(arrays.pop(_SECONDS))
            return arrays
        began = time.monotonic()
        arrays = dict(compute())
        self.seconds[name] = time.monotonic() - began
        self._write(file, arrays | {_SECONDS: np.array(self.seconds[name])})
        return arrays

    def _digest(self, depends_on: object) -> str:
        text = self._common + json.dumps(depends_on, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _write(self, file: Path, arrays: Arrays) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f"{file.name}.unfinished-{os.getpid()}")
        with unfinished.open("wb") as writing:
            np.savez(writing, **arrays)  # type: ignore[arg-type] # names are data here
        unfinished.replace(file)


def source_digest(files: Iterable[Path]) -> str:
    """What tells one state of some source files of this repository from another."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(file.relative_to(_ROOT).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def measuring_sources() -> list[Path]:
    """The files on which every measurement rests."""
    # Not the folders below: they make worlds and pages, and a world is known by its content.
    files = [file for room in _SOURCES for file in (_ROOT / room).glob("*.py")]
    measuring = [f for f in files if f.name not in _NOT_MEASURING or f.parent.name != "evaluation"]
    return [*measuring, *(_ROOT / file for file in _SEARCH)]


@cache
def _measuring_digest() -> str:
    """Taken once: what is edited while it runs is not what runs."""
    return source_digest(measuring_sources())


def _read(file: Path) -> dict[str, NDArray[np.float64]]:
    try:
        with file.open("rb") as stored, np.load(stored, allow_pickle=False) as saved:
            return {key: saved[key] for key in saved.files}
    except (zipfile.BadZipFile, EOFError, ValueError) as error:
        raise EvaluationError(
            f"the finished stage {file} is damaged ({error}): delete it, and run again"
        ) from error
