"""Finished stages on disk: a run that was stopped, or is repeated, goes on from there."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_ROOT = Path(__file__).parents[1]
_SOURCES = ("evaluation", "model")
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
        "resampling.py",
        "results.py",
        "settings.py",
        "stages.py",
    }
)
"""What chooses what to measure, or writes down what was: changing it makes no measurement stale."""

Arrays = Mapping[str, NDArray[np.float64]]


class Stages:
    """Runs a stage, or reads what it gave when it ran with the same inputs, parameters and source.

    Args:
        folder: Holds one file a stage.
        depends_on: What every stage depends on: the data, the protocol.
    """

    def __init__(self, folder: Path, depends_on: object) -> None:
        self._folder = folder
        self._common = json.dumps([depends_on, _source_digest()], sort_keys=True, default=str)
        self.seconds: dict[str, float] = {}

    def run(
        self, name: str, depends_on: object, compute: Callable[[], Arrays]
    ) -> dict[str, NDArray[np.float64]]:
        """The stage's arrays.

        Args:
            name: Fit for a file.
            depends_on: This stage's own parameters, printable.
            compute: What to run when there is no finished stage.
        """
        file = self._folder / f"{name}-{self._digest(depends_on)}.npz"
        if file.exists():
            with np.load(file, allow_pickle=False) as saved:
                return {key: saved[key] for key in saved.files if key != _SECONDS} | self._noted(name, saved)
        began = time.monotonic()
        arrays = dict(compute())
        self.seconds[name] = time.monotonic() - began
        self._write(file, arrays | {_SECONDS: np.array(self.seconds[name])})
        return arrays

    def _noted(self, name: str, saved: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
        """The time that the stage took when it ran."""
        self.seconds[name] = float(saved[_SECONDS])
        return {}

    def _digest(self, depends_on: object) -> str:
        text = self._common + json.dumps(depends_on, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _write(self, file: Path, arrays: Arrays) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f"{file.name}.unfinished-{os.getpid()}")
        with unfinished.open("wb") as writing:
            np.savez(writing, **arrays)  # type: ignore[arg-type] # names are data here
        unfinished.replace(file)


_SECONDS = "_seconds"


def _source_digest() -> str:
    digest = hashlib.sha256()
    for room in _SOURCES:
        # Not the folders below: they make worlds and pages, and a world is known by its content.
        for file in sorted((_ROOT / room).glob("*.py")):
            if file.name not in _NOT_MEASURING:
                digest.update(str(file.relative_to(_ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
