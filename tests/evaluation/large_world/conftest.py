"""A small pool whose topics a person can see: four labels, each a heap of pins around its own axis."""

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluation.large_world.topics import Topics

PER_LABEL = 12


def heap_vectors() -> NDArray[np.float16]:
    """float16 [48, 5]: titles 0 to 11 of label 0 around the first axis, and so on.

    Within a label, titles lean towards the fifth axis, one degree more each. Labels 0 and 1 lean towards each
    other by 30 degrees, as do 2 and 3.
    """
    near = np.radians(30)
    axes = np.zeros((4, 5))
    axes[0, 0] = axes[2, 2] = 1
    axes[1, :2] = np.sin(near), np.cos(near)
    axes[3, 2:4] = np.sin(near), np.cos(near)
    lean = np.radians(np.arange(PER_LABEL))
    fifth = np.eye(5)[4]
    vectors = np.cos(lean)[None, :, None] * axes[:, None] + np.sin(lean)[None, :, None] * fifth
    flat: NDArray[np.float16] = vectors.reshape(-1, 5).astype(np.float16)
    return flat


def heap_labels() -> NDArray[np.int64]:
    """int64 [48]; label 4 has no title."""
    return np.repeat(np.arange(4), PER_LABEL)


@pytest.fixture
def topics() -> Topics:
    return Topics(heap_vectors(), heap_labels(), n_labels=5, relatives=1, hearts=0.25)
