"""Pins that kill whoever builds a user with them, as a lack of memory does; and pins that never answer."""

import os
import signal
import time

import numpy as np
from numpy.typing import NDArray

from storage.pins.memory import InMemoryPins
from tests.profile_builder.world import SPACE, make_pins

SURVIVED = 2


class DeadlyPins(InMemoryPins):
    """Answers a few times, then the process is gone."""

    _n_asked = 0

    def pin_ids(self, rows: NDArray[np.integer]) -> list[str]:
        """The ids of rows, or death."""
        self._n_asked += 1
        if self._n_asked > SURVIVED:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().pin_ids(rows)


def deadly_pins() -> DeadlyPins:
    """The world's pins, deadly."""
    pins = make_pins()
    ids = pins.pin_ids(np.arange(pins.n_pins))
    return DeadlyPins(ids, pins.embeddings, embedding_space=SPACE, n_indexed=pins.n_indexed)


def sleeping_pins() -> InMemoryPins:
    """Says which process opens them, which then hears no more."""
    print(os.getpid(), flush=True)
    time.sleep(600)
    return make_pins()
