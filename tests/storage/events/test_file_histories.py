"""Histories of a file, made by chance: appends, torn writes, rotations, and readers that end anywhere."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from storage.events.file.appender import FileAppender
from storage.events.file.consumer import FileConsumer
from storage.events.records import Event
from tests.storage.events.streams import NOW_S, event

N_STEPS = 80
KEPT_FILES = 4
MAX_READS = 2_000
LONG_AGO_S = 1_000_000_000


class History:
    """One file, its writer, one reader at a time, and what the reader should be given next."""

    def __init__(self, path: Path, seed: int) -> None:
        self._path = path
        self._chance = np.random.default_rng(seed)
        self._appender = FileAppender(path)
        self._n_appended = 0
        self._n_committed = 0
        self._n_rotations = 0
        self._positions: Mapping[str, str] = {}
        self._restart()

    def run(self) -> None:
        """Some steps, and at the end the rest."""
        steps = (
            self._append,
            self._append,
            self._tear,
            self._rotate,
            self._read,
            self._read,
            self._start_again,
        )
        for which in self._chance.integers(len(steps), size=N_STEPS):
            steps[which]()
        self._append()
        self._read_all()
        assert self._consumer.lag().n_bytes == 0
        self._consumer.close()
        self._appender.close()

    def _append(self) -> None:
        n = int(self._chance.integers(1, 6))
        self._appender.append([event("ann", self._n_appended + number) for number in range(n)])
        self._n_appended += n

    def _tear(self) -> None:
        with self._path.open("ab") as file:
            file.write(b'{"user_id": "ann", "pin_id')

    def _rotate(self) -> None:
        """As logrotate does, but never away from a reader that still needs the file."""
        self._append()
        if self._n_rotations >= KEPT_FILES:
            self._read_all()
        for number in range(KEPT_FILES, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            if older.exists():
                older.replace(self._path.with_name(f"{self._path.name}.{number + 1}"))
        moved = self._path.rename(self._path.with_name(f"{self._path.name}.1"))
        self._n_rotations += 1
        os.utime(moved, (0, LONG_AGO_S + self._n_rotations))
        self._append()

    def _read_all(self) -> None:
        for _ in range(MAX_READS):
            if self._n_read == self._n_appended:
                break
            self._read()
        assert self._n_read == self._n_appended
        self._n_committed = self._n_read
        if self._positions:
            self._consumer.commit(self._positions)
        self._path.with_name(f"{self._path.name}.{KEPT_FILES + 1}").unlink(missing_ok=True)

    def _read(self) -> None:
        """The next ones, and no others; committed by chance."""
        batch = self._consumer.read(int(self._chance.integers(1, 8)), 0)
        if batch.is_empty:
            return
        read = [each.timestamp_s - NOW_S + 1_000 for each in batch.records if isinstance(each, Event)]
        assert read == list(range(self._n_read, self._n_read + len(read)))
        self._n_read += len(read)
        self._positions = batch.positions
        if self._chance.random() < 0.5:
            self._consumer.commit(batch.positions)
            self._n_committed = self._n_read

    def _start_again(self) -> None:
        """What was read and not committed is read again, and nothing else."""
        self._consumer.close()
        self._restart()

    def _restart(self) -> None:
        self._consumer = FileConsumer(self._path, "readers", now=lambda: NOW_S)
        self._n_read = self._n_committed
        self._positions = {}


@pytest.mark.parametrize("seed", range(20))
def test_no_history_loses_repeats_or_reorders(tmp_path: Path, seed: int) -> None:
    """Whatever happened to the file and its readers, each is given exactly what follows the last commit."""
    History(tmp_path / "events.jsonl", seed).run()
