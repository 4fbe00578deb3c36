"""The fallback is the window's most acted-on representatives."""

import numpy as np
import pytest

from profile_builder.actions import ActionTable
from profile_builder.popular import popular_pins
from storage.embedding_space import EmbeddingSpace
from storage.pins.memory import InMemoryPins
from storage.pins.port import NO_ROW

# ant and bee are indexed; bee2 stands behind bee; nobody stands for blur.
PINS = InMemoryPins(
    ["ant", "bee", "cat", "bee2", "blur"],
    np.tile(np.eye(1, 8), (5, 1)).astype(np.float16),
    embedding_space=EmbeddingSpace("one-1", 8),
    representatives=np.array([0, 1, 2, 1, NO_ROW], np.int32),
    n_indexed=3,
)


def table(*acts: tuple[str, float]) -> ActionTable:
    """One user's actions: pins and weights."""
    n = len(acts)
    return ActionTable(
        user_ids=("ann",),
        starts=np.array([0, n]),
        rows=PINS.rows([pin for pin, _ in acts]),
        times_s=np.arange(n, dtype=np.int64),
        weights=np.array([weight for _, weight in acts], np.float64),
    )


ACTS = table(
    ("bee2", 1), ("bee", 5), ("cat", 1), ("ant", 1), ("blur", 1), ("blur", 1), ("cat", -1), ("ant", 0)
)


@pytest.mark.parametrize("n", range(5))
def test_the_most_acted_on_come_first(n: int) -> None:
    """Bee has two, one as its twin; ant and cat one, by id; looks, hides and a pin nobody stands for none."""
    assert popular_pins(ACTS, PINS, n) == ["bee", "ant", "cat"][:n]


def test_without_a_positive_action_there_are_none() -> None:
    """Nobody saved anything."""
    assert popular_pins(table(("cat", 0)), PINS, 400) == []
    assert popular_pins(table(), PINS, 0) == []
